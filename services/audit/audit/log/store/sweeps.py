"""The statements of sealing and anchoring, which go through all workspaces, as functions. They see ids and hashes only."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from audit.log.store import Head
from audit.log.tree import Node, Range
from core.errors import CallmineError
from core.ids import WorkspaceId
from database import Row, Tx


class LogBroken(CallmineError):
    """The log of one workspace does not hold together: somebody changed the database by hand. See docs/audit-proof.md."""

    def __init__(self, workspace_id: WorkspaceId) -> None:
        super().__init__(
            "the log of a workspace does not hold together; it is not sealed until somebody has looked at it"
        )
        self.workspace_id = workspace_id


class Arrival(Struct, frozen=True):
    """What one transaction recorded; the ids of entries with commas in between."""

    workspace_id: WorkspaceId
    id: uuid.UUID
    entries: str
    leaves: bytes
    epoch: int


class Grown(Struct, frozen=True):
    """A log that has grown: from which size, by which entries, to which state; and the hashes for its tiles."""

    workspace_id: WorkspaceId
    old_size: int
    entries: str
    range: Range
    checkpoint: str
    tiles: Mapping[Node, bytes]


class Anchoring(Struct, frozen=True):
    """A checkpoint on its way into the global log."""

    workspace_id: WorkspaceId
    size: int
    checkpoint: str
    blind: bytes
    global_index: int


async def take(tx: Tx, limit: int, broken: Iterable[WorkspaceId]) -> list[Arrival]:
    """Take at most `limit` arrivals out of the queue, in no particular order, but those of workspaces whose log is broken."""
    return [Arrival(**dict(row)) for row in await tx.fetch("log_take", limit=limit, broken=sorted(broken))]


async def stale(tx: Tx, limit: int) -> list[WorkspaceId]:
    """Workspaces with arrivals whose leaves are to be made anew."""
    return [WorkspaceId(row["workspace_id"]) for row in await tx.fetch("log_stale", limit=limit)]


async def with_steps(tx: Tx, limit: int) -> list[WorkspaceId]:
    """Workspaces with steps of staff access that have no leaf yet."""
    return [WorkspaceId(row["workspace_id"]) for row in await tx.fetch("staff_waiting", limit=limit)]


async def lock(tx: Tx, workspaces: Iterable[WorkspaceId]) -> dict[WorkspaceId, Head]:
    """The state of logs, made where there is none, and nobody else's until the end of the transaction.

    Raises LogBroken for one whose size and edge do not belong together.
    """
    ids = sorted(workspaces)
    rows = await tx.fetch("log_heads_lock", workspace_ids=ids)
    if len(rows) < len(ids):
        await tx.execute("log_heads_make", workspace_ids=ids)
        rows = await tx.fetch("log_heads_lock", workspace_ids=ids)
    return {WorkspaceId(row["workspace_id"]): _head(row) for row in rows}


async def write(tx: Tx, grown: Sequence[Grown]) -> int:
    """Write what grown logs have more, and move their heads on; how many have moved."""
    await tx.execute(
        "log_seals_add",
        workspace_ids=[one.workspace_id for one in grown],
        first_indexes=[one.old_size for one in grown],
        # PostgreSQL has no arrays of arrays that differ in length.
        entries=[one.entries for one in grown],
    )
    tiles = [(one.workspace_id, *node, hashes) for one in grown for node, hashes in one.tiles.items()]
    await tx.execute(
        "log_tiles_extend",
        workspace_ids=[workspace_id for workspace_id, _, _, _ in tiles],
        levels=[level for _, level, _, _ in tiles],
        numbers=[number for _, _, number, _ in tiles],
        hashes=[hashes for _, _, _, hashes in tiles],
    )
    return await tx.execute(
        "log_heads_move",
        workspace_ids=[one.workspace_id for one in grown],
        old_sizes=[one.old_size for one in grown],
        sizes=[one.range.size for one in grown],
        frontiers=[one.range.packed for one in grown],
        checkpoints=[one.checkpoint for one in grown],
    )


async def unanchored(tx: Tx, limit: int) -> list[tuple[WorkspaceId, int, str]]:
    """Logs whose checkpoint is not in the global log: workspace, size, checkpoint."""
    rows = await tx.fetch("log_heads_unanchored", limit=limit)
    return [(WorkspaceId(row["workspace_id"]), row["size"], row["checkpoint"]) for row in rows]


async def anchor(tx: Tx, anchors: Sequence[Anchoring]) -> None:
    """Note where checkpoints stand in the global log."""
    await tx.execute(
        "log_anchors_add",
        workspace_ids=[one.workspace_id for one in anchors],
        sizes=[one.size for one in anchors],
        checkpoints=[one.checkpoint for one in anchors],
        blinds=[one.blind for one in anchors],
        indexes=[one.global_index for one in anchors],
    )


async def lock_global(tx: Tx) -> Head:
    """The global log's state, nobody else's until the end of the transaction."""
    return _global(await tx.fetch("global_head_lock"))


async def read_global(tx: Tx) -> Head:
    """The global log's state."""
    return _global(await tx.fetch("global_head_read"))


async def write_global(tx: Tx, old: Range, new: Range, checkpoint: str, tiles: Mapping[Node, bytes]) -> int:
    """Write what the global log has more, and move its head on; 1 if it has moved."""
    await tx.execute(
        "global_tiles_extend",
        levels=[level for level, _ in tiles],
        numbers=[number for _, number in tiles],
        hashes=list(tiles.values()),
    )
    return await tx.execute(
        "global_head_move", old_size=old.size, size=new.size, frontier=new.packed, checkpoint=checkpoint
    )


async def global_tiles(tx: Tx, wanted: Iterable[Node]) -> dict[Node, bytes]:
    """Tiles of the global log by level and number, as far as there are any."""
    named = sorted(set(wanted))
    rows = await tx.fetch("global_tiles_read", levels=[one[0] for one in named], numbers=[one[1] for one in named])
    return {(row["level"], row["number"]): row["hashes"] for row in rows}


async def waiting(tx: Tx) -> int:
    """How many entries of all workspaces have no place yet."""
    found = await tx.fetch_value("log_waiting")
    assert isinstance(found, int)  # noqa: S101 - what the statement casts to
    return found


def _head(row: Row) -> Head:
    try:
        return Head(Range.parse(row["size"], row["frontier"]), epoch=row["epoch"])
    except ValueError as error:
        raise LogBroken(WorkspaceId(row["workspace_id"])) from error


def _global(rows: Sequence[Row]) -> Head:
    (row,) = rows
    return Head(Range.parse(row["size"], row["frontier"]), row["checkpoint"])
