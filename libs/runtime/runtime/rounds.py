"""The loop that background work is done in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.clock import Clock
from core.errors import CallmineError
from core.log import logger

log = logger("runtime.rounds")


class Round(Protocol):
    """One kind of work."""

    async def once(self) -> bool:
        """Do what is due now; False when nothing was. Raises Transient when the database is away."""
        ...


@dataclass(frozen=True, slots=True)
class Rounds:
    """Does its rounds until cancelled, each in a task of its own; any number of processes may do the same at once.

    `poll_seconds` is the pause after a round that found nothing to do, or that could not be finished.
    """

    rounds: Sequence[Round]
    clock: Clock
    poll_seconds: float = 5.0
    _woken: dict[int, asyncio.Event] = field(default_factory=dict, init=False)

    def wake(self) -> None:
        """Something may be due: look now instead of at the next poll. A hint; nothing depends on it."""
        for woken in self._woken.values():
            woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for one in self.rounds:
                group.create_task(self._serve(one))

    async def _serve(self, one: Round) -> None:
        woken = self._woken.setdefault(id(one), asyncio.Event())
        while True:
            woken.clear()
            worked = False
            try:
                worked = await one.once()
            except* CallmineError as group:
                cause = type(group.exceptions[0]).__name__
                log.warning("round is interrupted and will be repeated", work=type(one).__name__, cause=cause)
            if not worked:
                await self._rest(woken)

    async def _rest(self, woken: asyncio.Event) -> None:
        polling = asyncio.create_task(self._poll(woken))
        try:
            await woken.wait()
        finally:
            polling.cancel()

    async def _poll(self, woken: asyncio.Event) -> None:
        await self.clock.sleep(self.poll_seconds)
        woken.set()
