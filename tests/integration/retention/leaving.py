"""A workspace that leaves: retention with its page, worker, ledger and Stripe; the other services' reports as they would send them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import httpx
from google.protobuf.message import Message

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.erasure.v1.erasure_pb2 import ErasureCompleted, ErasureRequested, ErasureStage, ErasureVerify
from contracts import Event
from core import faultpoints
from core.ids import WorkspaceId
from integration.retention.shop import MINE, Shop
from local.sandbox.clerk.people import Person
from retention.domain.erasures import TOLD
from retention.settings import Settings
from retention.workers.erasures import ErasureWorker
from retention.workers.requests import RequestWorker
from runtime.rounds import Rounds
from testkit.messages import deliver
from testkit.outside import ADMIN

PAGE, API = "/settings/data", "/api/v1/erasure"
FROZEN, ERASED, VERIFIED = (
    ErasureStage.ERASURE_STAGE_FROZEN,
    ErasureStage.ERASURE_STAGE_ERASED,
    ErasureStage.ERASURE_STAGE_VERIFIED,
)


class Crash(BaseException):
    """The process ends here."""


@dataclass(slots=True)
class Leaving:
    """One service, and what a test does with it."""

    shop: Shop
    objects: Path
    settings: Settings
    _sequence: int = field(default=0)
    table: ClassVar[str] = "erasures"
    folder: ClassVar[str] = "erasures"
    kind: ClassVar[type[RequestWorker]] = ErasureWorker

    @property
    def worker(self) -> RequestWorker:
        """The service's own worker."""
        works = [getattr(work, "__self__", None) for work in self.shop.retention.parts._works]
        found = [one for rounds in works if isinstance(rounds, Rounds) for one in rounds.rounds]
        return next(one for one in found if isinstance(one, self.kind))

    async def ask(self, name: str = "Harborline", who: Person = ADMIN) -> httpx.Response:
        """Send the form of the page."""
        async with self.shop.retention.browser(self.shop.outside.token(who)) as browser:
            return await browser.post(f"{PAGE}/erasure", data={"workspace_name": name})

    async def take_back(self, who: Person = ADMIN) -> httpx.Response:
        """Press the button of the page."""
        async with self.shop.retention.browser(self.shop.outside.token(who)) as browser:
            return await browser.post(f"{PAGE}/erasure/take-back")

    async def get(self, path: str = PAGE, who: Person | None = ADMIN) -> httpx.Response:
        """A page or a file; `who` None for somebody who is not signed in."""
        token = self.shop.outside.token(who) if who else None
        async with self.shop.retention.browser(token) as browser:
            return await browser.get(path)

    async def call(self, method: str, body: Mapping[str, object] | None = None, who: Person = ADMIN) -> httpx.Response:
        """The request as a program sends it."""
        async with self.shop.retention.program(self.shop.outside.token(who)) as program:
            return await program.request(method, API, json=body)

    async def a_day_passes(self) -> None:
        """As if it had been entered a day earlier."""
        await self.shop.rows(
            f"UPDATE {self.table} SET take_back_until = take_back_until - interval '1 day', target_at = target_at - interval '1 day',"
            " next_at = next_at - interval '1 day'"
        )

    async def now(self) -> None:
        """As if all pauses and leases were over."""
        await self.shop.rows(
            f"UPDATE {self.table} SET next_at = least(next_at, now()), leased_until = least(leased_until, now())"
            " WHERE next_at IS NOT NULL"
        )

    async def work(self) -> None:
        """Let the worker do all that is due."""
        while await self.worker.once():
            pass

    async def erasure(self) -> Mapping[str, object]:
        """The newest request, as the administrator reads it."""
        return (await self.shop.rows(f"SELECT * FROM {self.table} ORDER BY asked_at DESC LIMIT 1"))[0]

    async def told(self) -> list[Message]:
        """What was told to all services."""
        found = [one.payload for one in await self.shop.said()]
        return [one for one in found if isinstance(one, ErasureRequested | ErasureVerify)]

    async def audited(self, target: str = "workspace") -> list[tuple[str, dict[str, tuple[str, str]]]]:
        """Who did what, by the audit log."""
        found = []
        for event in await self.shop.said():
            if isinstance(event.payload, AdminAction) and event.payload.target_kind == target:
                diff = {one.field: (one.before, one.after) for one in event.payload.diff}
                if "deletion" in diff:
                    found.append((event.actor.id, diff))
        return found

    def ledger(self) -> dict[str, object]:
        """The entries of the ledger, by their names in the bucket."""
        root = self.objects
        files = [one for one in root.rglob(f"{self.folder}/**/*.json") if one.is_file()]
        return {str(one.relative_to(root)): json.loads(one.read_bytes()) for one in files}

    def receipt(
        self,
        erasure_id: object,
        service: str,
        stage: ErasureStage.ValueType,
        *,
        attempt: int = 0,
        rows: Mapping[str, int] | None = None,
        objects: int = 0,
        left: Mapping[str, int] | None = None,
        producer: str = "",
        workspace_id: WorkspaceId = MINE,
    ) -> Event[Message]:
        """What a service reports."""
        self._sequence += 1
        told = ErasureCompleted(
            erasure_id=str(erasure_id),
            service=service,
            stage=stage,
            rows=rows or {},
            objects=objects,
            left=left or {},
            attempt=attempt,
        )
        told.at.GetCurrentTime()
        return Event(
            workspace_id=workspace_id,
            payload=told,
            producer=producer or service,
            aggregate_id=str(erasure_id),
            sequence=self._sequence,
        )

    async def report(self, *receipts: Event[Message]) -> None:
        """The services report."""
        await deliver(self.shop.retention.consumer("erasure-receipts"), *receipts)

    async def all_report(
        self, stage: ErasureStage.ValueType, attempt: int = 0, left: Mapping[str, int] | None = None
    ) -> None:
        """Each of them does; what is `left` is ingest's."""
        erasure_id = (await self.erasure())["id"]
        rows = {"calls": 7, "jobs": 2} if stage == ERASED else {}
        found = {"ingest": left} if left else {}
        await self.report(
            *[
                self.receipt(
                    erasure_id, one, stage, attempt=attempt, rows=rows, left=found.get(one), objects=3 * len(rows)
                )
                for one in TOLD
            ]
        )

    async def crashing(self, point: str) -> None:
        """Let the worker go on until it dies at `point`; leases run out."""

        def trap(reached: str) -> None:
            if reached == point:
                raise Crash(point)

        faultpoints.arm(trap)
        try:
            with suppress(Crash, BaseExceptionGroup):
                await self.work()
        finally:
            faultpoints.arm(None)
        await self.now()


def stages(parts: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """How far each service is, as the API tells."""
    return {str(one["service"]): str(one["stage"]) for one in parts}
