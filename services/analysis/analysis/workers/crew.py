"""The two pools of one process."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from analysis.handlers.lifecycle import Lifecycle
from analysis.models.asking import Asker
from analysis.store.calls import CallClaim
from analysis.store.reports import SynthesisClaim
from analysis.workers.backoff import Backoff
from analysis.workers.calls import CallWork
from analysis.workers.places import Places
from analysis.workers.pool import PoolSettings, WorkPool
from analysis.workers.syntheses import SynthesisWork
from cloud.objects import ObjectStore
from core.clock import Clock
from database import Database
from messaging import Outbox

# Summaries are few and must not wait behind calls, so they have workers of their own.
_SYNTHESES_AT_ONCE = 2

# Calls that are claimed for each one that is asked about: their questions are made ready while others wait for the model. Answers come in
# bursts, for questions that left together: then as many more are wanted at once, while the results of those are stored.
_AHEAD = 2


class Workers:
    """Analyses calls and writes summaries. `wake` may be given away before `equip` has been called."""

    def __init__(self, settings: PoolSettings, backoff: Backoff | None = None, clock: Clock | None = None) -> None:
        self._settings = settings
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._calls: WorkPool[CallClaim] | None = None
        self._syntheses: WorkPool[SynthesisClaim] | None = None

    def equip(
        self,
        db: Database,
        outbox: Outbox,
        lifecycle: Lifecycle,
        objects: ObjectStore,
        asker: Asker,
    ) -> None:
        """Give the workers what they work with."""
        held: set[CallClaim] = set()
        places = Places(self._settings.concurrency)
        calls = CallWork(db, outbox, lifecycle, objects, asker, self._backoff, places, held)
        syntheses = SynthesisWork(db, outbox, lifecycle, asker, self._backoff)
        few = PoolSettings(_SYNTHESES_AT_ONCE, self._settings.lease, self._settings.poll)
        ahead = replace(self._settings, concurrency=_AHEAD * self._settings.concurrency)
        self._calls = WorkPool("call", calls, ahead, self._clock, held)
        self._syntheses = WorkPool("synthesis", syntheses, few, self._clock)

    def wake(self) -> None:
        """There may be work: look now rather than at the next poll."""
        for pool in (self._calls, self._syntheses):
            if pool is not None:
                pool.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        calls, syntheses = self._equipped()
        async with asyncio.TaskGroup() as group:
            group.create_task(calls.run())
            group.create_task(syntheses.run())

    async def drain(self) -> int:
        """Do all that can be claimed now, and what follows from it; how many claims that took."""
        calls, syntheses = self._equipped()
        return await calls.drain() + await syntheses.drain()

    def _equipped(self) -> tuple[WorkPool[CallClaim], WorkPool[SynthesisClaim]]:
        if self._calls is None or self._syntheses is None:
            raise RuntimeError("equip the workers before they are to work")
        return self._calls, self._syntheses
