"""Wakes the broker when the next deadline or retry delay is due, and only then."""

import asyncio
from collections.abc import Callable

from local.broker.clock import Clock
from local.broker.leases import NEVER


class Alarm:
    """`tick(now)` does what is due and returns the next time it wants to be called (monotonic seconds)."""

    __slots__ = ("_clock", "_handle", "_next", "_tick")

    def __init__(self, clock: Clock, tick: Callable[[float], float]) -> None:
        self._clock = clock
        self._tick = tick
        self._next = NEVER
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at: float) -> None:
        """Asks to be called at `at` at the latest."""
        if at >= self._next:
            return
        self._next = at
        self.stop()
        wait = max(0.0, at - self._clock.monotonic())
        self._handle = asyncio.get_running_loop().call_later(wait, self.ring)

    def ring(self) -> None:
        """Does what is due now; also for tests that moved their clock."""
        self._next = NEVER
        self.set(self._tick(self._clock.monotonic()))

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
