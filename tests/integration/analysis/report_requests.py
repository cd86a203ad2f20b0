"""What retention asks of analysis about the erasure of one report, and what it is answered."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from google.protobuf.message import Message

from analysis.domain.request import ReportId
from analysis.handlers.report_erasing import ReportErasing
from analysis.handlers.report_orders import ReportOrders
from analysis.store import report_erasure as store
from analysis.store.report_erasure import ReportTombstone
from analysis.workers.report_erasures import ReportErasureWorker
from callmine.erasure.v1.reports_pb2 import (
    ReportErasureAnnounced,
    ReportErasureAnswered,
    ReportErasureRequested,
    ReportErasureStage,
    ReportErasureVerify,
)
from integration.analysis.world import ACME, World
from messaging import Consumer, Outbox, Verdict

UNKNOWN, FROZEN, GONE, VERIFIED = (
    ReportErasureStage.REPORT_ERASURE_STAGE_UNKNOWN_REPORT,
    ReportErasureStage.REPORT_ERASURE_STAGE_FROZEN,
    ReportErasureStage.REPORT_ERASURE_STAGE_ERASED,
    ReportErasureStage.REPORT_ERASURE_STAGE_VERIFIED,
)
TOPIC = "report-erasures"
FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)


@dataclass(slots=True)
class Office:
    """analysis as retention knows it: messages in, answers out. `woken` counts hints to the worker."""

    world: World
    worker: ReportErasureWorker
    woken: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, world: World) -> Office:
        """Put together as the service is; nobody waits for those who make files."""
        office = cls(world, ReportErasureWorker(eraser(world), settle_seconds=0.0, quiet_seconds=0.0))
        orders = ReportOrders(Outbox("analysis"), lambda: office.woken.append(1))
        world.consumers[TOPIC] = Consumer(f"analysis.{TOPIC}", world.db, orders.routes())
        return office

    async def hear(self, *messages: Message) -> None:
        """Each in an event of its own."""
        events = [self.world.event(one, str(one.erasure_id)) for one in messages]  # type: ignore[attr-defined]
        assert await self.world.deliver(*events, topic=TOPIC) == [Verdict.ACK] * len(events)

    async def work(self) -> None:
        """Let the worker do all that is due, as if no lease held it back."""
        await self.world.owner("UPDATE report_erasures SET next_at = now() WHERE next_at IS NOT NULL")
        while await self.worker.once():
            pass

    async def answers(self) -> list[ReportErasureAnswered]:
        """What retention was told so far."""
        sent = [one.payload for one in await self.world.sent_of(ReportErasureAnswered)]
        return [one for one in sent if isinstance(one, ReportErasureAnswered)]

    async def stages(self) -> list[tuple[int, int]]:
        """The same as stage and attempt."""
        return [(one.stage, one.attempt) for one in await self.answers()]


def announced(report: uuid.UUID, erasure: uuid.UUID = FIRST) -> Message:
    return ReportErasureAnnounced(erasure_id=str(erasure), report_id=str(report))


def requested(report: uuid.UUID, erasure: uuid.UUID = FIRST) -> Message:
    return ReportErasureRequested(erasure_id=str(erasure), report_id=str(report))


def verify(report: uuid.UUID, attempt: int, erasure: uuid.UUID = FIRST) -> Message:
    return ReportErasureVerify(erasure_id=str(erasure), report_id=str(report), attempt=attempt)


async def erase(world: World, report_id: ReportId) -> ReportTombstone:
    """Have a report of ACME erased; what was erased."""
    office = Office.of(world)
    await office.hear(requested(report_id))
    while True:
        await office.work()
        async with world.db.workspace(ACME) as tx:
            tombstone, order = await store.read(tx, report_id), await store.ordered(tx, report_id)
        if tombstone and order and order.told == "erased":
            return tombstone


def eraser(world: World) -> ReportErasing:
    """What the worker carries on. Two rows a transaction: every table with more takes several."""
    return ReportErasing(world.db, Outbox("analysis"), world.objects, rows_at_once=2)
