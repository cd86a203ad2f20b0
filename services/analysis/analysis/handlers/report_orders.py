"""What retention asks about the erasure of one report. A report of another workspace is answered as one that does not exist."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from analysis import events
from analysis.domain.report_erasing import Answer, Asked, Stage
from analysis.handlers.report_erasing import frozen
from analysis.store import report_erasure as store
from analysis.store.erasing import show_everything
from contracts import Event
from core.clock import Clock, SystemClock
from database import Tx
from messaging import Outbox, Routes


class ReportOrders(Struct, frozen=True):
    """The use cases. `wake` is called once there is something to erase: a hint for the worker."""

    outbox: Outbox
    wake: Callable[[], None]
    clock: Clock = field(default_factory=SystemClock)

    def routes(self) -> Routes:
        """What is done with each message."""
        routes = Routes()
        routes.on(events.ReportErasureAnnounced, self.announced)
        routes.on(events.ReportErasureRequested, self.requested)
        routes.on(events.ReportErasureVerify, self.verify)
        return routes

    async def announced(self, tx: Tx, event: Event[events.ReportErasureAnnounced]) -> None:
        """Tell at once where there is no such report, so that nobody waits a day to hear it. Nothing is erased."""
        asked = events.report_asked(event.payload)
        await show_everything(tx)
        if await store.read(tx, asked.report_id) is None and not await store.exists(tx, asked.report_id):
            await self._unknown(tx, asked)

    async def requested(self, tx: Tx, event: Event[events.ReportErasureRequested]) -> None:
        """Let nothing more be added for the report, and have it erased. The same message comes here once; another one that asks for the
        same is from a retention that was restored, and is answered anew."""
        asked = events.report_asked(event.payload)
        if await frozen(tx, asked.report_id) is None:
            await self._unknown(tx, asked)
            return
        await store.order(tx, asked.report_id, asked.erasure_id)
        tx.on_commit(self.wake)

    async def verify(self, tx: Tx, event: Event[events.ReportErasureVerify]) -> None:
        """Have what is left looked for."""
        asked, attempt = events.report_asked(event.payload), events.verification(event.payload)
        await store.verify(tx, asked.report_id, asked.erasure_id, attempt)
        tx.on_commit(self.wake)

    async def _unknown(self, tx: Tx, asked: Asked) -> None:
        await tell(self.outbox, tx, Answer(asked=asked, stage=Stage.UNKNOWN_REPORT), self.clock)


async def tell(outbox: Outbox, tx: Tx, answer: Answer, clock: Clock) -> None:
    """Answer retention, once this is committed."""
    message = events.report_erasure_answered(answer, clock.now())
    await outbox.add(tx, message, aggregate_id=str(answer.asked.erasure_id), sequence=answer.sequence)
