"""The diff of an admin action, written alike by every service.

    changes_between({"status": "paused"}, {"status": "active", "name": "Weekly"})   # two FieldChange
    applied({"status": "paused"}, changes)                                          # {"status": "active", "name": "Weekly"}

What may stand in a diff is a matter of its type: text, numbers, yes or no, and lists of texts. A secret is none of these (pydantic's
SecretStr, bytes, a credential's dataclass), so mypy refuses it, and so does this module where mypy was not asked. Diffs are bounded: a
value that is too long is told by its length and digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Final

from callmine.audit.v1.audit_pb2 import FieldChange

Value = str | int | float | bool | list[str] | None

# Characters of JSON. Names, roles, addresses and states are far shorter; a brief or a transcript does not belong into a log.
LONGEST_VALUE: Final = 2000

# The schedule, which has the most, has some thirty.
MOST_FIELDS: Final = 50

_SHOWN_DIGITS = 16


def field_change(field: str, before: Value, after: Value) -> FieldChange:
    """`field` went from `before` to `after`; None where it was, or is, not there. Values travel as JSON, never a secret among them.

    Raises TypeError for what may not stand in a diff.
    """
    return FieldChange(field=field, before=_json(field, before), after=_json(field, after))


def changes_between(before: Mapping[str, Value], after: Mapping[str, Value]) -> list[FieldChange]:
    """The fields in which `after` differs from `before`, in the order of `before`, then of `after`. None counts as not there.

    Raises TypeError for what may not stand in a diff, and ValueError for more than MOST_FIELDS changes.
    """
    fields = dict.fromkeys([*before, *after])
    found = [
        field_change(field, before.get(field), after.get(field))
        for field in fields
        if _json(field, before.get(field)) != _json(field, after.get(field))
    ]
    if len(found) > MOST_FIELDS:
        raise ValueError(f"{len(found)} fields have changed, more than the {MOST_FIELDS} that a diff may have")
    return found


def applied(state: Mapping[str, Value], changes: Iterable[FieldChange]) -> dict[str, Value]:
    """The state after `changes`. Raises ValueError where one of them began from another state.

    A value that was too long is there as what the diff says of it.
    """
    found = dict(state)
    for change in changes:
        before = change.before if change.HasField("before") else None
        if _json(change.field, found.get(change.field)) != before:
            raise ValueError(f"the change of {change.field} began from another value than is there")
        found.pop(change.field, None)
        if change.HasField("after"):
            found[change.field] = json.loads(change.after)
    return found


def _json(field: str, value: Value) -> str | None:
    if value is None:
        return None
    listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not listed and not isinstance(value, str | int | float):
        raise TypeError(
            f"{field} is a {type(value).__name__}: only text, numbers, yes or no and lists of texts stand in a diff"
        )
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= LONGEST_VALUE:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SHOWN_DIGITS]
    return json.dumps(f"{len(text):,} characters, sha256 {digest}")
