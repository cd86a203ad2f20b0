"""The worker that carries on the erasures of reports that retention asks for.

    frozen   nothing can be added; once everybody has seen it, that is told
    erased   all that is there is erased, which is told
    then     each verification that is asked for erases again whatever there is, and tells it

Every step is a transaction that can be repeated; who dies leaves an erasure that is due again after a minute.
"""

from __future__ import annotations

from functools import partial

from msgspec import Struct, field

from analysis.domain.report_erasing import Answer, Asked, Stage
from analysis.handlers.report_erasing import ReportErasing
from analysis.handlers.report_orders import tell
from analysis.store import report_erasure as store
from analysis.store.report_erasure import DueReport, ReportOrder, ReportTombstone
from core.clock import Clock, SystemClock
from core.faultpoints import reach
from core.log import logger
from messaging.erasure.eraser import LEASE_SECONDS
from messaging.erasure.worker import QUIET_SECONDS, carried_on

log = logger("analysis.report_erasures")


class ReportErasureWorker(Struct, frozen=True):
    """A round of `runtime.rounds`.

    Times are in seconds: how long to wait for transactions under way, and before a verification for those who make files.
    """

    erasing: ReportErasing
    settle_seconds: float = 1.0
    quiet_seconds: float = QUIET_SECONDS
    at_once: int = 5
    clock: Clock = field(default_factory=SystemClock)

    async def once(self) -> bool:
        """Look at the erasures that are due; False when none could be carried on. Raises Transient when the database is away."""
        return any([await self._looked_at(one) for one in await store.due(self.erasing.db, self.at_once)])

    async def _looked_at(self, due: DueReport) -> bool:
        claim = partial(store.claim, report_id=due.report_id, seconds=LEASE_SECONDS)
        return await carried_on(self.erasing.db, due.workspace_id, claim, partial(self._carry_on, due))

    async def _carry_on(self, due: DueReport) -> None:
        async with self.erasing.db.workspace(due.workspace_id) as tx:
            order, tombstone = await store.ordered(tx, due.report_id), await store.read(tx, due.report_id)
        if order is None or tombstone is None:
            return
        if not await self.erasing.is_settled(due.workspace_id, tombstone):
            await self._wait(due, self.settle_seconds)
        elif order.told is None:
            await self._told(due, order, Stage.FROZEN)
        elif order.told == "frozen":
            await self._erase(due, order, tombstone)
        elif order.asked_attempt > order.answered_attempt:
            await self._verify(due, order, tombstone)
        else:
            await self._wait(due, None)

    async def _wait(self, due: DueReport, seconds: float | None) -> None:
        async with self.erasing.db.workspace(due.workspace_id) as tx:
            await store.later(tx, due.report_id, seconds)

    async def _told(
        self, due: DueReport, order: ReportOrder, stage: Stage, erased: ReportTombstone | None = None
    ) -> None:
        async with self.erasing.db.workspace(due.workspace_id) as tx:
            if await store.told(tx, due.report_id, order.erasure_id, stage):
                rows, objects = (erased.rows, erased.objects) if erased else ({}, 0)
                asked = Asked(order.erasure_id, due.report_id)
                await tell(
                    self.erasing.outbox, tx, Answer(asked=asked, stage=stage, rows=rows, objects=objects), self.clock
                )
            reach(f"report_erasure.before_{stage}")

    async def _erase(self, due: DueReport, order: ReportOrder, tombstone: ReportTombstone) -> None:
        await self.erasing.emptied(due.workspace_id, tombstone)
        reach("report_erasure.emptied")
        done = await self.erasing.done(due.workspace_id, due.report_id)
        await self._told(due, order, Stage.ERASED, done)
        log.info("a report is erased")

    async def _verify(self, due: DueReport, order: ReportOrder, tombstone: ReportTombstone) -> None:
        # Who was making a file when all was erased may still put it there.
        if (seconds := self.quiet_seconds - (order.erased_seconds or 0.0)) > 0:
            await self._wait(due, seconds)
            return
        left, attempt = await self.erasing.emptied(due.workspace_id, tombstone), order.asked_attempt
        async with self.erasing.db.workspace(due.workspace_id) as tx:
            if await store.answered(tx, due.report_id, order.erasure_id, attempt):
                asked = Asked(order.erasure_id, due.report_id)
                answer = Answer(asked=asked, stage=Stage.VERIFIED, left=left, attempt=attempt)
                await tell(self.erasing.outbox, tx, answer, self.clock)
            reach("report_erasure.before_verified")
        if left:
            log.warning("something was left of an erased report, and is erased now", tables=" ".join(sorted(left)))
