"""The two pools of one process. What calls and summaries are worked on with, questions and answers of the models above all, is loaded in a
thread once they are to work: a service is ready without it."""

from __future__ import annotations

import asyncio
from functools import partial

from msgspec.structs import replace

from analysis.handlers.lifecycle import Lifecycle
from analysis.models.asking import Asker
from analysis.store.calls import CallClaim
from analysis.store.reports import SynthesisClaim
from analysis.workers.backoff import Backoff
from analysis.workers.places import Places
from analysis.workers.pool import PoolSettings, WorkPool
from cloud.objects import ObjectStore
from core.clock import Clock
from core.late import Late
from database import Database
from messaging import Outbox

# Summaries are few and must not wait behind calls, so they have workers of their own.
_SYNTHESES_AT_ONCE = 2

# Calls that are claimed for each one that is asked about: their questions are made ready while others wait for the model. Answers come in
# bursts, for questions that left together: then as many more are wanted at once, while the results of those are stored.
_AHEAD = 2


_Pools = tuple[WorkPool[CallClaim], WorkPool[SynthesisClaim]]


class Workers:
    """Analyses calls and writes summaries. `wake` may be given away before `equip` has been called."""

    def __init__(self, settings: PoolSettings, backoff: Backoff | None = None, clock: Clock | None = None) -> None:
        self._settings = settings
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._late: Late[_Pools] | None = None
        self._pools: _Pools | None = None

    def equip(
        self,
        db: Database,
        outbox: Outbox,
        lifecycle: Lifecycle,
        objects: ObjectStore,
        asker: Asker,
    ) -> None:
        """Give the workers what they work with."""
        self._late = Late(partial(self._load, db, outbox, lifecycle, objects, asker))

    def wake(self) -> None:
        """There may be work: look now rather than at the next poll. Before they work there is no need: they begin with a look."""
        for pool in self._pools or ():
            pool.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        calls, syntheses = await self._equipped()
        async with asyncio.TaskGroup() as group:
            group.create_task(calls.run())
            group.create_task(syntheses.run())

    async def drain(self) -> int:
        """Do all that can be claimed now, and what follows from it; how many claims that took."""
        calls, syntheses = await self._equipped()
        return await calls.drain() + await syntheses.drain()

    async def _equipped(self) -> _Pools:
        if self._late is None:
            raise RuntimeError("equip the workers before they are to work")
        self._pools = await self._late.get()
        return self._pools

    def _load(self, db: Database, outbox: Outbox, lifecycle: Lifecycle, objects: ObjectStore, asker: Asker) -> _Pools:
        from analysis.workers.calls import CallWork
        from analysis.workers.syntheses import SynthesisWork

        held: set[CallClaim] = set()
        places = Places(self._settings.concurrency)
        calls = CallWork(db, outbox, lifecycle, objects, asker, self._backoff, places, held)
        syntheses = SynthesisWork(db, outbox, lifecycle, asker, self._backoff)
        few = PoolSettings(_SYNTHESES_AT_ONCE, self._settings.lease, self._settings.poll)
        ahead = replace(self._settings, concurrency=_AHEAD * self._settings.concurrency)
        return (
            WorkPool("call", calls, ahead, self._clock, held),
            WorkPool("synthesis", syntheses, few, self._clock),
        )
