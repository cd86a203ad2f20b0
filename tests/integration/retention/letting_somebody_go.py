"""A workspace that lets somebody's data go: retention with its pages, worker and ledger; the others' answers as they would send them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

import httpx
from google.protobuf.message import Message

from callmine.erasure.v1.people_pb2 import PersonErasureRequested, PersonSearchRequested
from contracts import Event, person_erasing
from contracts.person_erasing import Call, Found, PersonAnswer
from core.ids import WorkspaceId
from integration.retention.leaving import PAGE, Leaving
from integration.retention.shop import MINE
from local.sandbox.clerk.people import Person
from retention.domain.erasures import TOLD
from retention.workers.person_erasures import PersonErasureWorker
from retention.workers.requests import RequestWorker
from testkit.messages import deliver
from testkit.outside import ADMIN

PEOPLE = f"{PAGE}/people"
WHO, USER = "dana@quillstone.example", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC"
CALLS = (Call("gong", "7001"), Call("gong", "7002"))
ROWS = {"held_calls": 2, "members": 1}


@dataclass(slots=True)
class LettingSomebodyGo(Leaving):
    """The same of a person's data."""

    table: ClassVar[str] = "person_requests"
    folder: ClassVar[str] = "person-erasures"
    kind: ClassVar[type[RequestWorker]] = PersonErasureWorker

    async def ask_person(self, email: str = WHO, typed: str | None = None, who: Person = ADMIN) -> httpx.Response:
        """Send the form of the page; with the same address twice where nothing else is typed."""
        async with self.shop.retention.browser(self.shop.outside.token(who)) as browser:
            form = {"email": email, "confirmation": email if typed is None else typed}
            return await browser.post(PEOPLE, data=form)

    async def take_person_back(self, who: Person = ADMIN) -> httpx.Response:
        """Press the button of the newest request's page."""
        async with self.shop.retention.browser(self.shop.outside.token(who)) as browser:
            return await browser.post(f"{await self.page()}/take-back")

    async def call_person(
        self, method: str, path: str = "", body: Mapping[str, object] | None = None, who: Person = ADMIN
    ) -> httpx.Response:
        """The request as a program sends it."""
        async with self.shop.retention.program(self.shop.outside.token(who)) as program:
            return await program.request(method, f"/api/v1/erasure/people{path}", json=body)

    async def page(self) -> str:
        """The page of the newest request."""
        return f"{PEOPLE}/{(await self.erasure())['id']}"

    async def told(self) -> list[Message]:
        """What the others were told."""
        kinds = (PersonSearchRequested, PersonErasureRequested)
        return [one.payload for one in await self.shop.said() if isinstance(one.payload, kinds)]

    async def orders(self) -> list[PersonErasureRequested]:
        """What all services were told to erase."""
        return [one for one in await self.told() if isinstance(one, PersonErasureRequested)]

    async def state(self) -> object:
        """Of the newest request."""
        return (await self.erasure())["state"]

    async def found(
        self,
        attempt: int,
        *,
        calls: Iterable[Call] = (),
        user_ids: Iterable[str] = (),
        more: bool = False,
        calls_found: int | None = None,
        still_member: bool = False,
        rows_by_address: int = 0,
    ) -> Event[Message]:
        """What ingest answers to a search."""
        named = tuple(calls)
        told = Found(
            erasure_id=await self.id(),
            attempt=attempt,
            at=datetime.now(UTC),
            user_ids=tuple(user_ids),
            calls=named,
            more=more,
            calls_found=len(named) if calls_found is None else calls_found,
            still_member=still_member,
            rows_by_address=rows_by_address,
        )
        return self.said_by(person_erasing.found(told), "ingest", told.erasure_id)

    async def answer(
        self, service: str, attempt: int, rows: Mapping[str, int] | None = None, objects: int = 0
    ) -> Event[Message]:
        """What a service answers to an order."""
        told = PersonAnswer(
            erasure_id=await self.id(),
            service=service,
            attempt=attempt,
            at=datetime.now(UTC),
            rows=rows or {},
            objects=objects,
        )
        return self.said_by(person_erasing.answer(told), service, told.erasure_id)

    async def id(self) -> uuid.UUID:
        """Of the newest request."""
        found = (await self.erasure())["id"]
        assert isinstance(found, uuid.UUID)
        return found

    def said_by(
        self, payload: Message, producer: str, erasure_id: object, workspace_id: WorkspaceId = MINE
    ) -> Event[Message]:
        """A message of a service."""
        self._sequence += 1
        return Event(
            workspace_id=workspace_id,
            payload=payload,
            producer=producer,
            aggregate_id=str(erasure_id),
            sequence=self._sequence,
        )

    async def answers(self, *events: Event[Message]) -> None:
        """They arrive."""
        await deliver(self.shop.retention.consumer("person-erasure-receipts"), *events)

    async def all_answer(self, attempt: int, rows: Mapping[str, int] | None = None, objects: int = 0) -> None:
        """Each service answers an attempt; what was erased is ingest's."""
        of = {"ingest": (rows, objects)}
        await self.answers(*[await self.answer(one, attempt, *of.get(one, (None, 0))) for one in TOLD])

    async def later(self) -> None:
        """As if all pauses, leases and waits were over; the worker does all that is due."""
        await self.shop.rows("UPDATE person_erasures SET taken_at = taken_at - interval '1 hour'")
        await self.shop.rows("UPDATE person_requests SET settled_at = settled_at - interval '1 hour'")
        await self.now()
        await self.work()

    async def begun(
        self, calls: Iterable[Call] = CALLS, user_ids: Iterable[str] = (USER,), *, more: bool = False
    ) -> None:
        """A request that is under way: all services were told of the first attempt, and retention has done its own part."""
        await self.ask_person()
        await self.a_day_passes()
        await self.work()
        await self.answers(await self.found(1, calls=calls, user_ids=user_ids, more=more))
        await self.work()
        await self.later()

    async def looked_again(self, attempt: int, **found: object) -> None:
        """The next attempt, with what it has found; all services are told."""
        await self.later()
        await self.answers(await self.found(attempt, **found))  # type: ignore[arg-type]
        await self.work()
        await self.later()
