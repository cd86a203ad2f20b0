"""What an audit entry is. Pure."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Sequence
from datetime import datetime
from json.encoder import encode_basestring
from typing import NamedTuple

from core.errors import InvalidInput


class EntryType(enum.StrEnum):
    """The fourteen types, and no fifteenth."""

    INTEGRATION_CONNECTED = "integration.connected"
    INTEGRATION_DISCONNECTED = "integration.disconnected"
    MEMBER_INVITED = "member.invited"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    BILLING_PLAN_CHANGED = "billing.plan_changed"
    BILLING_ADDON_PURCHASED = "billing.addon_purchased"
    BILLING_PAYMENT_FAILED = "billing.payment_failed"
    SCHEDULE_CREATED = "schedule.created"
    SCHEDULE_EDITED = "schedule.edited"
    SCHEDULE_DELETED = "schedule.deleted"
    REPORT_EXPORTED = "report.exported"
    WORKSPACE_UPDATED = "workspace.updated"

    @classmethod
    def parse(cls, text: str) -> EntryType:
        """The type called `text`. Raises InvalidInput."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput("There is no such type of audit entry: choose one from the list.") from None


# Entries, and what they consist of, are made by the thousand: a frozen dataclass of as many fields takes six times as long to make.


class Change(NamedTuple):
    """One field of a diff; None where the field was, or is, not there."""

    field: str
    before: str | None
    after: str | None


class Entry(NamedTuple):
    """Who did what to which thing, when, and what it changed. `recorded_at` is when it came into the log; None before it has."""

    id: uuid.UUID
    type: EntryType
    actor_kind: str
    actor_id: str
    actor_email: str
    source: str
    target_kind: str
    target_id: str
    diff: tuple[Change, ...]
    occurred_at: datetime
    recorded_at: datetime | None = None


def as_diff(changes: Sequence[Change]) -> dict[str, dict[str, str]]:
    """A diff as it is kept and shown: `{field: {before, after}}`, a side left out where the field was not there."""
    sides = {one.field: {"before": one.before, "after": one.after} for one in changes}
    return {field: {side: text for side, text in both.items() if text is not None} for field, both in sides.items()}


def diff_json(changes: Sequence[Change]) -> str:
    """The same as JSON; written out, since an encoder is made anew for each value, which takes longer than a few texts do."""
    # A field that is told twice is kept once.
    last = {one.field: one for one in changes}
    return f"{{{','.join([_side_json(*one) for one in last.values()])}}}"


def _side_json(field: str, before: str | None, after: str | None) -> str:
    name = encode_basestring(field)
    if after is None:
        return f"{name}:{{}}" if before is None else f'{name}:{{"before":{encode_basestring(before)}}}'
    if before is None:
        return f'{name}:{{"after":{encode_basestring(after)}}}'
    return f'{name}:{{"before":{encode_basestring(before)},"after":{encode_basestring(after)}}}'
