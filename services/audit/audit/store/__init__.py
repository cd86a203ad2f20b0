"""The audit log's statements, as functions."""

from __future__ import annotations

from collections.abc import Sequence

from audit.domain import Change, Entry
from audit.store.reading import page
from database import Tx

__all__ = ["add", "count_by_type", "page"]


async def add(tx: Tx, entries: Sequence[Entry]) -> None:
    """Add `entries` in one round trip; those already there stay as they are."""
    await tx.execute(
        "entries_add",
        ids=[entry.id for entry in entries],
        types=[entry.type.value for entry in entries],
        actor_kinds=[entry.actor_kind for entry in entries],
        actor_ids=[entry.actor_id for entry in entries],
        actor_emails=[entry.actor_email for entry in entries],
        sources=[entry.source for entry in entries],
        target_kinds=[entry.target_kind for entry in entries],
        target_ids=[entry.target_id for entry in entries],
        diffs=[_to_json(entry.diff) for entry in entries],
        times=[entry.occurred_at for entry in entries],
    )


async def count_by_type(tx: Tx) -> dict[str, int]:
    """How many entries of each type there are."""
    return {row["type"]: row["entries"] for row in await tx.fetch("entries_count_by_type")}


def _to_json(diff: Sequence[Change]) -> dict[str, dict[str, str]]:
    """`{field: {before, after}}`, a side left out where the field was not there."""
    sides = {change.field: {"before": change.before, "after": change.after} for change in diff}
    return {field: {side: text for side, text in both.items() if text is not None} for field, both in sides.items()}
