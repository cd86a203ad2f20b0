"""What empties a service's tables and a workspace's folder, in small transactions that can stop anywhere and go on."""

from __future__ import annotations

import itertools
import time
from asyncio import sleep
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database, Tx
from database.queries import Statement
from messaging.erasure import store

# The statements that erase have these letters before the name of their table.
_ERASE = "erase_"

# Rows of a transaction: few, so that what it writes comes in portions that nobody else's commit waits for long. Each one looks past what
# those before have deleted: their size grows by a part of that, or time would grow with the square of the rows.
ROWS_AT_ONCE = 300
MOST_ROWS_AT_ONCE = 64_000
GROWS_BY = 256

# After a transaction the others have the database to themselves for as long as it took, up to some seconds.
LONGEST_REST_SECONDS = 2.0

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


class Eraser(Struct, frozen=True):
    """Erases what is there of a workspace with a tombstone. `opening` shows all rows where policies hide some."""

    db: Database
    folders: Folders | None = None
    opening: Callable[[Tx], Awaitable[None]] | None = None
    rows_at_once: int = ROWS_AT_ONCE
    objects_at_once: int = 800

    async def erase(self, workspace_id: WorkspaceId) -> Mapping[str, int]:
        """Erase all rows and objects; how many, by table, and objects under `objects`. What was erased is counted in the tombstone as well.

        Raises Transient, after which it is called again; RuntimeError where the workspace has no tombstone that is settled.
        """
        async with self.db.workspace(workspace_id) as tx:
            tombstone = await store.read(tx)
        if tombstone is None or not await store.settled(self.db, tombstone):
            raise RuntimeError("a workspace is erased once nothing can be added to it any more")
        gone: Counter[str] = Counter()
        # One after the other: together they would leave less to everybody else, and gain little, for most of the time goes to the objects.
        if self.folders is not None:
            await self._clear(workspace_id, self.folders.workspace(workspace_id), gone)
        await self._rows(workspace_id, gone)
        return {name: number for name, number in gone.items() if number}

    @property
    def statements(self) -> list[Statement]:
        """What erases, in the order in which it has to be done."""
        return [statement for statement in self.db.queries if statement.name.startswith(_ERASE)]

    async def _rows(self, workspace_id: WorkspaceId, gone: Counter[str]) -> None:
        for sweeps, statements in itertools.groupby(self.statements, lambda one: one.crosses_workspaces):
            await self._empty(workspace_id, deque(statements), gone, sweeps=sweeps)

    async def _empty(
        self, workspace_id: WorkspaceId, waiting: deque[Statement], gone: Counter[str], *, sweeps: bool
    ) -> None:
        """Delete the workspace's rows of several tables, one after the other; a transaction takes so many rows, of however many tables."""
        deleted = 0
        while waiting:
            most = min(self.rows_at_once + deleted // GROWS_BY, max(self.rows_at_once, MOST_ROWS_AT_ONCE))
            began = time.monotonic()
            batch = await (self._swept if sweeps else self._deleted)(workspace_id, waiting, most)
            deleted += sum(batch.rows.values())
            gone.update(batch.rows)
            for _ in range(batch.emptied):
                waiting.popleft()
            reach("erasure.after_batch")
            if waiting:
                await sleep(min(time.monotonic() - began, LONGEST_REST_SECONDS))

    async def _deleted(self, workspace_id: WorkspaceId, waiting: Iterable[Statement], most: int) -> _Batch:
        async with self.db.workspace(workspace_id) as tx:
            if self.opening is not None:
                await self.opening(tx)
            batch = await _batch(waiting, most, lambda one, rows: tx.run(one, most=rows))
            await _count(tx, batch)
        return batch

    async def _swept(self, workspace_id: WorkspaceId, waiting: Iterable[Statement], most: int) -> _Batch:
        async with self.db.sweep() as sweep:
            batch = await _batch(waiting, most, lambda one, rows: sweep.run(one, workspace=workspace_id, most=rows))
        async with self.db.workspace(workspace_id) as tx:
            await _count(tx, batch)
        return batch

    async def _clear(self, workspace_id: WorkspaceId, folder: Folder, gone: Counter[str]) -> None:
        while cleared := await folder.clear(self.objects_at_once):
            async with self.db.workspace(workspace_id) as tx:
                await store.count(tx, "objects", 0, LEASE_SECONDS, cleared)
            gone["objects"] += cleared


class _Batch(Struct, frozen=True):
    """What one transaction has deleted, by table, and how many of the statements before it have nothing left to do."""

    rows: Mapping[str, int]
    emptied: int


async def _batch(waiting: Iterable[Statement], most: int, run: Callable[[Statement, int], Awaitable[int]]) -> _Batch:
    rows: dict[str, int] = {}
    emptied = 0
    for statement in waiting:
        deleted = await run(statement, most)
        rows[statement.name.removeprefix(_ERASE)] = deleted
        most -= deleted
        if most == 0:
            break
        emptied += 1
    return _Batch({name: number for name, number in rows.items() if number}, emptied)


async def _count(tx: Tx, batch: _Batch) -> None:
    for relation, rows in batch.rows.items():
        await store.count(tx, relation, rows, LEASE_SECONDS)
    reach("erasure.before_commit")
