"""Processes as coroutines in simulated time: each may crash, or stall for a minute, wherever it waits.

A coroutine waits by yielding a `Pause` (named, so that it is known which waits were struck) or a `Wait` for something that somebody else
brings about. Nothing else is scheduled by anybody: the order of everything follows from the seed.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal, TypeAlias

STALL = 60.0

# A machine that is suspended, say: far longer than anything is waited for. Only before anything was sent, since a reply that is held for
# so long is lost to everybody (docs/decisions/0009).
SLEEP = 1_500.0
BEFORE_SENDING = frozenset({"claim.durable", "call.connect"})

# A task stalls no more often: whoever holds a reply may lose five minutes of the ten that Timing.settle_after gives it.
MOST_STALLS = 5

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)

Blow: TypeAlias = Literal["", "crash", "stall", "freeze", "sleep"]
"""What strikes a task where it waits: its process dies, the task or the whole process stands still for a minute, or for much longer."""

BLOWS: tuple[Blow, ...] = ("crash", "stall", "freeze", "sleep")


@dataclass(slots=True)
class Pause:
    """Wait for some seconds at the place called `name`."""

    name: str
    seconds: float

    def __await__(self) -> Generator[Request, object, None]:
        """Hand itself to the engine."""
        yield self


@dataclass(slots=True)
class Wait:
    """Wait at the place called `name` until `bring` is called, at most until `deadline`; what it was called with, or None."""

    name: str
    engine: Engine
    deadline: float
    _task: Task | None = None
    _came: object = None

    def __await__(self) -> Generator[Request, object, object]:
        """Hand itself to the engine."""
        return (yield self)

    def waits(self, task: Task) -> None:
        """`task` is who waits."""
        self._task = task
        self.engine.at(self.deadline, lambda: self.bring(None))

    def bring(self, value: object) -> bool:
        """End the waiting with `value`; False when it has ended already, or nobody waits any more."""
        task, self._task = self._task, None
        if task is None or task.process.dead:
            return False
        self.engine.resume(task, value)
        return True


Request: TypeAlias = Pause | Wait
Steps: TypeAlias = Coroutine[Request, object, None]


@dataclass(slots=True, eq=False)
class Process:
    """One process of the vault; a dead one does nothing more, a frozen one nothing until then. `cut_off` is from the database."""

    number: int
    dead: bool = False
    frozen_until: float = 0.0
    cut_off: list[tuple[float, float]] = field(default_factory=list)
    tasks: set[Task] = field(default_factory=set)
    on_crash: Callable[[], None] = lambda: None


@dataclass(slots=True, eq=False)
class Task:
    """A coroutine in a process. `spotted` marks one that has claimed a renewal: faults are aimed at those."""

    process: Process
    steps: Steps
    stalled_until: float = 0.0
    stalls: int = 0
    spotted: bool = False
    finished: bool = False


@dataclass(slots=True)
class Aim:
    """Which blows fall: those of `shots`, by the number of the wait among all waits of spotted tasks, and random ones."""

    shots: dict[int, Blow] = field(default_factory=dict)
    crash: float = 0.0
    stall: float = 0.0
    waits: int = 0

    def blow(self, task: Task, rng: Random) -> Blow:
        """What falls at this wait."""
        if task.spotted:
            self.waits += 1
            if shot := self.shots.get(self.waits):
                return shot
        chance = rng.random() if self.crash or self.stall else 1.0
        if chance < self.crash:
            return "crash"
        if chance < self.crash + self.stall:
            return rng.choices(BLOWS[1:], (0.7, 0.25, 0.05))[0]
        return ""


@dataclass(slots=True)
class Engine:
    """Runs everything in the order of simulated time. No blow falls before `faults_from`, or after `faults_until`."""

    rng: Random
    aim: Aim
    faults_from: float
    faults_until: float
    now: float = 0.0
    running: Task | None = None
    blows: Counter[tuple[str, Blow]] = field(default_factory=Counter)
    _queue: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _number: int = 0

    def at(self, when: float, act: Callable[[], object]) -> None:
        """Call `act` then."""
        self._number += 1
        heapq.heappush(self._queue, (when, self._number, act))

    def start(self, process: Process, steps: Steps, after: float = 0.0) -> Task:
        """Run `steps` in `process`."""
        task = Task(process, steps)
        process.tasks.add(task)
        self.at(self.now + after, lambda: self._step(task, None))
        return task

    def resume(self, task: Task, value: object) -> None:
        """Let a task go on that waits for somebody."""
        self.at(self.now, lambda: self._step(task, value))

    def run(self, until: float) -> None:
        """Go on until then."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, act = heapq.heappop(self._queue)
            act()

    def end(self) -> None:
        """Close what still waits, so that nothing is left behind."""
        self._queue.clear()

    def crash(self, process: Process) -> None:
        """The process dies: its transactions are rolled back, its tasks are gone."""
        process.dead = True
        for task in process.tasks:
            if task is not self.running:
                task.steps.close()
        process.tasks.clear()
        process.on_crash()

    def _step(self, task: Task, value: object) -> None:
        process = task.process
        if process.dead:
            return
        ready = max(task.stalled_until, process.frozen_until)
        if ready > self.now:
            self.at(ready, lambda: self._step(task, value))
            return
        self.running = task
        try:
            request = task.steps.send(value)
        except StopIteration:
            task.finished = True
            process.tasks.discard(task)
            return
        finally:
            self.running = None
        self._strike(task, request.name)
        if task.process.dead:
            task.steps.close()
        elif isinstance(request, Pause):
            self.at(self.now + request.seconds, lambda: self._step(task, None))
        else:
            request.waits(task)

    def _strike(self, task: Task, place: str) -> None:
        if not self.faults_from <= self.now < self.faults_until:
            return
        blow = self.aim.blow(task, self.rng)
        if not blow or (blow != "crash" and task.stalls >= MOST_STALLS):
            return
        if blow == "sleep" and place not in BEFORE_SENDING:
            blow = "stall"
        self.blows[place, blow] += 1
        if blow == "crash":
            self.crash(task.process)
            return
        task.stalls += 1
        if blow == "stall":
            task.stalled_until = self.now + STALL
        else:
            task.process.frozen_until = self.now + (SLEEP if blow == "sleep" else STALL)


@dataclass(frozen=True, slots=True)
class SimulatedTime:
    """Implements `core.clock.Clock` in the engine's time."""

    engine: Engine

    def now(self) -> datetime:
        """The simulated time."""
        return _BEGINNING + timedelta(seconds=self.engine.now)

    def monotonic(self) -> float:
        """Simulated seconds."""
        return self.engine.now

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await Pause("sleep", seconds)
