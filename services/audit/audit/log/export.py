"""An export with its proof: what `verify/callmine_verify.py` checks. One JSON object on each line.

The first line names the workspace and holds the signed checkpoint; one line for each position of the log follows, in order; the last one
says that it is the last, and names entries that have no place in the log although they should. What the database holds is told as it is:
judging it is the reader's part.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct

from audit.domain.entry import as_diff
from audit.log import steps, store
from audit.log.leaf import NOBODY, Erasure, Part, Recorded, salt, subject, timestamp
from audit.log.making import subjects_of
from audit.log.steps import Step, StepPart
from audit.log.store import Redaction, sweeps
from audit.log.store import steps as staff
from audit.log.tree import HASH_BYTES, TILE_WIDTH, inclusion, node_from, resolved, tile_of
from core.errors import NotFound, Transient
from core.ids import WorkspaceId
from database import Database, Tx

# Positions that are read at once, a whole number of tiles.
CHUNK = 8 * TILE_WIDTH

_MOST_STRAYS = 1000

# The version of an export that has steps of staff access in it: a verifier of before says that it does not know it, where it would
# otherwise take them for entries that were removed.
WITH_STEPS = 2

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def lines(db: Database, workspace_id: WorkspaceId) -> AsyncIterator[bytes]:
    """The export of a workspace's log as it is now, in chunks of whole lines.

    Raises NotFound where nothing was sealed yet, and Transient when something is erased while it is read: the lines so far are then no
    export.
    """
    async with db.workspace(workspace_id) as tx:
        head = await store.head(tx)
        anchor = await store.latest_anchor(tx)
        version = WITH_STEPS if await staff.any_sealed(tx) else 1
    if not head.checkpoint:
        raise NotFound("nothing of this workspace has been sealed yet: try again when there is an audit entry")
    yield first_line(workspace_id, head.checkpoint, await anchored(db, anchor) if anchor else None, version)
    for first in range(0, head.range.size, CHUNK):
        async with db.workspace(workspace_id) as tx:
            if (await store.head(tx)).epoch != head.epoch:
                raise Transient("something was erased while the log was exported: export it again")
            chunk = await Chunk.read(tx, first, min(first + CHUNK, head.range.size))
        yield b"".join(chunk.lines())
    async with db.workspace(workspace_id) as tx:
        strays = await store.strays(tx, _MOST_STRAYS)
    yield last_line(head.range.size, [(row["id"], row["type"]) for row in strays])


def first_line(workspace_id: str, checkpoint: str, anchored: Mapping[str, object] | None, version: int = 1) -> bytes:
    """The header."""
    return line_of(
        {"callmine_audit_export": version, "workspace": workspace_id, "checkpoint": checkpoint, "anchor": anchored}
    )


def last_line(size: int, strays: Sequence[tuple[uuid.UUID, str]]) -> bytes:
    """The end, with ids and types of entries that have no place in the log although they should."""
    return line_of({"end": size, "strays": [{"id": str(one), "type": kind} for one, kind in strays]})


class Chunk(Struct, frozen=True):
    """What is known of some positions in a row."""

    members: Sequence[tuple[int, uuid.UUID]]
    leaves: Mapping[int, bytes]
    entries: Mapping[uuid.UUID, Recorded]
    redacted: Mapping[tuple[uuid.UUID, Part], Redaction]
    erasures: Sequence[Erasure]
    keys: Mapping[str, bytes]
    steps: Mapping[uuid.UUID, Step]

    @classmethod
    async def read(cls, tx: Tx, first: int, end: int) -> Chunk:
        """What the database holds of positions `first` to `end` - 1; a position that it gives twice is there twice."""
        return await cls.of(tx, await members_of(tx, first, end), first, end)

    @classmethod
    async def of(cls, tx: Tx, members: Sequence[tuple[int, uuid.UUID]], first: int, end: int) -> Chunk:
        """The same of some members only."""
        wanted = [one for _, one in members]
        entries = await store.entries(tx, wanted)
        erasures = await store.erasures(tx)
        records = {one.id for one in erasures}
        taken = await staff.read(tx, [one for one in wanted if one not in entries and one not in records])
        keys, _ = await store.read_keys(tx, subjects_of([one.entry for one in entries.values()]) | {NOBODY})
        numbers = range(first // TILE_WIDTH, (end - 1) // TILE_WIDTH + 1)
        tiles = await store.tiles(tx, [(0, number) for number in numbers])
        leaves = {place: _leaf_in(tiles.get((0, place // TILE_WIDTH), b""), place) for place in range(first, end)}
        redacted = await store.redactions(tx, wanted)
        return cls(members, leaves, entries, redacted, erasures, keys, taken)

    def lines(self) -> list[bytes]:
        """Each position's line."""
        records = {one.id: one for one in self.erasures}
        return [line_of(self._at(index, one, records)) for index, one in self.members]

    def _at(self, index: int, one: uuid.UUID, records: Mapping[uuid.UUID, Erasure]) -> dict[str, object]:
        line: dict[str, object] = {"i": index}
        if self.leaves.get(index):
            line["leaf"] = self.leaves[index].hex()
        if one in records:
            return line | {"erasure": _record(records[one])}
        if one in self.entries:
            return line | self._entry(self.entries[one])
        gone = next((each for each in self.erasures if each.scope == "workspace" and each.covers(index)), None)
        if gone:
            return line | {"erased": gone.request_id}
        return line | (self._step(self.steps[one]) if one in self.steps else {})

    def _step(self, step: Step) -> dict[str, object]:
        key = self.keys.get(NOBODY)
        salts = {part.value: steps.salt(key, step.id, part).hex() for part in StepPart} if key else {}
        return {"staff": steps.told(step), "salts": salts}

    def _entry(self, recorded: Recorded) -> dict[str, object]:
        entry = recorded.entry
        salts, commitments, erased = {}, {}, {}
        for part in Part:
            gone = self.redacted.get((entry.id, part))
            key = self.keys.get(subject(entry, part))
            if gone:
                commitments[part.value], erased[part.value] = gone.commitment.hex(), gone.request_id
            elif key:
                salts[part.value] = salt(key, entry.id, part).hex()
        line: dict[str, object] = {"entry": told(recorded), "salts": salts}
        return line | {"commitments": commitments, "erased": erased} if erased else line


