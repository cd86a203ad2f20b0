"""What is the same for every request for erasure, of a workspace, a report or a person's data. Each use case takes an open transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from msgspec import Struct, field

from contracts import Actor
from core.clock import Clock, SystemClock
from core.errors import Conflict, InvalidInput, NotFound
from core.ids import uuid7
from database import Tx
from retention.domain.business_days import IsHoliday
from retention.domain.erasures import Erasure, Person, Receipt, State, terms_of, with_receipt
from retention.store.requests import Certificate, Claim, Requests

# A mail may lie for some days before somebody opens it; one that is said to be older was mistyped.
OLDEST_MAIL_DAYS = 30


class Erasures(Protocol):
    """Who is told of a request, in the transaction in which it changes."""

    async def asked(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was asked for."""

    async def taken_back(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was taken back."""

    async def requested(self, tx: Tx, erasure: Erasure) -> None:
        """All services that have something of it erase it."""

    async def verify(self, tx: Tx, erasure: Erasure, attempt: int) -> None:
        """All of them look for what is left."""

    async def completed(self, tx: Tx, erasure: Erasure) -> None:
        """It is done."""


class Asker(Struct, frozen=True):
    """Who asks: an admin, or one of our staff for a mail, with a ticket. `name` is what people are shown."""

    actor: Actor
    name: str
    ticket: str = ""

    @property
    def is_staff(self) -> bool:
        """Whether our staff asks, for somebody who has written."""
        return bool(self.ticket)


class Requesting(Struct, frozen=True):
    """The use cases that requests of each scope have. `told` are the services that are told of one by message."""

    requests: ClassVar[Requests]
    told: ClassVar[Sequence[str]]

    tell: Erasures
    is_holiday: IsHoliday
    clock: Clock = field(default_factory=SystemClock)

    async def report(self, tx: Tx, erasure_id: uuid.UUID, receipt: Receipt) -> None:
        """A service has reported something. Raises InvalidInput for a request or a service that there is none of."""
        erasure = await self.requests.lock(tx, erasure_id)
        if erasure is None or erasure.started_at is None:
            raise InvalidInput("The report is on no erasure that is under way in this workspace.")
        if receipt.service not in self.told or receipt.attempt > erasure.attempt:
            raise InvalidInput("The report is of a service, or of a verification, that was not asked for.")
        if erasure.state not in {State.ERASING, State.VERIFYING}:
            return
        [part] = [one for one in await self.requests.parts(tx, erasure_id) if one.service == receipt.service]
        changed = with_receipt(part, receipt)
        if changed != part:
            await self.requests.keep_part(tx, erasure_id, changed)
            await self.requests.wake(tx, erasure_id)

    async def start(self, tx: Tx, claim: Claim) -> None:
        """The time to take it back is over: all services are told. Nothing where the claim was lost."""
        if await self.requests.start(tx, claim):
            await self.requests.begin_parts(tx, claim.id)
            await self.tell.requested(tx, await self.locked(tx, claim.id))

    async def verify(self, tx: Tx, claim: Claim, attempt: int) -> None:
        """All services look for what is left, after `attempt` times that they did. Nothing where the claim was lost."""
        if await self.requests.verify(tx, claim, attempt):
            await self.tell.verify(tx, await self.locked(tx, claim.id), attempt + 1)

    async def complete(self, tx: Tx, claim: Claim, at: datetime, certificate: Certificate) -> None:
        """It is done, with a certificate. Nothing where the claim was lost."""
        done = await self.locked(tx, claim.id)
        if await self.requests.complete(tx, claim, at, certificate):
            await self.tell.completed(tx, done)

    async def locked(self, tx: Tx, erasure_id: uuid.UUID) -> Erasure:
        """A request, held until the transaction ends. Raises NotFound."""
        found = await self.requests.lock(tx, erasure_id)
        if found is None:
            raise NotFound("There is no such request.")
        return found

    async def withdraw(self, tx: Tx, known: Erasure, actor: Actor) -> Erasure:
        """Take a request back. Once more is fine. Raises Conflict where it is too late."""
        if known.state is State.TAKEN_BACK:
            return known
        if not await self.requests.take_back(tx, known.id):
            raise Conflict("The time to take this back is over. The erasure has begun, and cannot be stopped.")
        await self.tell.taken_back(tx, known, actor)
        return await self.locked(tx, known.id)

    async def note(
        self,
        tx: Tx,
        asker: Asker,
        asked_at: datetime,
        timezone: str,
        report_id: uuid.UUID | None = None,
        person: Person | None = None,
    ) -> Erasure | None:
        """Note a request that reached us at `asked_at`; None where another one holds by now."""
        erasure = Erasure(
            id=uuid7(),
            state=State.ASKED,
            terms=terms_of(asked_at, timezone, self.clock.now(), self.is_holiday),
            by_staff=asker.is_staff,
            report_id=report_id,
            person=person,
            asked_by=asker.name,
            ticket=asker.ticket,
        )
        if not await self.requests.ask(tx, erasure):
            return None
        await self.tell.asked(tx, erasure, asker.actor)
        return erasure

    def check_received(self, received_at: datetime) -> None:
        """Raise InvalidInput for a time at which the mail that asks cannot have come."""
        now = self.clock.now()
        if received_at > now or (now - received_at).days > OLDEST_MAIL_DAYS:
            raise InvalidInput(f"The mail cannot have come then: give a time within the last {OLDEST_MAIL_DAYS} days.")
