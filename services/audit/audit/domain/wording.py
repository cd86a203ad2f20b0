"""Entries in words, for people: `Weekly win/loss: paused → active`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from audit.domain.entry import Change, Entry, EntryType
from audit.domain.reading import EntrySource

TYPES: Mapping[EntryType, str] = {
    EntryType.INTEGRATION_CONNECTED: "Integration connected",
    EntryType.INTEGRATION_DISCONNECTED: "Integration disconnected",
    EntryType.MEMBER_INVITED: "Member invited",
    EntryType.MEMBER_ADDED: "Member added",
    EntryType.MEMBER_REMOVED: "Member removed",
    EntryType.MEMBER_ROLE_CHANGED: "Role changed",
    EntryType.BILLING_PLAN_CHANGED: "Plan changed",
    EntryType.BILLING_ADDON_PURCHASED: "Add-on bought",
    EntryType.BILLING_PAYMENT_FAILED: "Payment failed",
    EntryType.SCHEDULE_CREATED: "Schedule created",
    EntryType.SCHEDULE_EDITED: "Schedule edited",
    EntryType.SCHEDULE_DELETED: "Schedule deleted",
    EntryType.REPORT_EXPORTED: "Report exported",
    EntryType.WORKSPACE_UPDATED: "Workspace updated",
}

SOURCES: Mapping[EntrySource, str] = {
    EntrySource.WEB: "Web",
    EntrySource.API: "API",
    EntrySource.MCP: "MCP",
    EntrySource.WEBHOOK: "Webhook",
    EntrySource.SCHEDULE: "Schedule",
    EntrySource.SYSTEM: "System",
}

# As the providers spell themselves.
_PROVIDERS = {"gong": "Gong", "hubspot": "HubSpot", "slack": "Slack"}

# In the line of an entry; the whole of a value stands in its diff.
_LONGEST_IN_LINE = 80

# Fields whose values say by themselves what they are.
_SELF_EVIDENT = frozenset({"status", "role", "plan", "name", "email", "format"})


def field_words(field: str) -> str:
    """A field's name as people write it: `report window days`."""
    return field.replace("_", " ")


def value_words(value: str) -> str:
    """A JSON value as people write it: `yes` for true, `a, b` for a list; what is no JSON as it is."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    match found:
        case str():
            return found.replace("_", " ") if found.isidentifier() and found.islower() else found
        case bool():
            return "yes" if found else "no"
        case list():
            return ", ".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in found)
        case _:
            return value


def target_words(entry: Entry, names: Mapping[tuple[str, str], str]) -> str:
    """What the thing is called; its kind where nobody has said (ids say nothing to people)."""
    if not entry.target_id:
        return "Something that was erased"
    if entry.target_kind == "workspace":
        return "This workspace"
    if name := names.get((entry.target_kind, entry.target_id)):
        return name
    if entry.target_kind == "integration":
        return _PROVIDERS.get(entry.target_id, entry.target_id)
    return entry.target_kind.capitalize()


def actor_words(entry: Entry) -> str:
    """Who did it. After a person's erasure nothing of them is left in the entry."""
    return entry.actor_email or entry.actor_id or "Somebody who was erased"


def change_words(change: Change) -> str:
    """`paused → active`, `removed`, or the value that is new."""
    before, after = (None if side is None else _short(value_words(side)) for side in (change.before, change.after))
    if before is None:
        return "" if after is None else after
    return f"{before} → {'(nothing)' if after is None else after}"


def line(entry: Entry, names: Mapping[tuple[str, str], str]) -> str:
    """The entry in one line: what it is about, and its change or how many there are."""
    target = target_words(entry, names)
    told = [change for change in entry.diff if change.before is not None or change.after is not None]
    match told:
        case []:
            return target
        case [one]:
            words = change_words(one)
            # What was called so just now need not be said twice.
            if words == target:
                return target
            return f"{target}: {words if one.field in _SELF_EVIDENT else f'{field_words(one.field)} {words}'}"
        case [one, *others]:
            status = next((change for change in told if change.field == "status" and change.before is not None), None)
            if status is not None:
                return f"{target}: {change_words(status)}, and {_more(len(others))}"
            return f"{target}: {', '.join(field_words(change.field) for change in told[:4])}" + (
                f" and {_more(len(told) - 4)}" if len(told) > 4 else ""
            )
        case _:
            return target


def _more(count: int) -> str:
    return f"{count} more change{'' if count == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_IN_LINE else text[: _LONGEST_IN_LINE - 1] + "…"
