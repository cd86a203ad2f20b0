"""Starts lives, and hears what becomes of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field

from chaos.runs.life import Order

# Until the code is read (seconds).
_START = 120.0


@dataclass(slots=True)
class Life:
    """One process. `over` is set when it has died or stands still; `late` when it stood still and has tried to store what it held."""

    order: Order
    pid: int = 0
    at: str = ""
    born: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    late: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None

    @property
    def stands_still(self) -> bool:
        """Whether it has come to its point and waits there."""
        return self.over.is_set() and not self.ended.is_set()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.pid and not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end_with(self, status: int | None) -> None:
        """It has ended; None when nobody knows how."""
        self.status = status
        for happened in (self.born, self.over, self.late, self.ended):
            happened.set()

    async def end(self) -> None:
        """Kill it if it is still there."""
        await self.born.wait()
        self.signal(signal.SIGKILL)
        await self.ended.wait()


@dataclass(slots=True)
class Lives:
    """The process that forks them."""

    process: asyncio.subprocess.Process
    gone: bool = False
    _known: dict[str, Life] = field(default_factory=dict)

    async def begin(self, order: Order) -> Life:
        """A new life."""
        life = self._known[order.life] = Life(order)
        if self.gone:
            raise RuntimeError("the process that begins lives has ended: its own output says why")
        assert self.process.stdin is not None, "it was started with a pipe"
        self.process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        await self.process.stdin.drain()
        await life.born.wait()
        return life

    async def listen(self) -> None:
        """Hear what becomes of them, until there are no more."""
        assert self.process.stdout is not None, "it was started with a pipe"
        async for line in self.process.stdout:
            name, what, *rest = line.decode().split()
            life = self._known[name]
            if what == "pid":
                life.pid = int(rest[0])
                life.born.set()
            elif what == "at":
                life.at = rest[0]
            elif what == "stopped":
                life.over.set()
            elif what == "late":
                life.late.set()
            else:
                life.end_with(int(rest[0]))
        # With the process that forks them all lives end: nobody waits for one.
        self.gone = True
        for life in self._known.values():
            if not life.ended.is_set():
                life.end_with(None)

    async def end(self) -> None:
        """Kill all that are left."""
        for life in self._known.values():
            if not life.ended.is_set():
                await life.end()


@asynccontextmanager
async def lives() -> AsyncIterator[Lives]:
    """Ready to begin; none is left at the end."""
    pipe = asyncio.subprocess.PIPE
    # A session of their own: the system hangs up on a group that loses its shell while one of its processes is stopped.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chaos.runs.life", stdin=pipe, stdout=pipe, start_new_session=True
    )
    assert process.stdout is not None, "it was started with a pipe"
    assert process.stdin is not None, "it was started with a pipe"
    async with asyncio.timeout(_START):
        await process.stdout.readline()
    known = Lives(process)
    listening = asyncio.create_task(known.listen())
    try:
        yield known
        await known.end()
    finally:
        process.stdin.close()
        listening.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
