"""The audit log's statements, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.domain import Entry
from audit.domain.entry import diff_json
from audit.domain.words import diff_words
from audit.store.reading import page
from core.ids import WorkspaceId, uuid7
from database import Batch, Tx

__all__ = ["Recording", "count_by_type", "page", "record", "record_each"]


@dataclass(frozen=True, slots=True)
class Recording:
    """What is added to one workspace's log at once.

    `leaves` are the hashes of the entries' leaves, made with the keys of `epoch`; empty ones are made when they are sealed.
    """

    workspace_id: WorkspaceId
    entries: Sequence[Entry]
    leaves: Sequence[bytes]
    recorded_at: datetime
    epoch: int


async def record(tx: Tx, recording: Recording) -> None:
    """Add entries with their arrival at the log and their words, in one round trip; those already there stay as they are."""
    await tx.execute("entries_record_enter", **_values(recording))


async def record_each(batch: Batch, recordings: Sequence[Recording]) -> None:
    """The same in several workspaces, in one round trip."""
    values = list(map(_values, recordings))
    each = {name: [one[name] for one in values] for name in (values[0] if values else ())}
    await batch.enter_each("entries_record_enter", [one.workspace_id for one in recordings], **each)


def _values(recording: Recording) -> dict[str, object]:
    entries = recording.entries
    return {
        "ids": [one.id for one in entries],
        "types": [str(one.type) for one in entries],
        "actor_kinds": [one.actor_kind for one in entries],
        "actor_ids": [one.actor_id for one in entries],
        "actor_emails": [one.actor_email for one in entries],
        "sources": [one.source for one in entries],
        "target_kinds": [one.target_kind for one in entries],
        "target_ids": [one.target_id for one in entries],
        "diffs": [diff_json(one.diff) for one in entries],
        "times": [one.occurred_at for one in entries],
        "leaves": recording.leaves,
        "words": [" ".join(diff_words(one.diff)) for one in entries],
        "arrival_id": uuid7(),
        "recorded_at": recording.recorded_at,
        "epoch": recording.epoch,
    }


async def count_by_type(tx: Tx) -> dict[str, int]:
    """How many entries of each type there are."""
    return {row["type"]: row["entries"] for row in await tx.fetch("entries_count_by_type")}
