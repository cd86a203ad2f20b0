"""A simulation of processes: coroutines that wait for nothing but simulated time, any of which may crash or stall wherever it waits."""

from __future__ import annotations

import heapq
import itertools
import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Steps = Coroutine[Any, Any, None]

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@types.coroutine
def pause(seconds: float) -> Generator[float, None, None]:
    """Wait for `seconds` of simulated time."""
    yield seconds


@dataclass(slots=True)
class Process:
    """One process of the vault. A dead one does nothing more, a stalled one nothing until then, one asleep nothing until woken."""

    name: str
    dead: bool = False
    stalled_until: float = 0.0
    asleep: bool = False
    waiting: list[Steps] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely a process crashes, or stalls for `stall` seconds, at one place where it waits."""

    crash: float = 0.0
    stalls: float = 0.0
    stall: float = 60.0


@dataclass(slots=True)
class Engine:
    """Runs everything in the order of simulated time. `quiet_from` is when faults end, so that what is under way can come to its end."""

    rng: Random
    faults: Faults
    quiet_from: float
    crashed: Callable[[Process], None] = lambda _: None
    now: float = 0.0
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Call `act` then."""
        heapq.heappush(self._queue, (when, next(self._count), act))

    def start(self, process: Process, steps: Steps, after: float = 0.0) -> None:
        """Run `steps` in `process`."""
        self.at(self.now + after, lambda: self._step(process, steps))

    def wake(self, process: Process) -> None:
        """Let a process that is asleep go on."""
        process.asleep = False
        while process.waiting:
            self.start(process, process.waiting.pop())

    def run(self, until: float) -> None:
        """Go on until then."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, act = heapq.heappop(self._queue)
            act()

    def _step(self, process: Process, steps: Steps) -> None:
        if process.dead:
            steps.close()
            return
        if process.asleep:
            process.waiting.append(steps)
            return
        if process.stalled_until > self.now:
            self.at(process.stalled_until, lambda: self._step(process, steps))
            return
        try:
            seconds: float = steps.send(None)
        except StopIteration:
            return
        self._strike(process)
        self.at(self.now + seconds, lambda: self._step(process, steps))

    def _strike(self, process: Process) -> None:
        if self.now >= self.quiet_from:
            return
        chance = self.rng.random()
        if chance < self.faults.crash:
            process.dead = True
            self.crashed(process)
        elif chance < self.faults.crash + self.faults.stalls:
            process.stalled_until = self.now + self.faults.stall


@dataclass(frozen=True, slots=True)
class SimulatedTime:
    """The engine's time as the vault's clock."""

    engine: Engine

    def now(self) -> datetime:
        """The simulated time of day."""
        return _BEGINNING + timedelta(seconds=self.engine.now)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self.engine.now

    async def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        await pause(seconds)


def seconds_of(moment: datetime) -> float:
    """The simulated seconds of a moment."""
    return (moment - _BEGINNING).total_seconds()
