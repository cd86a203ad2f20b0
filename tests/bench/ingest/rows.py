"""The rows."""

from __future__ import annotations

import asyncio
import math
import statistics
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from urllib.parse import urlsplit

from bench.harness import Row
from bench.ingest import bare
from bench.ingest.corpus import APART, FIRST
from bench.ingest.fetcher import Order, Taken, fetched
from bench.ingest.previewer import Previewed, previewed
from bench.ingest.town import Town, town
from database import MigrationSettings, migrate
from ingest.domain.choice import MOST_CALLS
from ingest.gong.limits import REQUESTS_PER_SECOND
from local.postgres import drop, provision
from testkit.postgres import PASSWORDS, migration_folders

PAGE = 100
LIMITED, FEW, MANY = 2_000, 100, 10_000
PREVIEWED = 1_000


async def run(quick: bool) -> list[Row]:
    """At Gong's limits, then with the limits lifted."""
    with town() as place:
        with place.gong(LIMITED, REQUESTS_PER_SECOND) as gong:
            times = 1 if quick else 5
            previews = [await _previewed(place, gong) for _ in range(times)]
            rounds = [await _fetched(place, gong, LIMITED, REQUESTS_PER_SECOND) for _ in range(times)]
        with place.gong(MANY, None) as gong:
            few = await _fetched(place, gong, FEW, 0.0)
            many = await _fetched(place, gong, MANY, 0.0)
        alone, googles = [
            await bare.put(bare.Load(place.storage, str(place.authority.ca_file), LIMITED, own))
            for own in (False, True)
        ]
    return [*_previews(previews), *_limited(rounds), *_lifted(few, many, alone), *_storing(alone, googles)]


async def _fetched(place: Town, gong: str, calls: int, per_second: float) -> Taken:
    """Fetch the first `calls` calls of a Gong into a fresh database, in runs as large as a run can be."""
    async with _order(place, gong, calls, per_second) as order:
        taken = await fetched(order)
    if taken.calls != calls:
        raise RuntimeError(f"{taken.calls} of {calls} calls were fetched")
    return taken


async def _previewed(place: Town, gong: str) -> list[Previewed]:
    """Preview the first calls of a Gong at its limits, with a fresh database, some times in a row."""
    # What another round has spent of Gong's bucket is back after a second.
    await asyncio.sleep(1.0)
    async with _order(place, gong, PREVIEWED, REQUESTS_PER_SECOND) as order:
        taken = await previewed(order)
    if taken[0].matching != PREVIEWED:
        raise RuntimeError(f"{taken[0].matching} of {PREVIEWED} calls were counted")
    return taken


@asynccontextmanager
async def _order(place: Town, gong: str, calls: int, per_second: float) -> AsyncIterator[Order]:
    """An order on a fresh database."""
    name = f"bench-ingest-{uuid.uuid4().hex[:8]}"
    dsns = await provision(place.admin_url, "ingest", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("ingest")))
        admin_url = urlsplit(place.admin_url)._replace(path=urlsplit(dsns.owner).path).geturl()
        ca_file = str(place.authority.ca_file)
        yield Order(admin_url, dsns.app, dsns.sweep, gong, place.storage, ca_file, per_second, _windows(calls))
    finally:
        await drop(place.admin_url, name)


def _windows(calls: int) -> list[tuple[str, str]]:
    """The times that hold the first `calls` calls, in parts that one run can fetch."""
    edges = [*range(0, calls, MOST_CALLS), calls]
    moments = [(FIRST + number * APART).isoformat() for number in edges]
    return list(pairwise(moments))


def _previews(rounds: Sequence[Sequence[Previewed]]) -> list[Row]:
    """The first of each round, which reads the list from Gong, and the slowest of the others, which use it."""
    requests = math.ceil(PREVIEWED / PAGE)
    first = statistics.median(one[0].seconds for one in rounds)
    later = statistics.median(max(other.seconds for other in one[1:]) for one in rounds)
    name = f"preview of {PREVIEWED:,} calls at {REQUESTS_PER_SECOND:.0f} requests/s"
    least = (requests - REQUESTS_PER_SECOND) / REQUESTS_PER_SECOND
    asked = max(other.requests for one in rounds for other in one[1:])
    return [
        {"row": f"first {name}", "unit": "seconds", "ours": round(first, 2), "bound": round(least, 2)},
        {"row": f"later {name}", "unit": "seconds", "ours": round(later, 3), "alternative": round(first, 2)},
        {"row": f"later {name}", "unit": "requests", "ours": asked, "bound": 0},
    ]


def _limited(rounds: Sequence[Taken]) -> list[Row]:
    requests = 2 * math.ceil(LIMITED / PAGE)
    seconds = (requests - REQUESTS_PER_SECOND) / REQUESTS_PER_SECOND
    name = f"{LIMITED:,} calls at {REQUESTS_PER_SECOND:.0f} requests/s"
    return [
        {"row": name, "unit": "requests", "ours": max(one.requests for one in rounds), "bound": requests},
        {
            "row": name,
            "unit": "seconds",
            "ours": round(statistics.median(one.seconds for one in rounds), 2),
            "bound": round(seconds, 2),
        },
        {"row": name, "unit": "answers of 429", "ours": max(one.throttled for one in rounds)},
    ]


def _storing(alone: bare.Put, googles: bare.Put) -> list[Row]:
    """The storage client by itself, beside Google's own on threads."""
    name = f"{LIMITED:,} objects alone"
    rates = [round(LIMITED / one.seconds) for one in (alone, googles)]
    costs = [round(1_000 * one.cpu / LIMITED, 2) for one in (alone, googles)]
    return [
        {"row": name, "unit": "objects/s", "ours": rates[0], "alternative": rates[1]},
        {"row": name, "unit": "ms of CPU an object", "ours": costs[0], "alternative": costs[1]},
    ]


def _lifted(few: Taken, many: Taken, alone: bare.Put) -> list[Row]:
    name = f"{MANY:,} calls, limits lifted"
    return [
        {
            "row": name,
            "unit": "calls/s",
            "ours": round(many.calls / many.seconds),
            "bound": round(LIMITED / alone.seconds),
        },
        {
            "row": name,
            "unit": "ms of CPU a call",
            "ours": round(1_000 * many.cpu / many.calls, 2),
            "bound": round(1_000 * alone.cpu / LIMITED, 2),
        },
        {"row": f"{FEW:,} calls", "unit": "MB of RSS at most", "ours": round(few.peak)},
        {"row": name, "unit": "MB of RSS at most", "ours": round(many.peak)},
    ]
