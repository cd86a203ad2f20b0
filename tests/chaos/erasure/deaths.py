"""Services that die while a workspace is erased: kill -9, in an order and at moments drawn from the seed; each comes back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from random import Random

from contracts.registry import SERVICES
from local.stack import Stack

# How often each service dies before the ten minutes of quiet may pass, without which no erasure ends.
_EACH = 2

# Until the next one dies, and until it is started again, in seconds at most: an erasure's steps take some seconds.
_ALIVE, _DEAD = 2.0, 1.0

# An erasure has so long beside its services' deaths: whoever has died has claims that end after a minute.
DYING_PATIENCE = 600.0


class Deaths:
    """Kills the services of `stack`, one at a time."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack = stack
        self._rng = Random(seed)
        self.kills: Counter[str] = Counter()
        self.enough = False

    async def during(self, erased: Callable[[], Coroutine[None, None, bool]]) -> bool:
        """What `erased` says, which is under way while every service dies twice, and all of them once more until it has ended."""
        ending = asyncio.create_task(erased())
        try:
            for _ in range(_EACH):
                await self._all(ending)
            self.enough = True
            await self._all(ending)
            return await ending
        finally:
            ending.cancel()

    def missing(self) -> list[str]:
        """Services that have not died, in words."""
        return [f"{service} was never killed while it erased" for service in SERVICES if not self.kills[service]]

    async def _all(self, ending: asyncio.Task[bool]) -> None:
        for service in self._drawn():
            await asyncio.wait([ending], timeout=self._rng.uniform(0, _ALIVE))
            if ending.done():
                return
            await self._stack.processes[service].kill()
            self.kills[service] += 1
            await asyncio.sleep(self._rng.uniform(0, _DEAD))
            await self._stack.restart(service)

    def _drawn(self) -> Sequence[str]:
        return self._rng.sample(sorted(SERVICES), len(SERVICES))
