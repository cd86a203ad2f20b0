"""Erasing one report: what was said in it, what it was made from, and its files; nothing of the workspace's other reports.

    1. frozen   the tombstone is committed: nothing can be added for the report and its run any more
    2. settled  every transaction that had not seen the tombstone is over
    3. erased   its rows, in small transactions, and its files

Each step can be repeated. The worker (workers.report_erasures) takes them when retention asks, and handlers.person_erasing for one person's
data: with a request come a day to take it back, the ledger and a certificate. There is no other way to erase a report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from analysis.domain.request import ReportId
from analysis.store import report_erasure as store
from analysis.store.erasing import show_everything
from analysis.store.report_erasure import ReportTombstone
from cloud.objects import WorkspaceFolder
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database, Tx
from messaging import Outbox
from messaging.erasure import store as transactions
from messaging.erasure.people import Count

# Rows of one transaction, and versions of objects of one request for their names.
ROWS_AT_ONCE, OBJECTS_AT_ONCE = 2_000, 500


class Folders(Protocol):
    """The folders of all workspaces."""

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceFolder:
        """The folder of one."""
        ...


class ReportErasing(Struct, frozen=True):
    """Erases reports."""

    db: Database
    outbox: Outbox
    folders: Folders
    rows_at_once: int = ROWS_AT_ONCE

    async def is_settled(self, workspace_id: WorkspaceId, tombstone: ReportTombstone) -> bool:
        """Whether nobody is left who has not seen the tombstone. It is committed, so the barrier is taken after that."""
        async with self.db.workspace(workspace_id) as tx:
            now = await store.read(tx, tombstone.report_id)
        assert now is not None, "a tombstone stays"  # noqa: S101
        barrier = now.barrier
        if barrier is None:
            barrier = await transactions.next_transaction(self.db)
            async with self.db.workspace(workspace_id) as tx:
                await store.bar(tx, tombstone.report_id, barrier)
        return await transactions.over(self.db, barrier)

    async def emptied(
        self, workspace_id: WorkspaceId, tombstone: ReportTombstone, count: Count | None = None
    ) -> Mapping[str, int]:
        """Erase whatever is there; how many rows that were, by table, and versions of objects under `objects`. The tombstone is settled.

        `count` counts them elsewhere as well, in the transactions that erase them.
        """
        found: Counter[str] = Counter()
        for statement in store.statements(self.db):
            rows = self.rows_at_once
            while rows == self.rows_at_once:
                async with self.db.workspace(workspace_id) as tx:
                    await show_everything(tx)
                    rows = await store.delete(tx, statement, tombstone, self.rows_at_once)
                    if rows and count:
                        await count(tx, store.table_of(statement), rows, 0)
                reach("report_erasure.after_batch")
                found[store.table_of(statement)] += rows
        found["objects"] += await self._files(workspace_id, tombstone, count)
        return {name: number for name, number in found.items() if number}

    async def _files(self, workspace_id: WorkspaceId, tombstone: ReportTombstone, count: Count | None) -> int:
        folder, found = self.folders.workspace(workspace_id), 0
        while files := await folder.clear(OBJECTS_AT_ONCE, below=f"exports/{tombstone.report_id}"):
            async with self.db.workspace(workspace_id) as tx:
                await store.count(tx, tombstone.report_id, "", 0, files)
                if count:
                    await count(tx, "", 0, files)
            found += files
        return found

    async def done(self, workspace_id: WorkspaceId, report_id: ReportId) -> ReportTombstone:
        """Note that all is gone; what was erased in all."""
        async with self.db.workspace(workspace_id) as tx:
            await store.erased(tx, report_id)
            done = await store.read(tx, report_id)
        assert done is not None, "a tombstone stays"  # noqa: S101
        return done


async def frozen(tx: Tx, report_id: ReportId) -> ReportTombstone | None:
    """Let nothing more be added for a report and its run; the tombstone, None where there is no such report."""
    await show_everything(tx)
    return await store.read(tx, report_id) or await store.freeze(tx, report_id)
