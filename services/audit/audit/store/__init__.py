"""The audit log's statements, as functions."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from audit.domain import Entry
from audit.domain.entry import diff_json
from audit.domain.words import diff_words
from audit.store.reading import page
from core.ids import WorkspaceId, uuid7
from database import Batch, Row, Tx

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

    def only(self, ids: Collection[uuid.UUID]) -> Recording:
        """The same of some entries, each once."""
        kept = {one.id: (one, leaf) for one, leaf in zip(self.entries, self.leaves, strict=True) if one.id in set(ids)}
        entries, leaves = [one for one, _ in kept.values()], [leaf for _, leaf in kept.values()]
        return replace(self, entries=entries, leaves=leaves)


async def record(tx: Tx, recording: Recording) -> None:
    """Add entries with their arrival at the log and their words, in one round trip; those already there stay as they are."""
    rows = await tx.fetch("entries_record_enter", **_told(recording), **_arriving(recording))
    ids = rows[0]["ids"] if rows else ()
    if 0 < len(ids) < len(recording.entries):
        some = recording.only(ids)
        await tx.execute("entries_arrive_enter", ids=_ids_of(some.entries), **_arriving(some))


async def record_each(batch: Batch, recordings: Sequence[Recording]) -> dict[WorkspaceId, Collection[uuid.UUID]]:
    """The same in several workspaces, in one round trip, or two where some entries had been there.

    The ids of those that had not, of each workspace that has any.
    """
    rows = await _in_each(
        batch, "entries_record_enter", recordings, [{**_told(one), **_arriving(one)} for one in recordings]
    )
    added = {WorkspaceId(row["workspace_id"]): row["ids"] for row in rows}
    some = [
        one.only(added[one.workspace_id])
        for one in recordings
        if 0 < len(added.get(one.workspace_id, ())) < len(one.entries)
    ]
    if some:
        arriving = [{"ids": _ids_of(one.entries), **_arriving(one)} for one in some]
        await _in_each(batch, "entries_arrive_enter", some, arriving)
    return added


async def _in_each(
    batch: Batch, name: str, recordings: Sequence[Recording], values: Sequence[Mapping[str, object]]
) -> list[Row]:
    each = {parameter: [one[parameter] for one in values] for parameter in (values[0] if values else ())}
    return await batch.enter_each(name, [one.workspace_id for one in recordings], **each)


def _told(recording: Recording) -> dict[str, object]:
    """Entries as columns."""
    entries = recording.entries
    return {
        "ids": _ids_of(entries),
        "types": [str(one.type) for one in entries],
        "actor_kinds": [one.actor_kind for one in entries],
        "actor_ids": [one.actor_id for one in entries],
        "actor_emails": [one.actor_email for one in entries],
        "sources": [one.source for one in entries],
        "target_kinds": [one.target_kind for one in entries],
        "target_ids": [one.target_id for one in entries],
        "diffs": [diff_json(one.diff) for one in entries],
        "times": [one.occurred_at for one in entries],
        "recorded_at": recording.recorded_at,
    }


def _arriving(recording: Recording) -> dict[str, object]:
    """What is added beside them: their arrival; and each word with the second in which entries happened, and these."""
    found: defaultdict[tuple[str, datetime], list[str]] = defaultdict(list)
    for one in recording.entries:
        second, member = one.occurred_at.replace(microsecond=0), str(one.id)
        for word in diff_words(one.diff):
            found[word, second].append(member)
    return {
        "arrival_id": uuid7(),
        "leaves": b"".join(recording.leaves),
        "epoch": recording.epoch,
        "words": [word for word, _ in found],
        "seconds": [second for _, second in found],
        "members": [f"{{{','.join(members)}}}" for members in found.values()],
    }


def _ids_of(entries: Sequence[Entry]) -> list[uuid.UUID]:
    """Their ids."""
    return [one.id for one in entries]


async def count_by_type(tx: Tx) -> dict[str, int]:
    """How many entries of each type there are."""
    return {row["type"]: row["entries"] for row in await tx.fetch("entries_count_by_type")}
