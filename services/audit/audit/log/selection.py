"""What the filters ask for, with its proof: each entry that is shown is proven to stand in the log, at its position.

JSON lines, in the log's own order. Between the entries that are shown stand the hashes of the perfect subtrees over those that are not, so
that the whole tree follows from the file: a few dozen hashes for each run that is left out, however long it is.

    {"callmine_audit_selection": 1, "workspace": …, "checkpoint": …, "anchor": …, "filters": {…}, "zone": …}
    {"skip": [0, 1200], "nodes": ["…", …]}        positions 0 to 1199
    {"i": 1200, "leaf": "…", "entry": {…}, "salts": {…}}
    {"end": 1201, "shown": 1}

Records of erasures are always shown: without them nobody could tell what was erased from what was left blank. What it cannot prove is that
the filters have left nothing out, for of what is not shown it holds hashes only: that takes the whole export.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from audit.domain.reading import Filters
from audit.log import store
from audit.log.export import CHUNK, Chunk, anchored, line_of, members_of
from audit.log.tree import Node, node_from, perfect, tile_of
from audit.store import reading
from audit.store.reading import Asked
from core.errors import NotFound, Transient
from core.ids import WorkspaceId
from database import Database, Tx

# First and end of positions that are not shown.
Gap = tuple[int, int]


async def lines(db: Database, workspace_id: WorkspaceId, filters: Filters) -> AsyncIterator[bytes]:
    """The selection from the log as it is now, in chunks of whole lines; memory does not grow with the log.

    Raises NotFound where nothing was sealed, and Transient when something is erased while it is read: the lines so far are then no export.
    """
    async with db.workspace(workspace_id) as tx:
        head, anchor = await store.head(tx), await store.latest_anchor(tx)
        zone = await reading.zone_of(tx)
        wanted = await reading.asked(tx, filters, zone)
    if not head.checkpoint:
        raise NotFound("nothing of this workspace has been sealed yet: try again when there is an audit entry")
    yield line_of(
        {
            "callmine_audit_selection": 1,
            "workspace": workspace_id,
            "checkpoint": head.checkpoint,
            "anchor": await anchored(db, anchor) if anchor else None,
            "filters": filters.parameters,
            "zone": zone.key,
        }
    )
    size, after, shown = head.range.size, 0, 0
    for first in range(0, size, CHUNK):
        end = min(first + CHUNK, size)
        async with db.workspace(workspace_id) as tx:
            if (await store.head(tx)).epoch != head.epoch:
                raise Transient("something was erased while the log was exported: export it again")
            part = await _Part.read(tx, first, end, after, wanted, last=end == size)
        yield b"".join(part.lines())
        after, shown = part.after, shown + len(part.chunk.members)
    yield line_of({"end": size, "shown": shown})


class _Part:
    """What is shown of some positions in a row, and the gaps before and between; a gap at the end goes on into the next part."""

    def __init__(self, chunk: Chunk, gaps: Sequence[Gap], nodes: Mapping[Node, bytes], after: int) -> None:
        self.chunk = chunk
        self.after = after
        self._gaps = {end: (first, end) for first, end in gaps}
        self._nodes = nodes

    @classmethod
    async def read(cls, tx: Tx, first: int, end: int, after: int, wanted: Asked, *, last: bool) -> _Part:
        """Positions `first` to `end` - 1; nothing has been said of those from `after` on."""
        members = await members_of(tx, first, end)
        erasures = {one.id for one in await store.erasures(tx)}
        chosen = await store.chosen(tx, [one for _, one in members], wanted) | erasures
        shown = [(index, one) for index, one in members if one in chosen]
        gaps: list[Gap] = []
        for index in [*(index for index, _ in shown), *([end] if last else [])]:
            if index > after:
                gaps.append((after, index))
            after = index if index == end else index + 1
        chunk = await Chunk.of(tx, shown, first, end)
        return cls(chunk, gaps, await _hashes(tx, gaps), after)

    def lines(self) -> list[bytes]:
        """The entries, each behind the gap before it."""
        found: list[bytes] = []
        for (index, _), line in zip(self.chunk.members, self.chunk.lines(), strict=True):
            found += [*self._skipped(index), line]
        return [*found, *(line for end in sorted(self._gaps) for line in self._skipped(end))]

    def _skipped(self, end: int) -> list[bytes]:
        gap = self._gaps.pop(end, None)
        if gap is None:
            return []
        return [line_of({"skip": list(gap), "nodes": [self._nodes[node].hex() for node in perfect(*gap)]})]


async def _hashes(tx: Tx, gaps: Sequence[Gap]) -> dict[Node, bytes]:
    """The hashes of the subtrees over the gaps, in one round trip."""
    nodes = [node for gap in gaps for node in perfect(*gap)]
    tiles = await store.tiles(tx, [tile_of(node) for node in nodes])
    return {node: node_from(tiles.get(tile_of(node), b""), node) for node in nodes}
