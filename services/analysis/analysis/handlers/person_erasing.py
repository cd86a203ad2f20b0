"""analysis' part in the erasure of one person's data: every run that has read a call of theirs goes whole, with its report.

    1. noted    the calls are known as erased: none comes into a run again
    2. ended    a run that has one and is under way is waited for
    3. frozen   each that has ended gets a tombstone, as a report that is erased does, and transactions from before are waited for
    4. erased   its rows and files, with every version; each attempt looks at all runs of the erasure again, for files that came late

What names the person elsewhere goes by statements (queries/people.sql).
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

from msgspec import Struct

from analysis.handlers.report_erasing import ReportErasing
from analysis.store import people
from analysis.store.erasing import show_everything
from analysis.store.report_erasure import ReportTombstone
from contracts.person_erasing import PersonOrder
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Tx
from messaging.erasure.people import Count, PlainPersonPart
from messaging.erasure.people.store import Attempt

# Runs of one look: each may have thousands of calls, which are all compared.
RUNS_AT_ONCE = 50


class PersonRuns(PlainPersonPart, Struct, frozen=True):
    """`erasing` erases one run with its report."""

    erasing: ReportErasing
    runs_at_once: int = RUNS_AT_ONCE

    async def note(self, tx: Tx, order: PersonOrder) -> None:
        """Let none of these calls come into a run again. Only one provider has calls, by whose ids they are known here."""
        await people.add_calls(tx, (call.call_id for call in order.calls))

    async def may_erase(self, workspace_id: WorkspaceId, attempt: Attempt) -> bool:
        """Once no run that has one of the calls is under way, and nothing can be added for any of them."""
        ended = [
            await self._taken(workspace_id, attempt.erasure_id, one) async for one in self._concerned(workspace_id)
        ]
        reach("person_erasure.frozen")
        if not all(ended):
            return False
        async for tombstone in self._runs(workspace_id, attempt.erasure_id):
            if tombstone.erased_at is None and not await self.erasing.is_settled(workspace_id, tombstone):
                return False
        return True

    async def erase(self, workspace_id: WorkspaceId, attempt: Attempt, count: Count) -> None:
        """Whatever there is of each run."""
        async for tombstone in self._runs(workspace_id, attempt.erasure_id):
            await self.erasing.emptied(workspace_id, tombstone, count)
            await self.erasing.done(workspace_id, tombstone.report_id)
            async with self.erasing.db.workspace(workspace_id) as tx:
                # Nothing more, but it shows that somebody is at work.
                await count(tx, "", 0, 0)
            reach("person_erasure.run_erased")

    async def _concerned(self, workspace_id: WorkspaceId) -> AsyncIterator[people.Looked]:
        after = people.FIRST
        while True:
            async with self.erasing.db.workspace(workspace_id) as tx:
                await show_everything(tx)
                page = await people.looked_at(tx, after, self.runs_at_once)
            for one in page:
                if one.concerned:
                    yield one
            if len(page) < self.runs_at_once:
                return
            after = page[-1].id

    async def _taken(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID, one: people.Looked) -> bool:
        """Let nothing be added for a run; False while it is under way."""
        async with self.erasing.db.workspace(workspace_id) as tx:
            await show_everything(tx)
            return await people.take(tx, erasure_id, one.id)

    async def _runs(self, workspace_id: WorkspaceId, erasure_id: uuid.UUID) -> AsyncIterator[ReportTombstone]:
        after = people.FIRST
        while True:
            async with self.erasing.db.workspace(workspace_id) as tx:
                page = await people.taken(tx, erasure_id, after, self.runs_at_once)
            for one in page:
                yield one
            if len(page) < self.runs_at_once:
                return
            after = page[-1].run_id
