"""The service's worker in a process of its own: fetches what it is told to on its standard input, and says what it took."""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import uvloop

from bench.ingest.town import BUCKET, KEYS, told
from callmine.calls.v1.calls_pb2 import FetchCompleted
from callmine.credentials.v1.credentials_pb2 import CredentialRequested
from callmine.fetches.v1.fetches_pb2 import CallFilter
from cloud import Endpoint
from cloud.objects import GoogleObjects
from core.clock import SystemClock
from database import Database, DatabaseSettings, Queries
from egress import Destination, Egress
from ingest.gong.limits import gong_limits
from ingest.hubspot.limits import hubspot_limits
from ingest.workers import Deals, FetchWorker, GongDoor, HubSpotDoor, JobEnds, PreviewFetch, RunFetch, Works
from integration.ingest.harness import KEYS as SEALING_KEYS
from integration.ingest.harness import Gong, Ingest, fetch_requested, granted, new_id, stamp
from messaging import Outbox


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch: a run for each pair of times, one after the other. `per_second` 0 lifts ingest's own limit."""

    admin_url: str
    app_url: str
    sweep_url: str
    gong: str
    storage: str
    ca_file: str
    per_second: float
    windows: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Taken:
    """Over all runs, in seconds; `requests` to Gong, of which `throttled` were answered 429; the process's peak RSS in MB."""

    calls: int
    requests: int
    throttled: int
    seconds: float
    cpu: float
    peak: float


async def fetched(order: Order) -> Taken:
    """What it took a fresh process."""
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    return Taken(**json.loads(await told(command, json.dumps(asdict(order)))))


def main() -> None:
    """Do as told."""
    logging.disable(logging.WARNING)
    order = Order(**json.loads(sys.stdin.read()))
    print(json.dumps(asdict(uvloop.run(_fetch(order)))))


async def _fetch(order: Order) -> Taken:
    async with worker(order) as (working, ingest, egress):
        calls, seconds, cpu = 0, 0.0, 0.0
        for window in order.windows:
            await _start(ingest, order, window)
            began, used = time.monotonic(), time.process_time()
            await working.work_once()
            seconds, cpu = seconds + time.monotonic() - began, cpu + time.process_time() - used
            [done] = [e.payload for e in await ingest.told(FetchCompleted) if isinstance(e.payload, FetchCompleted)]
            calls += done.calls_fetched
            await ingest.sql("DELETE FROM outbox")
        counted = egress.metrics()["gong"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Taken(calls, counted.requests, counted.throttled, seconds, cpu, peak)


@asynccontextmanager
async def worker(order: Order) -> AsyncIterator[tuple[FetchWorker, Ingest, Egress]]:
    """The worker, what it works for, and its way out."""
    clock, outbox, ca_file = SystemClock(), Outbox("ingest"), Path(order.ca_file)
    urls = DatabaseSettings(app_url=order.app_url, sweep_url=order.sweep_url, app_pool=5, sweep_pool=2)
    db = await Database.open(urls, Queries.of("database", "messaging", "ingest"), "ingest")
    objects = GoogleObjects(bucket=BUCKET, endpoint=Endpoint(address=order.storage, ca_file=ca_file))
    try:
        async with Egress([Destination(name="gong", base_url=order.gong)], ca_file=ca_file) as egress:
            works = Works(RunFetch(db, outbox, objects), PreviewFetch(db, outbox, objects, clock))
            door = GongDoor(SEALING_KEYS, egress, gong_limits(db, clock, order.per_second), clock)
            ends = JobEnds(db, outbox)
            deals = Deals(HubSpotDoor(SEALING_KEYS, egress, hubspot_limits(db, clock), clock), ends)
            yield FetchWorker(db, door, deals, works, ends), Ingest(db, order.admin_url, outbox), egress
    finally:
        await objects.close()
        await db.close()


async def _start(ingest: Ingest, order: Order, window: tuple[str, str]) -> None:
    """A run whose credential has come."""
    run = new_id()
    start, end = (stamp(datetime.fromisoformat(text)) for text in window)
    await ingest.hear(fetch_requested(run, wanted=CallFilter(from_time=start, to_time=end)))
    [asked] = await ingest.told(CredentialRequested)
    await ingest.hear(granted(asked, Gong(order.gong, *KEYS)))
    await ingest.sql("DELETE FROM outbox")
