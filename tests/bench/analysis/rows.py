"""The rows."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import asyncpg

from analysis.domain.plan import Plan
from analysis.store import plans
from bench.analysis import bare
from bench.analysis.claims import claims
from bench.analysis.corpus import Stored, begin, store
from bench.analysis.model import SECOND, model, tail
from bench.analysis.worker import AT_ONCE, Order, Taken, worked
from bench.harness import Row
from bench.ingest.town import Town, town
from core.ids import WorkspaceId
from database import MigrationSettings, migrate
from integration.analysis.world import open_database
from local.postgres import ServiceDsns, drop, provision
from testkit.postgres import PASSWORDS, migration_folders

CALLS, FEW, MANY = 1_000, 100, 5_000
SMALL_RUN, LARGE_RUN = 5, 2_000

_PLAN = Plan("scale", 0, 1_000_000, 10, ("openai/small",))

# Before the small run is started: the large one is in full swing (seconds).
_SWING = 4.3
_LONGEST = 120.0


@dataclass(frozen=True, slots=True)
class Hall:
    """Everything a measure stands on."""

    place: Town
    dsns: ServiceDsns
    admin: asyncpg.Connection[asyncpg.Record]

    def order(self, model_url: str) -> Order:
        """For a worker's process."""
        return Order(self.dsns.app, self.dsns.sweep, model_url, self.place.storage, str(self.place.authority.ca_file))

    async def stored(self, workspace_id: WorkspaceId, calls: int) -> list[Stored]:
        """Calls in storage."""
        return await store(self.place.storage, str(self.place.authority.ca_file), workspace_id, calls)


async def run(quick: bool) -> list[Row]:
    """All of them; memory over fewer calls when it is to be quick."""
    with town() as place:
        async with _hall(place) as hall:
            with model(place.folder) as url:
                rows = await _steady(hall, url)
                rows += await _memory(hall, url, CALLS if quick else MANY)
                rows += await _fair(hall, url)
            with model(place.folder, has_tail=True) as url:
                rows += await _tailed(hall, url)
            return [*rows, *await claims(hall.dsns, hall.admin)]


@asynccontextmanager
async def _hall(place: Town) -> AsyncIterator[Hall]:
    name = f"bench-analysis-{uuid.uuid4().hex[:8]}"
    dsns = await provision(place.admin_url, "analysis", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("analysis")))
        db = await open_database(dsns)
        async with db.sweep() as tx:
            await plans.set_default_plan(tx, _PLAN)
        await db.close()
        admin = await asyncpg.connect(urlsplit(place.admin_url)._replace(path=urlsplit(dsns.app).path).geturl())
        try:
            yield Hall(place, dsns, admin)
        finally:
            await admin.close()
    finally:
        await drop(place.admin_url, name)


async def _taken(hall: Hall, url: str, calls: int) -> Taken:
    """A run of so many calls by a fresh process."""
    workspace_id = WorkspaceId(f"org_{uuid.uuid4().hex[:10]}")
    run_id = await begin(hall.admin, workspace_id, await hall.stored(workspace_id, calls))
    taken = await worked(hall.order(url))
    done = await hall.admin.fetchrow(
        "SELECT r.state, r.calls_analysed, (SELECT count(*) FROM usage u WHERE u.run_id = r.id) AS metered FROM runs r WHERE id = $1",
        uuid.UUID(run_id),
    )
    if done is None or tuple(done) != ("completed", calls, calls):
        raise RuntimeError(f"a run of {calls} calls ended as {done}")
    return taken


async def _steady(hall: Hall, url: str) -> list[Row]:
    taken = await _taken(hall, url, CALLS)
    plain = await bare.asked(bare.Load(url, str(hall.place.authority.ca_file), CALLS, AT_ONCE))
    name = f"{CALLS:,} calls, {AT_ONCE} at a time, each answered in {SECOND:.0f} s"
    return [
        _seconds(name, taken.seconds, plain.seconds, math.ceil(CALLS / AT_ONCE) * SECOND),
        _cpu(name, taken, plain, CALLS),
    ]


async def _tailed(hall: Hall, url: str) -> list[Row]:
    taken = await _taken(hall, url, CALLS)
    plain = await bare.asked(bare.Load(url, str(hall.place.authority.ca_file), CALLS, AT_ONCE))
    least = sum(tail(f"Call c{number}") for number in range(CALLS)) / AT_ONCE
    name = f"{CALLS:,} calls, {AT_ONCE} at a time, answers with a heavy tail"
    return [_seconds(name, taken.seconds, plain.seconds, least), _cpu(name, taken, plain, CALLS)]


def _seconds(name: str, ours: float, alternative: float, bound: float) -> Row:
    return {
        "row": name,
        "unit": "seconds",
        "ours": round(ours, 2),
        "alternative": round(alternative, 2),
        "bound": round(bound, 2),
    }


def _cpu(name: str, taken: Taken, plain: bare.Took, calls: int) -> Row:
    ours, alternative = (round(1_000 * one.cpu / calls, 2) for one in (taken, plain))
    return {"row": name, "unit": "ms of CPU a call", "ours": ours, "alternative": alternative, "bound": 15}


async def _memory(hall: Hall, url: str, many: int) -> list[Row]:
    few, most = [await _taken(hall, url, calls) for calls in (FEW, many)]
    return [
        {"row": f"a run of {calls:,} calls", "unit": "MB of RSS at most", "ours": round(taken.peak)}
        for calls, taken in ((FEW, few), (many, most))
    ]


async def _fair(hall: Hall, url: str) -> list[Row]:
    """A small run alone, and behind a large one, by one process that goes on working."""
    big, small = WorkspaceId("org_big1"), WorkspaceId("org_small1")
    large, few = await hall.stored(big, LARGE_RUN), await hall.stored(small, SMALL_RUN)
    async with _working(hall.order(url)):
        alone = await _until_report(hall, small, few)
        await begin(hall.admin, big, large)
        await asyncio.sleep(_SWING)
        behind = await _until_report(hall, small, few)
    return [
        {
            "row": f"a run of {SMALL_RUN} calls behind one of {LARGE_RUN:,} of another workspace",
            "unit": "seconds",
            "ours": round(behind, 2),
            "alternative": round(alone, 2),
            "bound": round(2 * alone, 2),
        }
    ]


async def _until_report(hall: Hall, workspace_id: WorkspaceId, calls: Sequence[Stored]) -> float:
    began = time.monotonic()
    run_id = uuid.UUID(await begin(hall.admin, workspace_id, list(calls)))
    async with asyncio.timeout(_LONGEST):
        while True:
            if await hall.admin.fetchval("SELECT finished_at IS NOT NULL FROM runs WHERE id = $1", run_id):
                return time.monotonic() - began
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _working(order: Order) -> AsyncIterator[None]:
    """A worker's process for the length of the block."""
    command = [sys.executable, "-c", "from bench.analysis.worker import serve; serve()"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    try:
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        await process.stdin.drain()
        await process.stdout.readline()
        yield
    finally:
        process.kill()
        await process.wait()
