"""A workspace that lets one report go: retention with its page, worker and ledger; analysis' answers as it would send them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import httpx
from google.protobuf.message import Message

from callmine.erasure.v1.reports_pb2 import (
    ReportErasureAnnounced,
    ReportErasureAnswered,
    ReportErasureRequested,
    ReportErasureStage,
    ReportErasureVerify,
)
from contracts import Event
from core.ids import WorkspaceId
from integration.retention.leaving import PAGE, Leaving
from integration.retention.shop import MINE
from local.sandbox.clerk.people import Person
from retention.workers.report_erasures import ReportErasureWorker
from retention.workers.requests import RequestWorker
from testkit.messages import deliver
from testkit.outside import ADMIN

REPORT, OTHER = uuid.UUID("01977a10-7c11-7aaa-8000-0000c0ffee01"), uuid.UUID("01977a10-7c11-7aaa-8000-0000c0ffee02")
UNKNOWN, FROZEN, ERASED, VERIFIED = (
    ReportErasureStage.REPORT_ERASURE_STAGE_UNKNOWN_REPORT,
    ReportErasureStage.REPORT_ERASURE_STAGE_FROZEN,
    ReportErasureStage.REPORT_ERASURE_STAGE_ERASED,
    ReportErasureStage.REPORT_ERASURE_STAGE_VERIFIED,
)


def page_of(report: uuid.UUID = REPORT) -> str:
    """The page of one report."""
    return f"{PAGE}/reports/{report}"


@dataclass(slots=True)
class LettingOneGo(Leaving):
    """The same of single reports."""

    table: ClassVar[str] = "report_erasures"
    folder: ClassVar[str] = "report-erasures"
    kind: ClassVar[type[RequestWorker]] = ReportErasureWorker

    async def ask_report(
        self, report: uuid.UUID = REPORT, typed: str | None = None, who: Person = ADMIN
    ) -> httpx.Response:
        """Send the form of the report's page; with the end of its id where nothing else is typed."""
        async with self.shop.retention.browser(self.shop.outside.token(who)) as browser:
            typed = str(report)[-8:] if typed is None else typed
            return await browser.post(f"{page_of(report)}/erasure", data={"confirmation": typed})

    async def take_report_back(self, report: uuid.UUID = REPORT, who: Person = ADMIN) -> httpx.Response:
        """Press the button of the report's page."""
        async with self.shop.retention.browser(self.shop.outside.token(who)) as browser:
            return await browser.post(f"{page_of(report)}/erasure/take-back")

    async def call_report(
        self,
        method: str,
        report: uuid.UUID = REPORT,
        body: Mapping[str, object] | None = None,
        who: Person = ADMIN,
    ) -> httpx.Response:
        """The request as a program sends it."""
        async with self.shop.retention.program(self.shop.outside.token(who)) as program:
            return await program.request(method, f"/api/v1/erasure/reports/{report}", json=body)

    async def told(self) -> list[Message]:
        """What analysis was told."""
        kinds = (ReportErasureAnnounced, ReportErasureRequested, ReportErasureVerify)
        return [one.payload for one in await self.shop.said() if isinstance(one.payload, kinds)]

    def answer(
        self,
        erasure_id: object,
        stage: ReportErasureStage.ValueType,
        *,
        attempt: int = 0,
        rows: Mapping[str, int] | None = None,
        left: Mapping[str, int] | None = None,
        service: str = "analysis",
        producer: str = "analysis",
        workspace_id: WorkspaceId = MINE,
    ) -> Event[Message]:
        """What analysis answers."""
        self._sequence += 1
        told = ReportErasureAnswered(
            erasure_id=str(erasure_id),
            report_id=str(REPORT),
            service=service,
            stage=stage,
            rows=rows or {},
            objects=2 if rows else 0,
            left=left or {},
            attempt=attempt,
        )
        told.at.GetCurrentTime()
        return Event(
            workspace_id=workspace_id,
            payload=told,
            producer=producer,
            aggregate_id=str(erasure_id),
            sequence=self._sequence,
        )

    async def answers(self, *events: Event[Message]) -> None:
        """Analysis answers."""
        await deliver(self.shop.retention.consumer("report-erasure-receipts"), *events)

    async def state(self) -> object:
        """Of the newest request."""
        return (await self.erasure())["state"]

    async def begun(self) -> object:
        """A request that is under way; its id."""
        await self.ask_report()
        await self.a_day_passes()
        await self.work()
        return (await self.erasure())["id"]
