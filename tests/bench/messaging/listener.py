"""The consuming service, in a process of its own as every service is, told what to do on its standard input.

It writes one line when it listens, and one with its `Arrivals` when all expected effects have been committed; it ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

import uvloop

from callmine.calls.v1.calls_pb2 import CallFetched
from chaos.effects import open_effects
from contracts import Event
from database import DatabaseSettings, Tx
from messaging import Consumer, Delivery, Routes, Verdict
from messaging.google import PullSubscriber, open_channel

_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Order:
    """What to listen to, and for how many effects. `timed`: tell when each of them was committed."""

    app_url: str
    sweep_url: str
    address: str
    ca: str
    project: str
    subscription: str
    expected: int
    timed: bool


@dataclass(frozen=True, slots=True)
class Arrivals:
    """By the machine's monotonic clock, which all its processes share: when the last effect was committed, and each event's if timed."""

    last: float
    by_event: Mapping[str, float]


@dataclass(slots=True)
class Listener:
    """A listener that has been started."""

    _process: asyncio.subprocess.Process

    async def started(self) -> None:
        """Return when it listens."""
        await self._answer()

    async def arrivals(self) -> Arrivals:
        """Return when all expected effects have been committed."""
        return Arrivals(**json.loads(await self._answer()))

    async def _answer(self) -> bytes:
        assert self._process.stdout is not None, "it was started with a pipe"
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the listening process has ended: its own output says why")
        return line


@asynccontextmanager
async def listening(order: Order) -> AsyncIterator[Listener]:
    """A process that listens, for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from {__name__} import main; main()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    listener = Listener(process)
    assert process.stdin is not None, "it was started with a pipe"
    try:
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        async with asyncio.timeout(_START_SECONDS):
            await listener.started()
        yield listener
    finally:
        process.stdin.close()
        await process.wait()


@dataclass(slots=True)
class _Counted:
    """Tells what a consumer has done."""

    consumer: Consumer
    order: Order
    count: int = 0
    by_event: dict[str, float] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def halted(self) -> str:
        return self.consumer.halted

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        verdicts = await self.consumer.process(deliveries)
        self.count += verdicts.count(Verdict.ACK)
        if self.order.timed:
            self.by_event.update(dict.fromkeys((one.attributes["ce-id"] for one in deliveries), time.monotonic()))
        if self.count >= self.order.expected:
            self.done.set()
        return verdicts


async def _record(tx: Tx, events: Sequence[Event[CallFetched]]) -> None:
    await tx.execute(
        "effects_insert_once",
        event_ids=[event.event_id for event in events],
        aggregate_ids=[event.aggregate_id for event in events],
        sequences=[event.sequence for event in events],
    )


def _routes() -> Routes:
    routes = Routes()
    routes.on_many(CallFetched, _record)
    return routes


async def _listen(order: Order) -> None:
    channel = open_channel(order.address, order.ca.encode())
    async with channel, open_effects(DatabaseSettings(order.app_url, order.sweep_url)) as db:
        counted = _Counted(Consumer("analysis", db, _routes()), order)
        running = asyncio.create_task(PullSubscriber(channel, order.project, order.subscription, counted).run())
        _say({})
        await counted.done.wait()
        _say(asdict(Arrivals(time.monotonic(), counted.by_event)))
        await asyncio.to_thread(sys.stdin.readline)
        running.cancel()
        await asyncio.wait([running])


def _say(answer: Mapping[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    """The process itself."""
    logging.disable(logging.WARNING)
    uvloop.run(_listen(Order(**json.loads(sys.stdin.readline()))))