async def members_of(tx: Tx, first: int, end: int) -> list[tuple[int, uuid.UUID]]:
    """Which entries the database gives positions `first` to `end` - 1; a position that it gives twice is there twice."""
    return [
        (start + place, one)
        for start, ids in await store.seals(tx, first, end)
        for place, one in enumerate(ids)
        if first <= start + place < end
    ]


def _leaf_in(tile: bytes, index: int) -> bytes:
    start = index % TILE_WIDTH * HASH_BYTES
    return tile[start : start + HASH_BYTES]


def told(recorded: Recorded) -> dict[str, object]:
    """An entry as it is exported and streamed."""
    entry = recorded.entry
    return {
        "id": str(entry.id),
        "type": entry.type.value,
        "occurred_at": timestamp(entry.occurred_at),
        "recorded_at": timestamp(recorded.recorded_at),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "email": entry.actor_email},
        "source": entry.source,
        "target": {"kind": entry.target_kind, "id": entry.target_id},
        "diff": as_diff(entry.diff),
    }


def _record(erasure: Erasure) -> dict[str, object]:
    return {
        "id": str(erasure.id),
        "request": erasure.request_id,
        "scope": erasure.scope,
        "erased_at": timestamp(erasure.erased_at),
        "positions": [list(run) for run in erasure.positions],
    }


async def anchored(db: Database, anchor: store.Anchor) -> dict[str, object]:
    """Where the workspace's last anchored checkpoint stands in the global log, with the proof for its head of now."""
    async with db.sweep() as tx:
        whole = await sweeps.read_global(tx)
        proof = inclusion(anchor.global_index, whole.range.size)
        nodes = [node for each in proof for node in each]
        tiles = await sweeps.global_tiles(tx, [tile_of(node) for node in nodes])
    path = resolved(proof, lambda node: node_from(tiles.get(tile_of(node), b""), node))
    return {
        "checkpoint": anchor.checkpoint,
        "blind": anchor.blind.hex(),
        "index": anchor.global_index,
        "global": whole.checkpoint,
        "path": [one.hex() for one in path],
    }


def line_of(fields: Mapping[str, object]) -> bytes:
    """One line of an export."""
    return f"{_json(fields)}\n".encode()
