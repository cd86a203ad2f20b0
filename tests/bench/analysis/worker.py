"""The service's workers in a process of their own: they work on what is queued, and say what it took."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from analysis.handlers.lifecycle import Lifecycle
from analysis.main import ENTERING
from analysis.models.asking import Asker
from analysis.models.catalog import catalog
from analysis.models.offer import read_offer
from analysis.models.providers import Providers
from analysis.workers import Workers
from analysis.workers.pool import PoolSettings
from bench.ingest.town import BUCKET
from chaos.runs.life import Key
from cloud import Endpoint
from cloud.objects import GoogleObjects
from core.clock import SystemClock
from core.memory import settle
from database import Database, DatabaseSettings, Queries
from egress import Destination, Egress
from messaging import Outbox

AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Order:
    """Where everything is. The process ends when all runs have ended."""

    app_url: str
    sweep_url: str
    model: str
    storage: str
    ca_file: str


@dataclass(frozen=True, slots=True)
class Taken:
    """`seconds` and `cpu` until the last result was stored, `finished` until the run had its report; the process's peak RSS in MB."""

    seconds: float
    cpu: float
    finished: float
    peak: float


async def worked(order: Order, begin: Callable[[], Awaitable[str]]) -> Taken:
    """What it took a process to work on the run that `begin` begins. Before that it has worked on the one that is queued."""
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
    await process.stdout.readline()
    await begin()
    process.stdin.write(b"begin\n")
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("a worker's process has failed: its own output says why")
    return Taken(**json.loads(said))


def main() -> None:
    """Do as told."""
    logging.disable(logging.WARNING)
    print(json.dumps(asdict(uvloop.run(_work(Order(**json.loads(sys.stdin.readline())))))))


def serve() -> None:
    """Work until killed; the first line read is the order, the first line told is that it has begun."""
    logging.disable(logging.WARNING)
    uvloop.run(_serve(Order(**json.loads(sys.stdin.readline()))))


async def _serve(order: Order) -> None:
    async with workers(order) as (working, _, _):
        print("ready", flush=True)
        await working.run()


async def _work(order: Order) -> Taken:
    async with workers(order) as (working, stored, finished):
        task = asyncio.create_task(working.run())
        await finished.wait()
        stored.clear()
        finished.clear()
        # As a service does once it has started.
        settle()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began, used = time.monotonic(), time.process_time()
        working.wake()
        await stored.wait()
        seconds, cpu = time.monotonic() - began, time.process_time() - used
        await finished.wait()
        ended = time.monotonic() - began
        task.cancel()
        await asyncio.wait([task])
    return Taken(seconds, cpu, ended, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


@asynccontextmanager
async def workers(order: Order) -> AsyncIterator[tuple[Workers, asyncio.Event, asyncio.Event]]:
    """As main.py puts them together, with what tells that all results are stored, and that the report is."""
    settings = DatabaseSettings(app_url=order.app_url, sweep_url=order.sweep_url)
    db = await Database.open(settings, Queries.of("database", "messaging", "analysis"), "analysis", ENTERING)
    objects = GoogleObjects(bucket=BUCKET, endpoint=Endpoint(address=order.storage, ca_file=Path(order.ca_file)))
    places = [Destination(name=name, base_url=order.model) for name in ("openai", "anthropic")]
    stored, finished = asyncio.Event(), asyncio.Event()
    async with Egress(places, ca_file=order.ca_file) as egress, AsyncExitStack() as stack:
        working = Workers(PoolSettings(concurrency=AT_ONCE, lease=30, poll=0.2))

        def wake() -> None:
            """The lifecycle wakes the workers once all results of a run are stored: its summary is next."""
            stored.set()
            working.wake()

        # The relay is woken by each commit that has something to announce; after the last result that is the report.
        outbox = Outbox("analysis", lambda: finished.set() if stored.is_set() else None)
        providers = Providers(order.model, order.model, 60.0)
        offer = read_offer()
        asker = Asker(offer, catalog(providers, offer, egress, Key("sk-bench"), stack))
        working.equip(db, outbox, Lifecycle(outbox, wake, SystemClock()), objects, asker)
        try:
            yield working, stored, finished
        finally:
            await objects.close()
            await db.close()
