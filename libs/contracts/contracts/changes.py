"""The diff of an admin action, written alike by every service."""

from __future__ import annotations

import json

from callmine.audit.v1.audit_pb2 import FieldChange

Value = str | int | float | bool | list[str] | None


def field_change(field: str, before: Value, after: Value) -> FieldChange:
    """`field` went from `before` to `after`; None where it was, or is, not there. Values travel as JSON, never a secret among them."""
    return FieldChange(field=field, before=_json(before), after=_json(after))


def _json(value: Value) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
