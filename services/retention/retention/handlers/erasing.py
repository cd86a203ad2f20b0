"""Use cases of a request to erase a workspace: ask, take back, and what the services report. Each takes an open transaction."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from contracts import Actor
from contracts.erasing import Order
from core.clock import Clock, SystemClock
from core.errors import Conflict, InvalidInput, NotFound
from core.ids import uuid7
from database import Tx
from messaging.erasure import store as tombstones
from retention.domain.business_days import IsHoliday
from retention.domain.erasures import (
    ITSELF,
    TOLD,
    Erasure,
    Receipt,
    State,
    check_name,
    terms_of,
    with_receipt,
)
from retention.store import erasures as store

# A mail may lie for some days before somebody opens it; one that is said to be older was mistyped.
OLDEST_MAIL_DAYS = 30


class Erasures(Protocol):
    """Who is told of a request, in the transaction in which it changes."""

    async def asked(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was asked for."""

    async def taken_back(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was taken back."""

    async def requested(self, tx: Tx, erasure: Erasure) -> None:
        """All services freeze the workspace and erase it."""

    async def verify(self, tx: Tx, erasure: Erasure, attempt: int) -> None:
        """All services look for what is left."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: an admin, or one of our staff for a mail, with a ticket. `name` is what people are shown."""

    actor: Actor
    name: str
    ticket: str = ""

    @property
    def is_staff(self) -> bool:
        """Whether our staff asks, for somebody who has written."""
        return bool(self.ticket)


@dataclass(frozen=True, slots=True)
class Erasing:
    """The use cases."""

    tell: Erasures
    is_holiday: IsHoliday
    clock: Clock = field(default_factory=SystemClock)

    async def ask(self, tx: Tx, asker: Asker, typed_name: str) -> Erasure:
        """Note a request of an admin who has typed the workspace's name. One that was made before stays as it is, and is given back.

        Raises InvalidInput for another name, Conflict where the workspace is not known yet or is erased already.
        """
        known = await store.about(tx)
        if (existing := await self._existing(tx)) is not None:
            return existing
        check_name(typed_name, known.name)
        return await self._note(tx, asker, self.clock.now(), known.timezone)

    async def open(self, tx: Tx, asker: Asker, received_at: datetime) -> Erasure:
        """Note a request that reached us by mail at `received_at`. Raises InvalidInput, NotFound for no workspace of ours, Conflict."""
        now = self.clock.now()
        if received_at > now or (now - received_at).days > OLDEST_MAIL_DAYS:
            raise InvalidInput(f"The mail cannot have come then: give a time within the last {OLDEST_MAIL_DAYS} days.")
        known = await store.about(tx)
        if (existing := await self._existing(tx)) is not None:
            return existing
        if not known.name:
            raise NotFound("There is no such workspace here. Look at the id again.")
        return await self._note(tx, asker, received_at, known.timezone)

    async def take_back(self, tx: Tx, actor: Actor) -> Erasure:
        """Take the workspace's request back. Once more is fine. Raises NotFound where there is none, Conflict where it is too late."""
        known = await store.latest(tx)
        if known is None:
            raise NotFound("Nobody has asked for this workspace to be erased.")
        if known.state is State.TAKEN_BACK:
            return known
        if not await store.take_back(tx, known.id):
            raise Conflict("The time to take this back is over. The erasure has begun, and cannot be stopped.")
        await self.tell.taken_back(tx, known, actor)
        return await _locked(tx, known.id)

    async def report(self, tx: Tx, erasure_id: uuid.UUID, receipt: Receipt) -> None:
        """A service has reported something. Raises InvalidInput for a request or a service that there is none of."""
        erasure = await store.lock(tx, erasure_id)
        if erasure is None or erasure.started_at is None:
            raise InvalidInput("The report is on no erasure that is under way in this workspace.")
        if receipt.service not in TOLD or receipt.attempt > erasure.attempt:
            raise InvalidInput("The report is of a service, or of a verification, that was not asked for.")
        if erasure.state is State.COMPLETED:
            return
        [part] = [one for one in await store.parts(tx, erasure_id) if one.service == receipt.service]
        changed = with_receipt(part, receipt)
        if changed != part:
            await store.keep_part(tx, erasure_id, changed)
            await store.wake(tx, erasure_id)

    async def start(self, tx: Tx, claim: store.Claim) -> None:
        """The time to take it back is over: all services are told. Nothing where the claim was lost."""
        if await store.start(tx, claim):
            await store.begin_parts(tx, claim.id, (*TOLD, ITSELF))
            await self.tell.requested(tx, await _locked(tx, claim.id))

    async def replay(self, tx: Tx, entered: Erasure) -> bool:
        """Carry out again what the ledger names, where a database was restored: the workspace is frozen here, all services are told.

        Whether retention's own database did not know of it. Again is fine: who has erased a workspace does nothing.
        """
        forgotten = await store.restore(tx, entered)
        if forgotten:
            await store.begin_parts(tx, entered.id, (*TOLD, ITSELF))
            if not await tombstones.freeze(tx, Order(str(entered.id), entered.terms.asked_at, entered.terms.deadline)):
                await tombstones.again(tx, str(entered.id))
        await self.tell.requested(tx, entered)
        return forgotten

    async def verify(self, tx: Tx, claim: store.Claim, attempt: int) -> None:
        """All services look for what is left, after `attempt` times that they did. Nothing where the claim was lost."""
        if await store.verify(tx, claim, attempt):
            await self.tell.verify(tx, await _locked(tx, claim.id), attempt + 1)

    async def _existing(self, tx: Tx) -> Erasure | None:
        """The request there is. Raises Conflict where it is completed."""
        known = await store.latest(tx)
        if known is None or known.state is State.TAKEN_BACK:
            return None
        if known.completed_at is not None:
            raise Conflict(
                f"This workspace was erased on {known.completed_at:%-d %B %Y}. There is nothing left to erase."
            )
        return known

    async def _note(self, tx: Tx, asker: Asker, asked_at: datetime, timezone: str) -> Erasure:
        terms = terms_of(asked_at, timezone, self.clock.now(), self.is_holiday)
        erasure = Erasure(
            id=uuid7(),
            state=State.ASKED,
            terms=terms,
            by_staff=asker.is_staff,
            asked_by=asker.name,
            ticket=asker.ticket,
        )
        if await store.ask(tx, erasure):
            await self.tell.asked(tx, erasure, asker.actor)
            return erasure
        # Somebody else asked at this moment.
        other = await self._existing(tx)
        if other is None:
            raise Conflict("The request was taken back at this moment. Ask again if it is to be made.")
        return other


async def _locked(tx: Tx, erasure_id: uuid.UUID) -> Erasure:
    found = await store.lock(tx, erasure_id)
    if found is None:
        raise NotFound("There is no such request.")
    return found
