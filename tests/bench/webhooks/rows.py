"""The rounds, and the rows that are made of them."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from bench.harness import Row
from bench.webhooks.letters import Write, first_checkout, writers
from bench.webhooks.line import Lines, lines
from bench.webhooks.station import INGEST, Station, station
from database.connect import open_pool
from integration.ingest.senders import Letter

if TYPE_CHECKING:
    from database.connect import Pool

PER_SECOND = 20.0

# What a provider may be kept waiting.
LIMIT_MS = 50

_BARE = "bare INSERT"

# Of each contestant, before anything is counted: imports, pools, plans and caches.
_WARMING = 40

_TABLE = "CREATE TABLE bare_inserts (source text NOT NULL, message_id text NOT NULL, PRIMARY KEY (source, message_id))"

Act = Callable[[], Awaitable[None]]
Contestant = Callable[[], Act]
"""Prepares what is then timed: writing and signing a letter is the sender's work."""


async def run(quick: bool) -> list[Row]:
    """Median and 99th percentile of each sender beside the bare INSERT's and the limit."""
    letters = 200 if quick else 1000
    async with station() as place, _contestants(place) as contestants:
        await _rounds(contestants, _WARMING)
        before, came, used = await place.heard(), place.providers.came, place.cpu()
        taken = await _rounds(contestants, letters)
        cpu = place.cpu() - used
        heard = await place.heard() - before
        called = place.providers.came - came
    senders = [name for name in taken if name != _BARE]
    if heard != letters * len(senders):
        raise RuntimeError(f"{heard} of {letters * len(senders)} webhooks were written down")
    spent: Row = {"row": "the service, a webhook", "unit": "ms of CPU", "ours": cpu * 1000 / heard}
    counted: Row = {
        "row": f"providers called for {heard:,} webhooks",
        "unit": "connections",
        "ours": called,
        "bound": 0,
    }
    return [*(row for name in senders for row in _rows(name, taken)), spent, counted]


def _rows(name: str, taken: Mapping[str, list[float]]) -> list[Row]:
    ours, bare = (statistics.quantiles(taken[one], n=100) for one in (name, _BARE))
    of = f"{name} at {PER_SECOND:.0f}/s"
    return [
        {"row": f"{of}, {label}", "unit": "ms", "ours": ours[cut], "bound": bare[cut], "limit": LIMIT_MS}
        for label, cut in (("median", 49), ("p99", 98))
    ]


async def _rounds(contestants: Mapping[str, Contestant], times: int) -> dict[str, list[float]]:
    """Milliseconds that each contestant took, each time; begun when due, whether the one before has ended or not."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}

    async def one(name: str, act: Act) -> None:
        began = time.perf_counter()
        await act()
        taken[name].append((time.perf_counter() - began) * 1000)

    began = time.monotonic()
    async with asyncio.timeout(600), asyncio.TaskGroup() as group:
        for place, (name, contestant) in enumerate([*contestants.items()] * times):
            act = contestant()
            await asyncio.sleep(max(0.0, began + place / PER_SECOND - time.monotonic()))
            group.create_task(one(name, act))
    return taken


@asynccontextmanager
async def _contestants(place: Station) -> AsyncIterator[dict[str, Contestant]]:
    """What is measured, by name."""
    site = place.stack.site
    await place.ingest.sql(_TABLE)
    await place.ingest.sql("GRANT INSERT ON bare_inserts TO ingest_app")
    pool = await open_pool(place.stack.dsns[INGEST].app, 10, "bench")
    try:
        async with lines(place.stack.instances[INGEST][-1].port, site.authority.client_context()) as opened:
            await _post(opened, first_checkout(site.keys))
            senders = {sender.value: _sending(opened, write) for sender, write in writers(site.keys).items()}
            yield {**senders, _BARE: lambda: partial(_insert, pool)}
    finally:
        await pool.close()


def _sending(opened: Lines, write: Write) -> Contestant:
    return lambda: partial(_post, opened, write())


async def _post(opened: Lines, letter: Letter) -> None:
    """Send a webhook. Raises RuntimeError unless it is answered with 200."""
    status = await opened.post(letter)
    if status != 200:
        raise RuntimeError(f"a webhook was answered with {status}")


async def _insert(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO bare_inserts VALUES ($1, $2)", "bench", uuid.uuid4().hex)
