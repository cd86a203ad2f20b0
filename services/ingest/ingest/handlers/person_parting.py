"""What is ingest's own in the erasure of a person's data: the calls that they took part in, with every version of their objects.

The fence is set with the order, from its ids alone: after a restore there is nothing else (docs/erasure.md).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from msgspec import Struct

from cloud.objects import WorkspaceFolder
from contracts import Actor
from contracts.person_erasing import PersonOrder
from core.clock import Clock
from core.errors import CallmineError, InvalidInput
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database, Tx
from ingest.handlers.taking_back import take_back_all
from ingest.store import addresses, call_tombstones, person_searches, workspaces
from messaging import Outbox
from messaging.erasure.people.eraser import ROWS_AT_ONCE, Count
from messaging.erasure.people.store import Attempt

# Folders that are looked at between two signs of life, and at once; versions of objects of one request for their names.
FOLDERS, FOLDERS_AT_ONCE, VERSIONS = 200, 8, 500


class Folders(Protocol):
    """The folders of all workspaces."""

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceFolder:
        """The folder of one."""
        ...


class PersonCalls(Struct, frozen=True):
    """A `messaging.erasure.people.PersonPart`."""

    db: Database
    outbox: Outbox
    folders: Folders
    clock: Clock
    rows_at_once: int = ROWS_AT_ONCE
    folders_at_a_time: int = FOLDERS

    async def note(self, tx: Tx, order: PersonOrder) -> None:
        """Let nothing more be added for the calls of the order, nor of what Clerk said of invitations to who has left."""
        await call_tombstones.put(tx, order.erasure_id, order.attempt, order.calls)
        await addresses.forget_invitations(tx, order.user_ids, self.clock.now())

    async def may_erase(self, workspace_id: WorkspaceId, attempt: Attempt) -> bool:
        """Once no key of theirs can be used: after a restore one may be there that had been taken back."""
        async with self.db.workspace(workspace_id) as tx:
            if await workspaces.known(tx) is not None:
                for user_id in await addresses.strangers(tx, attempt.user_ids):
                    await take_back_all(tx, self.outbox, user_id, Actor())
        return True

    async def keys(self, tx: Tx, user_ids: Sequence[str]) -> list[uuid.UUID]:
        """Keys are ingest's own."""
        return await addresses.own_keys(tx, user_ids)

    async def erase(self, workspace_id: WorkspaceId, attempt: Attempt, count: Count) -> None:
        """Erase what is kept of the calls, and of what had the address alone tell that it went with the search. Raises Transient."""
        async with self.db.workspace(workspace_id) as tx:
            for table, rows in (await person_searches.untold(tx, attempt.erasure_id, attempt.attempt)).items():
                await count(tx, table, rows, 0)
        await self._let_go(workspace_id, count)
        await self._rows(workspace_id, attempt.erasure_id, count)
        async for folders in self._places(workspace_id, attempt.erasure_id):
            await self._objects(workspace_id, folders, count)

    async def _let_go(self, workspace_id: WorkspaceId, count: Count) -> None:
        """Have runs that are under way leave the calls out, and say so."""
        async with self.db.workspace(workspace_id) as tx:
            under_way = await call_tombstones.under_way(tx)
        for job_id in under_way:
            async with self.db.workspace(workspace_id) as tx:
                if gone := await call_tombstones.let_go(tx, job_id):
                    await count(tx, "run_calls", gone, 0)
                reach("person_erasure.before_let_go")

    async def _rows(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID, count: Count) -> None:
        for statement in call_tombstones.statements(self.db):
            rows = self.rows_at_once
            while rows == self.rows_at_once:
                async with self.db.workspace(workspace_id) as tx:
                    rows = await call_tombstones.erase(tx, statement, erasure_id, self.rows_at_once)
                    if rows:
                        await count(tx, call_tombstones.table_of(statement), rows, 0)
                reach("person_erasure.after_calls")

    async def _places(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID) -> AsyncIterator[list[str]]:
        """The folders of the calls, and of samples that nobody can tell whom they show: they have no address and no call's id."""
        after, behind, most = "", uuid.UUID(int=0), self.folders_at_a_time
        while calls := await self._calls(workspace_id, erasure_id, after, most):
            yield [f"calls/{call_id}" for call_id in calls]
            after = calls[-1]
        while previews := await self._previews(workspace_id, erasure_id, behind, most):
            yield [f"previews/{preview_id}" for preview_id in previews]
            behind = previews[-1]

    async def _calls(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID, after: str, most: int) -> Sequence[str]:
        async with self.db.workspace(workspace_id) as tx:
            return await call_tombstones.page(tx, erasure_id, after, most)

    async def _previews(
        self, workspace_id: WorkspaceId, erasure_id: uuid.UUID, behind: uuid.UUID, most: int
    ) -> Sequence[uuid.UUID]:
        async with self.db.workspace(workspace_id) as tx:
            return await call_tombstones.previews(tx, erasure_id, behind, most)

    async def _objects(self, workspace_id: WorkspaceId, folders: Sequence[str], count: Count) -> None:
        """Delete every version of what is in these folders, and count it: that keeps the attempt, also where nothing was there."""
        folder, slots = self.folders.workspace(workspace_id), asyncio.Semaphore(FOLDERS_AT_ONCE)

        async def emptied(below: str) -> int:
            async with slots:
                return await _emptied(folder, below)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(emptied(below)) for below in folders]
        except* CallmineError as failed:
            raise failed.exceptions[0] from failed
        async with self.db.workspace(workspace_id) as tx:
            await count(tx, "", 0, sum(task.result() for task in tasks))
        reach("person_erasure.after_objects")


async def _emptied(folder: WorkspaceFolder, below: str) -> int:
    """How many versions of objects there were in a folder; they are deleted."""
    total = 0
    try:
        while found := await folder.clear(VERSIONS, below=below):
            total += found
    except InvalidInput:
        # Nothing can have been written under such a name.
        return 0
    return total
