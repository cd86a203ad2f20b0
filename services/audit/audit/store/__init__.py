"""The audit log's statements, as functions."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from audit.domain import Entry
from audit.domain.entry import diff_json
from audit.domain.words import diff_words
from audit.store.joining import joined
from audit.store.reading import page
from core.ids import WorkspaceId, uuid7
from database import Batch, Tx

__all__ = ["Recording", "count_by_type", "page", "record", "record_each"]


class Recording(Struct, frozen=True):
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
    rows = await tx.fetch("entries_record_enter", **_recorded(recording))
    ids = rows[0]["ids"] if rows else ()
    if 0 < len(ids) < len(recording.entries):
        await tx.execute("entries_arrive_enter", **_arriving(recording.only(ids)))


async def record_each(batch: Batch, recordings: Sequence[Recording]) -> dict[WorkspaceId, Collection[uuid.UUID]]:
    """The same in several workspaces, in one round trip, or two where some entries had been there.

    The ids of those that had not, of each workspace that has any.
    """
    scopes = [one.workspace_id for one in recordings]
    rows = await batch.enter_each("entries_record_enter", scopes, **_each(list(map(_recorded, recordings))))
    added = {WorkspaceId(row["workspace_id"]): row["ids"] for row in rows}
    some = [
        one.only(added[one.workspace_id])
        for one in recordings
        if 0 < len(added.get(one.workspace_id, ())) < len(one.entries)
    ]
    if some:
        scopes = [one.workspace_id for one in some]
        await batch.enter_each("entries_arrive_enter", scopes, **_each(list(map(_arriving, some))))
    return added


def _each(values: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    """For each parameter its values, one for each workspace."""
    return {parameter: [one[parameter] for one in values] for parameter in (values[0] if values else ())}


def _recorded(recording: Recording) -> dict[str, object]:
    """Entries as columns, and what is added beside them."""
    entries = recording.entries
    columns = {
        "types": [str(one.type) for one in entries],
        "actor_kinds": [one.actor_kind for one in entries],
        "actor_ids": [one.actor_id for one in entries],
        "actor_emails": [one.actor_email for one in entries],
        "sources": [one.source for one in entries],
        "target_kinds": [one.target_kind for one in entries],
        "target_ids": [one.target_id for one in entries],
        "diffs": [diff_json(one.diff) for one in entries],
    }
    times = [one.occurred_at for one in entries]
    return {**_arriving(recording, columns), "times": times, "recorded_at": recording.recorded_at}


def _arriving(recording: Recording, beside: Mapping[str, Sequence[str]] = MappingProxyType({})) -> dict[str, object]:
    """Their arrival at the log; and each word with the second in which entries happened, and these. `beside` are columns to go with it."""
    found: defaultdict[tuple[str, datetime], list[str]] = defaultdict(list)
    for one in recording.entries:
        second, id_ = one.occurred_at.replace(microsecond=0), str(one.id)
        for word in diff_words(one.diff):
            found[word, second].append(id_)
    words = [word for word, _ in found]
    members = [f"{{{','.join(some)}}}" for some in found.values()]
    return {
        **joined({"words": words, "members": members, **beside}),
        "ids": [one.id for one in recording.entries],
        "arrival_id": uuid7(),
        "leaves": b"".join(recording.leaves),
        "epoch": recording.epoch,
        "seconds": [second for _, second in found],
    }


async def count_by_type(tx: Tx) -> dict[str, int]:
    """How many entries of each type there are."""
    return {row["type"]: row["entries"] for row in await tx.fetch("entries_count_by_type")}
