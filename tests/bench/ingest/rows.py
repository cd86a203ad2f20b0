"""The rows."""

from __future__ import annotations

import math
import statistics
import uuid
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import urlsplit

from bench.harness import Row
from bench.ingest import bare
from bench.ingest.corpus import APART, FIRST
from bench.ingest.fetcher import Order, Taken, fetched
from bench.ingest.town import Town, town
from database import MigrationSettings, migrate
from ingest.domain.choice import MOST_CALLS
from ingest.gong.limits import REQUESTS_PER_SECOND
from local.postgres import drop, provision
from testkit.postgres import PASSWORDS, migration_folders

PAGE = 100
LIMITED, FEW, MANY = 2_000, 100, 10_000


async def run(quick: bool) -> list[Row]:
    """At Gong's limits, then with the limits lifted."""
    with town() as place:
        with place.gong(LIMITED, REQUESTS_PER_SECOND) as gong:
            rounds = [await _fetched(place, gong, LIMITED, REQUESTS_PER_SECOND) for _ in range(1 if quick else 5)]
        with place.gong(MANY, None) as gong:
            few = await _fetched(place, gong, FEW, 0.0)
            many = await _fetched(place, gong, MANY, 0.0)
        alone = await bare.put(bare.Load(place.storage, str(place.authority.ca_file), LIMITED))
    return [*_limited(rounds), *_lifted(few, many, alone)]


async def _fetched(place: Town, gong: str, calls: int, per_second: float) -> Taken:
    """Fetch the first `calls` calls of a Gong into a fresh database, in runs as large as a run can be."""
    name = f"bench-ingest-{uuid.uuid4().hex[:8]}"
    dsns = await provision(place.admin_url, "ingest", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("ingest")))
        admin_url = urlsplit(place.admin_url)._replace(path=urlsplit(dsns.owner).path).geturl()
        ca_file = str(place.authority.ca_file)
        order = Order(admin_url, dsns.app, dsns.sweep, gong, place.storage, ca_file, per_second, _windows(calls))
        taken = await fetched(order)
    finally:
        await drop(place.admin_url, name)
    if taken.calls != calls:
        raise RuntimeError(f"{taken.calls} of {calls} calls were fetched")
    return taken


def _windows(calls: int) -> list[tuple[str, str]]:
    """The times that hold the first `calls` calls, in parts that one run can fetch."""
    edges = [*range(0, calls, MOST_CALLS), calls]
    moments = [(FIRST + number * APART).isoformat() for number in edges]
    return list(pairwise(moments))


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
