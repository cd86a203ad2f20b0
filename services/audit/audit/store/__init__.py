"""The audit log's statements, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from audit.domain import Change, Entry
from audit.store.reading import page
from core.ids import uuid7
from database import Tx

__all__ = ["add", "count_by_type", "page"]


async def add(tx: Tx, entries: Sequence[Entry], recorded_at: datetime, leaves: Sequence[bytes], epoch: int) -> None:
    """Add `entries`, and their arrival at the log, in one round trip; those already there stay as they are.

    `leaves` are the hashes of their leaves, made with the keys of `epoch`; empty ones are made when they are sealed.
    """
    given = [
        {
            "place": place,
            "id": str(entry.id),
            "type": entry.type.value,
            "actor_kind": entry.actor_kind,
            "actor_id": entry.actor_id,
            "actor_email": entry.actor_email,
            "source": entry.source,
            "target_kind": entry.target_kind,
            "target_id": entry.target_id,
            "diff": _to_json(entry.diff),
            "occurred_at": entry.occurred_at.isoformat(),
            "leaf": f"\\x{leaf.hex()}",
        }
        for place, (entry, leaf) in enumerate(zip(entries, leaves, strict=True))
    ]
    await tx.execute("entries_add", entries=given, arrival_id=uuid7(), recorded_at=recorded_at, epoch=epoch)


async def count_by_type(tx: Tx) -> dict[str, int]:
    """How many entries of each type there are."""
    return {row["type"]: row["entries"] for row in await tx.fetch("entries_count_by_type")}


def _to_json(diff: Sequence[Change]) -> dict[str, dict[str, str]]:
    """`{field: {before, after}}`, a side left out where the field was not there."""
    sides = {change.field: {"before": change.before, "after": change.after} for change in diff}
    return {field: {side: text for side, text in both.items() if text is not None} for field, both in sides.items()}
