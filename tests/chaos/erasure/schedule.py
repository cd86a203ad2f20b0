"""One schedule: an erasure, and beside it, step by step in an order drawn from the seed, whoever might write for the workspace still.

deliver    a batch with messages of the workspace and of another one, again and again
replay     what was parked before is processed again, or published again
slow       a transaction that began before, and commits whenever it likes (a model's answer, a renewed credential)
late       a transaction of its own (a webhook, a firing schedule, a request)
upload     a transaction, then an object, as workers write them, for no longer than a claim lasts
the eraser dies at a named place, once or more, and another takes over
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from unittest import mock

import asyncpg

from callmine.workspaces.v1.workspaces_pb2 import MemberAdded, Role
from contracts import Event
from contracts.erasing import Order
from core import faultpoints
from core.errors import CallmineError
from core.ids import WorkspaceId, uuid7
from database import Tx
from integration.erasure.place import ORDER, Place
from isolation.mutants.world import seed as fill
from messaging import Consumer, Parked, Routes, Verdict
from messaging.erasure import Eraser, store
from messaging.erasure.worker import QUIET_SECONDS
from messaging.memberships import follow_members
from messaging.store import Rejected, park_incoming
from testkit.messages import delivery

POINTS = (
    "erasure.before_commit",
    "erasure.after_batch",
    "erasure.before_frozen",
    "erasure.before_erased",
    "erasure.before_verified",
    "outbox.before_commit",
)

_SUBSCRIPTION = "ingest.workspaces"
_MOST_TURNS = 60

# A request ends after the first in which nobody has found anything: what more than two would find does not count.
VERIFICATIONS = 2

_LONG_AGO = "UPDATE tombstones SET erased_at = erased_at - interval '1 hour' WHERE workspace_id = $1"
_STANDING = "SELECT erasure_id, stage, asked_attempt, answered_attempt FROM tombstones WHERE workspace_id = $1"


class Died(BaseException):
    """The process died: nothing of what it meant to do next is done."""


@dataclass(slots=True)
class Outcome:
    """What came back of the workspace, by table, though it was erased and verified; and whether the erasure ended at all."""

    resurrected: Mapping[str, int]
    ended: bool
    refused: int


@dataclass(slots=True)
class Schedule:
    """A workspace of its own for each seed; `other` is never erased."""

    place: Place
    rng: Random
    workspace: WorkspaceId
    other: WorkspaceId
    refused: int = 0
    uploading: int = 0
    _events: list[Event[MemberAdded]] = field(default_factory=list)

    async def run(self) -> Outcome:
        """Everything, until the erasure has ended and everybody has tried once more."""
        await fill(self.place.admin, "ingest", self.workspace, 1)
        self.place.shelf.folders[self.workspace] = 7
        self._events = [self._member(self.workspace, number) for number in range(3)]
        await self._parked()
        actors = [self._slow() for _ in range(3)] + [self._upload() for _ in range(2)]
        freeze_at = self.rng.randrange(6)
        for step in range(_MOST_TURNS):
            if step == freeze_at:
                await self._ask()
            await self._anything(actors)
            if step > freeze_at:
                await self._erase()
                if not actors and await self._ended():
                    break
        ended = await self._ended()
        for again in (self._deliver, self._late, self._replay):
            await again()
        return Outcome(await self._left(), ended, self.refused)

    async def _anything(self, actors: list[AsyncIterator[None]]) -> None:
        choices: list[Callable[[], Awaitable[None]]] = [self._deliver, self._late, self._replay]
        choices += [partial(self._step, actors, actor) for actor in actors]
        for chosen in self.rng.sample(choices, min(3, len(choices))):
            await chosen()

    async def _step(self, actors: list[AsyncIterator[None]], actor: AsyncIterator[None]) -> None:
        try:
            await anext(actor)
        except StopAsyncIteration:
            actors.remove(actor)

    def _member(self, workspace: WorkspaceId, number: int) -> Event[MemberAdded]:
        payload = MemberAdded(user_id=f"user_{number}", email="ada@acme.example", role=Role.ROLE_MEMBER)
        return Event(
            workspace_id=workspace,
            payload=payload,
            producer="ingest",
            aggregate_id=f"user_{number}",
            sequence=number + 1,
            occurred_at=ORDER.asked_at,
        )

    def _consumer(self) -> Consumer:
        routes = Routes()
        follow_members(routes)
        return Consumer(_SUBSCRIPTION, self.place.db, routes)

    async def _deliver(self) -> None:
        event = self.rng.choice(self._events)
        both = [delivery(event, _SUBSCRIPTION), delivery(self._member(self.other, 9), _SUBSCRIPTION)]
        verdicts = await self._consumer().process(both)
        assert Verdict.ACK in verdicts, "another workspace's messages are taken"

    async def _parked(self) -> None:
        async with self.place.db.sweep() as tx:
            await park_incoming(tx, [Rejected(delivery(self._events[0], _SUBSCRIPTION), "for later", self.workspace)])

    async def _replay(self) -> None:
        parked = Parked(self.place.db, {_SUBSCRIPTION: self._consumer()})
        for message in await parked.list():
            if message.workspace_id == self.workspace:
                with suppress(CallmineError):
                    await parked.replay(message.id)

    async def _write(self, tx: Tx) -> None:
        await tx.execute("membership_save", user_id=f"user_{uuid7()}", present=True, role="member", sequence=1)

    async def _late(self) -> None:
        try:
            async with self.place.db.workspace(self.workspace) as tx:
                await self._write(tx)
        except CallmineError:
            self.refused += 1

    async def _slow(self) -> AsyncIterator[None]:
        for _ in range(self.rng.randrange(4)):
            yield
        try:
            async with self.place.db.workspace(self.workspace) as tx:
                yield
                await self._write(tx)
                for _ in range(self.rng.randrange(1, 9)):
                    yield
        except CallmineError:
            self.refused += 1

    async def _upload(self) -> AsyncIterator[None]:
        for _ in range(self.rng.randrange(8)):
            yield
        try:
            async with self.place.db.workspace(self.workspace) as tx:
                await self._write(tx)
        except CallmineError:
            self.refused += 1
            return
        self.uploading += 1
        for _ in range(self.rng.randrange(8)):
            yield
        self.place.shelf.folders[self.workspace] += 1
        self.uploading -= 1

    async def _ask(self) -> None:
        async with self.place.db.workspace(self.workspace) as tx:
            await store.freeze(tx, Order(str(uuid7()), ORDER.asked_at, ORDER.due_at))

    async def _erase(self) -> None:
        """A turn of a worker that may die in it, and of the one that asks for verifications until nothing is left."""
        await self.place.admin.execute("UPDATE tombstones SET next_at = now() WHERE next_at IS NOT NULL")
        if not self.uploading:
            # Time enough has gone by for every claim of before to be lost: nobody is at work any more.
            await self.place.admin.execute(_LONG_AGO, self.workspace)
        doomed = self.rng.random() < 0.3
        point, number = self.rng.choice(POINTS), self.rng.randrange(4)

        def trap(reached: str) -> None:
            nonlocal number
            if doomed and reached == point:
                number -= 1
                if number < 0:
                    raise Died

        async def turn() -> None:
            faultpoints.arm(trap)
            with suppress(Died):
                await self.place.erasing.once()

        await asyncio.create_task(turn())
        found = await self._standing()
        if found and found["stage"] == "erased" and found["asked_attempt"] == found["answered_attempt"] < VERIFICATIONS:
            async with self.place.db.workspace(self.workspace) as tx:
                await store.verify(tx, found["erasure_id"], found["asked_attempt"] + 1)

    async def _standing(self) -> asyncpg.Record | None:
        return await self.place.admin.fetchrow(_STANDING, self.workspace)

    async def _ended(self) -> bool:
        found = await self._standing()
        return found is not None and found["stage"] == "erased" and found["answered_attempt"] >= VERIFICATIONS

    async def _left(self) -> dict[str, int]:
        left = await self.place.left(self.workspace)
        objects = self.place.shelf.folders[self.workspace]
        return left | ({"objects": objects} if objects else {})


async def run(place: Place, seed: int) -> Outcome:
    """One schedule, in workspaces of its own; the caller has set for how long the place's verifications wait."""
    workspace, other = WorkspaceId(f"org_s{seed}x"), WorkspaceId(f"org_o{seed}x")
    return await Schedule(place, Random(seed), workspace, other).run()


