"""What empties a service's tables and a workspace's folder, in small transactions that can stop anywhere and go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database, Tx
from database.queries import Statement
from messaging.erasure import store

# The statements that erase have these letters before the name of their table.
_ERASE = "erase_"

# Rows of one transaction: some tens of milliseconds, so that nobody waits for its locks.
ROWS_AT_ONCE = 2_000

# How long an erasure is somebody's who does not come on: far longer than one batch takes.
LEASE_SECONDS = 60.0


class Folder(Protocol):
    """All objects of one workspace."""

    async def clear(self, most: int) -> int:
        """Delete at most `most` versions of objects, whatever their names; how many there were. Raises Transient."""
        ...


class Folders(Protocol):
    """The folders of all workspaces."""

    def workspace(self, workspace_id: WorkspaceId) -> Folder:
        """The folder of one."""
        ...


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases what is there of a workspace with a tombstone. `opening` shows all rows where policies hide some."""

    db: Database
    folders: Folders | None = None
    opening: Callable[[Tx], Awaitable[None]] | None = None
    rows_at_once: int = ROWS_AT_ONCE
    objects_at_once: int = 500

    async def erase(self, workspace_id: WorkspaceId) -> Mapping[str, int]:
        """Erase all rows and objects; how many, by table, and objects under `objects`. What was erased is counted in the tombstone as well.

        Raises Transient, after which it is called again; RuntimeError where the workspace has no tombstone that is settled.
        """
        async with self.db.workspace(workspace_id) as tx:
            tombstone = await store.read(tx)
        if tombstone is None or not await store.settled(self.db, tombstone):
            raise RuntimeError("a workspace is erased once nothing can be added to it any more")
        gone: Counter[str] = Counter()
        for statement in self.statements:
            gone[statement.name.removeprefix(_ERASE)] += await self._empty(workspace_id, statement)
        if self.folders is not None:
            gone["objects"] += await self._clear(workspace_id, self.folders.workspace(workspace_id))
        return {name: number for name, number in gone.items() if number}

    @property
    def statements(self) -> list[Statement]:
        """What erases, in the order in which it has to be done."""
        return [statement for statement in self.db.queries if statement.name.startswith(_ERASE)]

    async def _empty(self, workspace_id: WorkspaceId, statement: Statement) -> int:
        """Delete a table's rows of the workspace, batch by batch."""
        total, batch = 0, self.rows_at_once
        while batch == self.rows_at_once:
            batch = await self._batch(workspace_id, statement)
            total += batch
            reach("erasure.after_batch")
        return total

    async def _batch(self, workspace_id: WorkspaceId, statement: Statement) -> int:
        relation, rows = statement.name.removeprefix(_ERASE), 0
        if statement.crosses_workspaces:
            async with self.db.sweep() as sweep:
                rows = await sweep.run(statement, workspace=workspace_id, most=self.rows_at_once)
        async with self.db.workspace(workspace_id) as tx:
            if not statement.crosses_workspaces:
                if self.opening is not None:
                    await self.opening(tx)
                rows = await tx.run(statement, most=self.rows_at_once)
            if rows:
                await store.count(tx, relation, rows, LEASE_SECONDS)
            reach("erasure.before_commit")
        return rows

    async def _clear(self, workspace_id: WorkspaceId, folder: Folder) -> int:
        total = 0
        while cleared := await folder.clear(self.objects_at_once):
            async with self.db.workspace(workspace_id) as tx:
                await store.count(tx, "objects", 0, LEASE_SECONDS, cleared)
            total += cleared
        return total
