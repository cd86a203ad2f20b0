"""The worker that carries out the orders to erase a person's data, and answers each attempt once.

    taken     the order is committed, with what keeps late messages out; every transaction from before is waited for
    erased    once the part says that nothing has to end first: rows, then what is the part's own, each counted where it is erased
    answered  what this attempt has erased; whose it was is forgotten

Every step is a transaction that can be repeated; who dies leaves an attempt that is due again after a minute.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from msgspec import Struct, field

from contracts.person_erasing import PersonAnswer, PersonOrder, answer
from core.clock import Clock, SystemClock
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from database import Database, Tx
from messaging.erasure import store as transactions
from messaging.erasure.eraser import LEASE_SECONDS
from messaging.erasure.people import store
from messaging.erasure.people.eraser import Count, PersonEraser
from messaging.erasure.people.store import Attempt, Due
from messaging.erasure.worker import carried_on
from messaging.outbox import Outbox

log = logger("messaging.person_erasures")

# A session token of somebody who has left is good for a minute, and refused by what is known of their leaving: that is kept for longer.
TOKEN_SECONDS = 120.0


class PersonPart(Protocol):
    """What is a service's own in the erasure of a person's data."""

    async def note(self, tx: Tx, order: PersonOrder) -> None:
        """Note what the service needs of an order, in the transaction that takes it: which calls never come again, say."""
        ...

    async def may_erase(self, workspace_id: WorkspaceId, attempt: Attempt) -> bool:
        """Whether nothing has to end first. Every transaction that had not seen the order is over."""
        ...

    async def keys(self, tx: Tx, user_ids: Sequence[str]) -> list[uuid.UUID]:
        """API keys of these people that the service knows by itself."""
        ...

    async def erase(self, workspace_id: WorkspaceId, attempt: Attempt, count: Count) -> None:
        """Erase what no statement of `PersonEraser` does; `count` in each transaction. Twice is as good as once."""
        ...


class PlainPersonPart:
    """A service in which nothing has to end first, and statements erase everything."""

    async def note(self, tx: Tx, order: PersonOrder) -> None:
        """Nothing."""
        del tx, order

    async def may_erase(self, workspace_id: WorkspaceId, attempt: Attempt) -> bool:
        """At once."""
        del workspace_id, attempt
        return True

    async def keys(self, tx: Tx, user_ids: Sequence[str]) -> list[uuid.UUID]:
        """None but those that it was told of."""
        del tx, user_ids
        return []

    async def erase(self, workspace_id: WorkspaceId, attempt: Attempt, count: Count) -> None:
        """Nothing."""
        del workspace_id, attempt, count


class PersonErasing(Struct, frozen=True):
    """Carries out the orders of one service. Without an `outbox`, as in retention, which asks for them itself, nobody is told.

    Times are in seconds: how long to wait for transactions under way, for a part, and after an order before it is forgotten who has left.
    """

    service: str
    db: Database
    outbox: Outbox | None
    eraser: PersonEraser
    part: PersonPart = field(default_factory=PlainPersonPart)
    settle_seconds: float = 1.0
    part_seconds: float = 30.0
    token_seconds: float = TOKEN_SECONDS
    at_once: int = 5
    clock: Clock = field(default_factory=SystemClock)

    async def once(self) -> bool:
        """Look at the attempts that are due; False when none could be carried on. Raises Transient when the database is away."""
        return any([await self._looked_at(one) for one in await store.due(self.db, self.at_once)])

    async def erase_at_once(
        self, workspace_id: WorkspaceId, order: PersonOrder, until: datetime
    ) -> Mapping[str, int] | None:
        """Carry an order out without a message, for who asks for erasures itself; rows that went by table, None where there is still
        something to wait for: it is asked again later, with the same order. Raises Transient.
        """
        one = Due(workspace_id, order.erasure_id, order.attempt)
        async with self.db.workspace(workspace_id) as tx:
            if await store.read(tx, order.erasure_id, order.attempt) is None:
                await store.order(tx, order, until)
                await self.part.note(tx, order)
        await self._carry_on(one)
        async with self.db.workspace(workspace_id) as tx:
            attempt = await store.read(tx, order.erasure_id, order.attempt)
        return attempt.rows if attempt and attempt.answered_at else None

    async def _looked_at(self, one: Due) -> bool:
        claim = partial(store.claim, one=one, seconds=LEASE_SECONDS)
        return await carried_on(self.db, one.workspace_id, claim, partial(self._carry_on, one))

    async def _carry_on(self, one: Due) -> None:
        attempt = await self._barred(one)
        if attempt is None or attempt.answered_at is not None or attempt.barrier is None:
            return
        if not await transactions.over(self.db, attempt.barrier):
            await self._wait(one, self.settle_seconds)
        elif (seconds := self.token_seconds - attempt.seconds) > 0 and attempt.user_ids:
            await self._wait(one, seconds)
        elif not await self.part.may_erase(one.workspace_id, attempt):
            await self._wait(one, self.part_seconds)
        else:
            await self._erase(one, attempt)

    async def _barred(self, one: Due) -> Attempt | None:
        """The attempt with its barrier. It can be read, so whoever set it has committed: the barrier is taken after that."""
        async with self.db.workspace(one.workspace_id) as tx:
            found = await store.read(tx, one.erasure_id, one.attempt)
        if found is None or found.barrier is not None:
            return found
        barrier = await transactions.next_transaction(self.db)
        async with self.db.workspace(one.workspace_id) as tx:
            await store.bar(tx, one, barrier)
            return await store.read(tx, one.erasure_id, one.attempt)

    async def _wait(self, one: Due, seconds: float) -> None:
        async with self.db.workspace(one.workspace_id) as tx:
            await store.later(tx, one, seconds)

    async def _erase(self, one: Due, attempt: Attempt) -> None:
        async def count(tx: Tx, relation: str, rows: int, objects: int) -> None:
            await store.count(tx, one, relation, rows, objects, LEASE_SECONDS)

        async with self.db.workspace(one.workspace_id) as tx:
            keys = await self.part.keys(tx, attempt.user_ids)
        await self.eraser.erase(one.workspace_id, attempt.user_ids, count, keys)
        await self.part.erase(one.workspace_id, attempt, count)
        reach("person_erasure.erased")
        async with self.db.workspace(one.workspace_id) as tx:
            done = await store.answered(tx, one, attempt.taken_at)
            if done is not None:
                await self._tell(tx, one, *done)
            reach("person_erasure.before_answer")
        log.info("an attempt to erase a person's data is over")

    async def _tell(self, tx: Tx, one: Due, rows: Mapping[str, int], objects: int) -> None:
        if self.outbox is None:
            return
        told = PersonAnswer(
            erasure_id=one.erasure_id,
            service=self.service,
            attempt=one.attempt,
            at=self.clock.now(),
            rows=rows,
            objects=objects,
        )
        # Ingest tells of each attempt's search before (ingest.workers.person_searches).
        await self.outbox.add(tx, answer(told), aggregate_id=str(one.erasure_id), sequence=2 * one.attempt + 2)