@asynccontextmanager
async def _no_fence(place: Place) -> AsyncIterator[None]:
    await place.admin.execute("ALTER TABLE memberships DISABLE TRIGGER fence")
    try:
        yield
    finally:
        await place.admin.execute("ALTER TABLE memberships ENABLE TRIGGER fence")


@asynccontextmanager
async def _no_barrier(place: Place) -> AsyncIterator[None]:
    del place

    async def always(*_: object) -> bool:
        return True

    # Nobody looks again either: verifying would hide what erasing missed.
    with mock.patch.object(store, "settled", always), mock.patch.object(Eraser, "erase", _once_only(Eraser.erase)):
        yield


def _once_only(erase: Callable[[Eraser, WorkspaceId], object]) -> object:
    """An eraser that takes a workspace for empty once it has erased there."""
    done: set[WorkspaceId] = set()

    async def once(self: Eraser, workspace_id: WorkspaceId) -> object:
        if workspace_id in done:
            return {}
        gone = await erase(self, workspace_id)  # type: ignore[misc] # a coroutine function
        done.add(workspace_id)
        return gone

    return once


@asynccontextmanager
async def _verified_unseen(place: Place) -> AsyncIterator[None]:
    del place
    with mock.patch.object(Eraser, "erase", _once_only(Eraser.erase)):
        yield


@asynccontextmanager
async def _hasty(place: Place) -> AsyncIterator[None]:
    place.quiet_seconds = 0.0
    try:
        yield
    finally:
        place.quiet_seconds = QUIET_SECONDS


Mutant = Callable[[Place], AbstractAsyncContextManager[None]]

MUTANTS: Mapping[str, Mutant] = {
    "no tombstone is looked for": _no_fence,
    "nobody waits for transactions that began before": _no_barrier,
    "a verification looks at nothing": _verified_unseen,
    "a verification does not wait for uploads": _hasty,
}
"""Erasures that are wrong, each in one way; some of few schedules has to find each."""
