"""The worker that looks for people whose data is to be erased.

    reading   what is kept of calls is read from end to end, some at a time; who took part is told by the address alone
    holding   from attempt 1: nothing can be added for what was found; every transaction from before is waited for
    answered  retention is told, and the address is forgotten

Every step is a transaction that can be repeated, by the holder of the fence only: who dies leaves a search that is due again after a
minute, and goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct, field

from cloud.objects import ObjectStore
from contracts.person_erasing import MOST_CALLS, Found, found
from core.clock import Clock, SystemClock
from core.errors import CallmineError, NotFound, Permanent
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from database import Database, Tx
from ingest.call_parties import folded, took_part, took_part_packed
from ingest.domain.calls import CallId
from ingest.store import addresses, call_tombstones
from ingest.store import person_searches as store
from ingest.store.addresses import Known
from ingest.store.person_searches import DueSearch, Kept, Place, Standing
from messaging import Outbox
from messaging.erasure import store as transactions
from messaging.erasure.eraser import LEASE_SECONDS
from messaging.erasure.worker import carried_on

log = logger("ingest.person_searches")

# Rows of one statement: a page holds a hundred calls. Objects are read a few at once, an hour of conversation is 200 KB.
ROWS: Mapping[store.Source, int] = {"held_calls": 100, "run_calls": 500, "run_pages": 10, "listed_calls": 500}
OBJECTS = 4

# So long one search reads before others have their turn.
TURN_SECONDS = 20.0


class _Hold(Struct):
    """The right to carry on a search."""

    one: DueSearch
    fence: int = 0

    async def claim(self, tx: Tx) -> bool:
        """Take it; False where somebody else has it."""
        fence = await store.claim(tx, self.one, LEASE_SECONDS)
        self.fence = fence or 0
        return fence is not None


class PersonSearchWorker(Struct, frozen=True):
    """A round of `runtime.rounds`. `settle_seconds`: how long to wait for transactions under way."""

    db: Database
    outbox: Outbox
    objects: ObjectStore
    settle_seconds: float = 1.0
    turn_seconds: float = TURN_SECONDS
    rows: Mapping[store.Source, int] = field(default_factory=lambda: ROWS)
    at_once: int = 5
    clock: Clock = field(default_factory=SystemClock)

    async def once(self) -> bool:
        """Look at the searches that are due; False when none could be carried on. Raises Transient when the database is away."""
        return any([await self._looked_at(one) for one in await store.due(self.db, self.at_once)])

    async def _looked_at(self, one: DueSearch) -> bool:
        hold = _Hold(one)
        return await carried_on(self.db, one.workspace_id, hold.claim, partial(self._carry_on, hold))

    async def _carry_on(self, hold: _Hold) -> None:
        until = self.clock.monotonic() + self.turn_seconds
        async with self.db.workspace(hold.one.workspace_id) as tx:
            now = await store.held(tx, hold.one, hold.fence)
        if now is None:
            return
        if now.stage == "holding":
            await self._settle(hold, now)
            return
        place = await self._read(hold, now.email, now.place)
        while place is not None and self.clock.monotonic() < until:
            place = await self._read(hold, now.email, place)
        async with self.db.workspace(hold.one.workspace_id) as tx:
            if await store.held(tx, hold.one, hold.fence) is None:
                return
            if place is None:
                await self._end_reading(tx, hold, now.email)
            await store.later(tx, hold.one, hold.fence, 0.0)
            reach("person_search.before_end")

    async def _read(self, hold: _Hold, email: str, place: Place) -> Place | None:
        """Read some of what is kept, and note what was found with where it goes on; None where all is read."""
        workspace_id = hold.one.workspace_id
        async with self.db.workspace(workspace_id) as tx:
            some = await store.stretch(tx, place, self.rows[place.source])
        met = await self._met(workspace_id, some.kept, folded(email))
        async with self.db.workspace(workspace_id) as tx:
            if await store.held(tx, hold.one, hold.fence) is None:
                raise _Lost
            await store.add(tx, hold.one, met)
            if some.next is not None:
                await store.read_on(tx, hold.one, hold.fence, some.next, LEASE_SECONDS)
            reach("person_search.before_commit")
        reach("person_search.after_stretch")
        return some.next

    async def _met(self, workspace_id: WorkspaceId, kept: Sequence[Kept], address: str) -> list[CallId]:
        """In which of these calls the person took part."""
        slots = asyncio.Semaphore(OBJECTS)

        async def look(one: Kept) -> bool:
            async with slots:
                return await self._took_part(workspace_id, one, address)

        try:
            async with asyncio.TaskGroup() as group:
                looks = [(one.call_id, group.create_task(look(one))) for one in kept]
        except* CallmineError as failed:
            raise failed.exceptions[0] from failed
        return sorted({call_id for call_id, task in looks if task.result()})

    async def _took_part(self, workspace_id: WorkspaceId, one: Kept, address: str) -> bool:
        try:
            if one.stored is None:
                return one.metadata is not None and took_part_packed(one.metadata, address)
            return took_part(await self.objects.workspace(workspace_id).get(*one.stored), address)
        except NotFound:
            return False
        except Permanent as error:
            # Nobody can read it, so nobody can say who took part.
            log.error("a call cannot be looked at in a search", call_id=one.call_id, cause=type(error).__name__)
            return False

    async def _end_reading(self, tx: Tx, hold: _Hold, email: str) -> None:
        """All is read: hold what was found, or answer at once where nothing is to be held. The search is locked."""
        known = await addresses.known(tx, email)
        if hold.one.attempt > 0 and not known.is_member:
            await store.hold(tx, hold.one, hold.fence)
            return
        told = Found(
            erasure_id=hold.one.erasure_id,
            attempt=hold.one.attempt,
            at=self.clock.now(),
            user_ids=tuple(known.user_ids),
            calls_found=await store.count(tx, hold.one),
            still_member=known.is_member,
            rows_by_address=await addresses.count(tx, email),
        )
        await self._answer(tx, hold, told, {})

    async def _settle(self, hold: _Hold, now: Standing) -> None:
        """Wait for transactions from before, then tell what is held."""
        workspace_id, barrier = hold.one.workspace_id, now.barrier
        if barrier is None:
            # The tombstones can be read, so whoever set them has committed: the barrier is taken after that.
            barrier = await transactions.next_transaction(self.db)
            async with self.db.workspace(workspace_id) as tx:
                await store.bar(tx, hold.one, hold.fence, barrier)
        is_over = await transactions.over(self.db, barrier)
        async with self.db.workspace(workspace_id) as tx:
            if await store.held(tx, hold.one, hold.fence) is None:
                return
            if is_over:
                await self._tell(tx, hold, now.email)
            else:
                await store.later(tx, hold.one, hold.fence, self.settle_seconds)
            reach("person_search.before_answer")

    async def _tell(self, tx: Tx, hold: _Hold, email: str) -> None:
        one, known = hold.one, await addresses.known(tx, email)
        rows = {} if known.is_member else await addresses.erase(tx, email, self.clock.now())
        await self._answer(tx, hold, await self._found(tx, one, known, sum(rows.values())), rows)

    async def _found(self, tx: Tx, one: DueSearch, known: Known, rows: int) -> Found:
        calls = await call_tombstones.name(tx, one.erasure_id, one.attempt, MOST_CALLS)
        return Found(
            erasure_id=one.erasure_id,
            attempt=one.attempt,
            at=self.clock.now(),
            user_ids=tuple(known.user_ids),
            calls=tuple(calls),
            more=await call_tombstones.are_unnamed(tx, one.erasure_id),
            calls_found=await store.count(tx, one),
            still_member=known.is_member,
            rows_by_address=rows,
        )

    async def _answer(self, tx: Tx, hold: _Hold, told: Found, rows: Mapping[str, int]) -> None:
        await store.answered(tx, hold.one, hold.fence, rows)
        # Of each attempt the search is told of first, and then the erasure.
        sequence = 2 * told.attempt + 1
        await self.outbox.add(tx, found(told), aggregate_id=str(told.erasure_id), sequence=sequence)


class _Lost(CallmineError):
    """The search is another worker's now, or was asked for anew: nothing is written."""
