"""Use case: record what was done."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from audit import store
from audit.domain import Entry
from audit.log.keys import Keys, Salts
from audit.log.making import UNMADE, leaves_of, subjects_of
from audit.store import Recording, search
from core.ids import WorkspaceId
from database import Batch, Tx


async def record(tx: Tx, entries: Sequence[Entry], salts: Salts) -> None:
    """Add entries to the log of the transaction's workspace, with the words they are found by.

    Where a person has no key yet, their leaves are made when they are sealed.
    """
    keys = await salts.known(tx, subjects_of(entries))
    await store.record(tx, _recording(tx.workspace_id, entries, keys, datetime.now(UTC)))


async def record_all(batch: Batch, told: Mapping[WorkspaceId, Sequence[Entry]], salts: Salts) -> int:
    """The same in several workspaces, and what the entries call people and things: two round trips for all of them, and some more for
    each workspace whose keys are not remembered. How many entries were not there before: the others change nothing, names included.
    """
    known = {one: await _known(batch, one, subjects_of(entries), salts) for one, entries in told.items()}
    now = datetime.now(UTC)
    made = []
    for workspace_id, entries in told.items():
        made.append(_recording(workspace_id, entries, known[workspace_id], now))
        # Making leaves is computing: others have their turn in between.
        await asyncio.sleep(0)
    added = await store.record_each(batch, made)
    new = {one: _among(told[one], ids) for one, ids in added.items()}
    # Last: these rows are shared by all entries that tell of the same person, and locked until the transaction ends.
    await search.keep_names_each(batch, new)
    return sum(map(len, new.values()))


def _among(entries: Sequence[Entry], ids: Collection[uuid.UUID]) -> Sequence[Entry]:
    """Those of `entries` that have one of `ids`: nearly always all of them, which is quick to see."""
    return entries if len(ids) == len(entries) else [entry for entry in entries if entry.id in ids]


async def _known(batch: Batch, workspace_id: WorkspaceId, subjects: set[str], salts: Salts) -> Keys | None:
    keys = salts.remembered(workspace_id, subjects)
    return keys if keys is not None else await salts.known(await batch.enter(workspace_id), subjects)


def _recording(
    workspace_id: WorkspaceId, entries: Sequence[Entry], keys: Keys | None, recorded_at: datetime
) -> Recording:
    if keys is None:
        return Recording(workspace_id, entries, [b""] * len(entries), recorded_at, UNMADE)
    return Recording(
        workspace_id, entries, leaves_of(workspace_id, entries, recorded_at, keys), recorded_at, keys.epoch
    )
