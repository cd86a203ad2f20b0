"""`credential-vault keys rewrap` in processes of its own, killed at random rows and started again, several at once now and then.

The processes are forked from one that has read the code, for reading it takes longer than moving a thousand data keys.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TypeVar

from core import faultpoints
from credential_vault.cli import app

POINTS = ("rewrap.before_ciphertexts", "rewrap.before_data_key", "rewrap.before_commit")

# A process that is still there after so long (seconds), and after the time that its data keys take where readers leave it a small part
# of a core, stands still. 35 a second were moved on a machine at half of its usual speed.
_LONGEST = 300.0
_SLOWEST_PER_SECOND = 15.0
# What one that has said its last may take to end (seconds).
_ENDING = 10.0
# Where it shares its cores with the vault, rewrapping is what can wait; readers are held up by its locks all the same.
_NICE = 10
# A kill that is not meant for a point comes up to so long after it (seconds): while a statement, or the commit, is under way.
_AFTER = 0.01


@dataclass(frozen=True, slots=True)
class Order:
    """What one process does: it is killed the `row`-th time it comes to `point`, `after` seconds later; never for row 0."""

    environment: Mapping[str, str]
    output: Path
    row: int = 0
    point: str = ""
    after: float = 0.0

    def trap(self) -> faultpoints.Trap:
        """For core.faultpoints."""
        left = self.row

        def reached(point: str) -> None:
            nonlocal left
            left -= point == self.point
            if left == 0 and point == self.point:
                threading.Timer(self.after, _die).start() if self.after else _die()

        return reached


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def rewrap(order: Order) -> None:
    """A process's whole life: the command as an operator runs it, its output in a file."""
    output = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    os.environ.update(order.environment)
    os.nice(_NICE)
    if order.row:
        faultpoints.arm(order.trap())
    app(["keys", "rewrap", "--json"], prog_name="credential-vault")


Program = Callable[[Order], None]
Argument = TypeVar("Argument")

_context = multiprocessing.get_context("forkserver")


def prepare() -> None:
    """Have the code read by the process that the others are forked from; blocks until it is done."""
    _context.set_forkserver_preload([__name__])
    process = _context.Process(target=_nothing, daemon=True)
    process.start()
    process.join(_LONGEST)


@dataclass(slots=True)
class Child:
    """A process that can be spoken with."""

    process: ForkServerProcess
    connection: Connection

    async def end(self) -> None:
        """Kill it if it is still there."""
        await asyncio.to_thread(self.process.join, _ENDING)
        self.process.kill()
        self.connection.close()


async def forked(program: Callable[[Argument, Connection], None], argument: Argument) -> Child:
    """A process that runs `program`, which is given the other end of the connection."""
    ours, theirs = _context.Pipe()
    process = _context.Process(target=program, args=(argument, theirs), daemon=True)
    await asyncio.to_thread(process.start)
    theirs.close()
    return Child(process, ours)


def _nothing() -> None:
    """What the first process does."""


@dataclass(slots=True)
class Runs:
    """Processes by how they ended: `killed` as they were meant to be, `unharmed`, or in another way, which is told in `problems`."""

    program: Program
    order: Order
    draw: random.Random
    kills: int
    data_keys: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    async def run(self, tick: Callable[[int, int], None]) -> None:
        """Kill as many as wanted, then let one come to its end."""
        rounds = 0
        while self.ends["killed"] < self.kills and rounds < 2 * self.kills:
            rounds += 1
            together = min(self.draw.choice((1, 1, 2, 3)), self.kills - self.ends["killed"])
            async with asyncio.TaskGroup() as group:
                for number in range(together):
                    group.create_task(self._one(self._fatal(number)))
            tick(self.ends["killed"], self.kills)
        if await self._one(self.order) != 0:
            self.problems.append("the last run, which nobody killed, did not come to its end whole")
        if self.ends["killed"] < self.kills:
            self.problems.append(f"only {self.ends['killed']} of {self.kills} runs were killed")

    def _fatal(self, number: int) -> Order:
        """Rows are left for those that come after, whatever is drawn."""
        row = self.draw.randint(1, max(1, self.data_keys // (self.kills + 2)))
        after = self.draw.choice((0.0, self.draw.uniform(0.0001, _AFTER)))
        output = self.order.output.with_suffix(f".{number}")
        return replace(self.order, output=output, row=row, point=self.draw.choice(POINTS), after=after)

    async def _one(self, order: Order) -> int | None:
        """How one process ended: its exit status, or minus the signal."""
        process = _context.Process(target=self.program, args=(order,), daemon=True)
        await asyncio.to_thread(process.start)
        try:
            await asyncio.to_thread(process.join, _LONGEST + self.data_keys / _SLOWEST_PER_SECOND)
        finally:
            stands_still = process.is_alive()
            process.kill()
        if stands_still:
            self.problems.append("a run stood still")
            return None
        status = process.exitcode
        if order.row and status == -signal.SIGKILL:
            self.ends["killed"] += 1
        elif status == 0:
            self.ends["unharmed"] += 1
        else:
            self.ends[f"status {status}"] += 1
            self.problems.append(f"a run ended with status {status}")
        return status
