"""Claims work, keeps the claims while it is done, and lets go of what is lost.

A claim is a lease with a fence, both kept by the database's clock. The holder renews it while it works; one who dies simply stops renewing,
and the work is claimed again. Whoever comes late finds the fence raised and changes nothing. One who is told to stop claims no more,
finishes what is nearly done, and ends the leases of the rest, so that others go on with them at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

import core.log
from core.clock import Clock, SystemClock
from core.context import working_for
from core.errors import Transient
from core.faultpoints import reach
from core.ids import WorkspaceId

log = core.log.logger("analysis.workers")


class Claimed(Protocol):
    """A piece of work that is claimed: always one workspace's."""

    @property
    def workspace_id(self) -> WorkspaceId:
        """Whose it is."""
        ...


C = TypeVar("C", bound=Claimed)


class PoolSettings(Struct, frozen=True):
    """`lease` is how soon others take over from a worker that died, `poll` how often the queue is looked at, `finish` how long work may go
    on after the word to stop; all in seconds.
    """

    concurrency: int = 8
    lease: float = 30.0
    poll: float = 1.0
    # Answers under way may take 7 of the platform's 10 (web.server), and what is let go of a round trip.
    finish: float = 2.0


class LeaseLost(Exception):
    """Somebody else has the claim by now, or nobody wants the work any more."""


class Work(Protocol[C]):
    """One kind of work."""

    async def claim(self, limit: int, seconds: float) -> Sequence[C]:
        """At most `limit` claims, for `seconds`."""
        ...

    async def renew(self, claim: C, seconds: float) -> bool:
        """Keep the claim; False when it is lost."""
        ...

    async def do(self, claim: C) -> None:
        """Do it and end the claim, or put it back."""
        ...


class WorkPool(Generic[C]):
    """Does one kind of work, several at a time."""

    def __init__(
        self, name: str, work: Work[C], settings: PoolSettings, clock: Clock | None = None, held: set[C] | None = None
    ) -> None:
        """`held` is filled with the claims that are under way, for work that goes by them."""
        self._name = name
        self._work = work
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stirred = asyncio.Event()
        self._claims = set[C]() if held is None else held

    def wake(self) -> None:
        """There may be work: look now rather than at the next poll."""
        self._stirred.set()

    async def run(self) -> None:
        """Work until cancelled; what cannot be finished then is let go of."""
        under_way: dict[asyncio.Task[None], C] = {}

        def over(task: asyncio.Task[None]) -> None:
            if task.cancelled() or task.exception() is None:
                del under_way[task]

        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    self._stirred.clear()
                    for claim in await self._claim():
                        self._claims.add(claim)
                        task = group.create_task(self._hold(claim), name=f"analysis.{self._name}")
                        under_way[task] = claim
                        task.add_done_callback(over)
                    await self._pause()
            except asyncio.CancelledError:
                await self._end(dict(under_way))
                raise

    async def _end(self, under_way: Mapping[asyncio.Task[None], C]) -> None:
        """Told to stop; or one of the tasks has broken the pool, and it ends as it would with the process."""
        if not under_way or any(task.done() for task in under_way):
            return
        _, unfinished = await asyncio.wait(under_way, timeout=self._settings.finish)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await asyncio.gather(*(self._let_go(under_way[task]) for task in unfinished))

    async def _let_go(self, claim: C) -> None:
        try:
            await self._work.renew(claim, 0)
        except Transient:
            log.info("a lease could not be ended; others wait for its end", pool=self._name)

    async def drain(self) -> int:
        """Do all that can be claimed now, and what follows from it; how many claims that took."""
        done = 0
        while claims := await self._claim():
            self._claims.update(claims)
            async with asyncio.TaskGroup() as group:
                for claim in claims:
                    group.create_task(self._hold(claim))
            done += len(claims)
        return done

    async def _claim(self) -> Sequence[C]:
        free = self._settings.concurrency - len(self._claims)
        if free <= 0:
            return []
        try:
            return await self._work.claim(free, self._settings.lease)
        except Transient as error:
            log.warning("no work could be claimed", pool=self._name, cause=type(error).__name__)
            return []

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll):
                await self._stirred.wait()
        except TimeoutError:
            return

    async def _hold(self, claim: C) -> None:
        """Do the work of one claim while renewing it. Nothing that goes wrong here ends the pool."""
        with working_for(claim.workspace_id):
            await self._held(claim)

    async def _held(self, claim: C) -> None:
        reach(f"analysis.{self._name}.claimed")
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(self._keep(claim))
                await self._work.do(claim)
                keeper.cancel()
        except* LeaseLost:
            log.info("a claim was lost; whoever has it now goes on", pool=self._name)
        except* Transient as errors:
            log.warning(
                "work is put off until its lease ends", pool=self._name, cause=type(errors.exceptions[0]).__name__
            )
        except* Exception as errors:  # noqa: BLE001 - one piece of work must not end the others
            log.error("work failed unexpectedly; it is tried again later", error=errors.exceptions[0], pool=self._name)
        finally:
            self._claims.discard(claim)
            self._stirred.set()

    async def _keep(self, claim: C) -> None:
        while True:
            await self._clock.sleep(self._settings.lease / 3)
            try:
                kept = await self._work.renew(claim, self._settings.lease)
            except Transient:
                continue  # the lease is longer than the pause between renewals: the next one may still come in time
            if not kept:
                raise LeaseLost
