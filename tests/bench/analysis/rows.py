"""The rows."""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from analysis.domain.plan import Plan
from analysis.store import plans
from bench.analysis import bare
from bench.analysis.claims import claims
from bench.analysis.corpus import Stored, begin, stored
from bench.analysis.model import SECOND, Outside, outside, tail
from bench.analysis.worker import AT_ONCE, Order, Taken, worked
from bench.harness import Row
from chaos.server import postgres
from core.ids import WorkspaceId
from database import MigrationSettings, migrate
from integration.analysis.world import open_database
from local.postgres import ServiceDsns, drop, provision
from local.tls import Authority
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

    folder: Path
    authority: Authority
    dsns: ServiceDsns
    admin: asyncpg.Connection[asyncpg.Record]

    def order(self, there: Outside) -> Order:
        """For a worker's process."""
        return Order(self.dsns.app, self.dsns.sweep, there.model, there.storage, str(self.authority.ca_file))


async def run(quick: bool) -> list[Row]:
    """All of them; memory over fewer calls when it is to be quick."""
    async with hall() as here:
        many = CALLS if quick else MANY
        with outside(here.folder, max(many, LARGE_RUN)) as there:
            rows = [*await steady(here, there), *await fair(here, there), *await memory(here, there, many)]
        with outside(here.folder, CALLS, has_tail=True) as there:
            rows += await tailed(here, there)
        return [*rows, *await claims(here.dsns, here.admin)]


@asynccontextmanager
async def hall() -> AsyncIterator[Hall]:
    """A database of its own, for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="callmine-bench-") as folder, postgres() as admin_url:
        async with _database(admin_url) as (dsns, admin):
            yield Hall(Path(folder), Authority.open(Path(folder) / "tls"), dsns, admin)


@asynccontextmanager
async def _database(admin_url: str) -> AsyncIterator[tuple[ServiceDsns, asyncpg.Connection[asyncpg.Record]]]:
    name = f"bench-analysis-{uuid.uuid4().hex[:8]}"
    dsns = await provision(admin_url, "analysis", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("analysis")))
        db = await open_database(dsns)
        async with db.sweep() as tx:
            await plans.set_default_plan(tx, _PLAN)
        await db.close()
        admin = await asyncpg.connect(urlsplit(admin_url)._replace(path=urlsplit(dsns.app).path).geturl())
        try:
            yield dsns, admin
        finally:
            await admin.close()
    finally:
        await drop(admin_url, name)


async def taken(hall: Hall, there: Outside, calls: int) -> Taken:
    """A run of so many calls by a process of its own, which has worked on a small one before."""
    warm, workspace_id = WorkspaceId("org_warm1"), WorkspaceId(f"org_{uuid.uuid4().hex[:10]}")
    await begin(hall.admin, warm, stored(warm, bare.WARM))
    ready, run_id = stored(workspace_id, calls), ""

    async def run() -> str:
        nonlocal run_id
        run_id = await begin(hall.admin, workspace_id, ready)
        return run_id

    took = await worked(hall.order(there), run)
    done = await hall.admin.fetchrow(
        "SELECT r.state, r.calls_analysed, (SELECT count(*) FROM usage u WHERE u.run_id = r.id) AS metered FROM runs r WHERE id = $1",
        uuid.UUID(run_id),
    )
    if done is None or tuple(done) != ("completed", calls, calls):
        raise RuntimeError(f"a run of {calls} calls ended as {done}")
    return took


async def steady(hall: Hall, there: Outside) -> list[Row]:
    plain = await bare.asked(bare.Load(there.model, str(hall.authority.ca_file), CALLS, AT_ONCE))
    took = await taken(hall, there, CALLS)
    name = f"{CALLS:,} calls, {AT_ONCE} at a time, each answered in {SECOND:.0f} s"
    return [
        _seconds(name, took, plain, math.ceil(CALLS / AT_ONCE) * SECOND),
        _cpu(name, took, plain, CALLS),
    ]


async def tailed(hall: Hall, there: Outside) -> list[Row]:
    plain = await bare.asked(bare.Load(there.model, str(hall.authority.ca_file), CALLS, AT_ONCE))
    took = await taken(hall, there, CALLS)
    least = _least([tail(f"Call c{number}") for number in range(CALLS)])
    name = f"{CALLS:,} calls, {AT_ONCE} at a time, answers with a heavy tail"
    return [_seconds(name, took, plain, least), _cpu(name, took, plain, CALLS)]


def _least(answers: Sequence[float]) -> float:
    """Seconds for answers that take so long, asked for in this order, each as soon as one of the places is free."""
    free = [0.0] * AT_ONCE
    for seconds in answers:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


def _seconds(name: str, ours: Taken, plain: bare.Took, bound: float) -> Row:
    return {
        "row": name,
        "unit": "seconds until the last result is stored",
        "ours": round(ours.seconds, 2),
        "alternative": round(plain.seconds, 2),
        "bound": round(bound, 2),
        "with_report": round(ours.finished, 2),
    }


def _cpu(name: str, taken: Taken, plain: bare.Took, calls: int) -> Row:
    ours, alternative = (round(1_000 * one.cpu / calls, 2) for one in (taken, plain))
    return {"row": name, "unit": "ms of CPU a call", "ours": ours, "alternative": alternative, "bound": 15}


async def memory(hall: Hall, there: Outside, many: int) -> list[Row]:
    few, most = [await taken(hall, there, calls) for calls in (FEW, many)]
    return [
        {"row": f"a run of {calls:,} calls", "unit": "MB of RSS at most", "ours": round(taken.peak)}
        for calls, taken in ((FEW, few), (many, most))
    ]


async def fair(hall: Hall, there: Outside) -> list[Row]:
    """A small run alone, and behind a large one, by one process that goes on working."""
    big, small = WorkspaceId("org_big1"), WorkspaceId("org_small1")
    large, few = stored(big, LARGE_RUN), stored(small, SMALL_RUN)
    async with _working(hall.order(there)):
        # A process that has worked before.
        await _until_report(hall, small, few)
        alone = await _until_report(hall, small, few)
        await begin(hall.admin, big, large)
        await asyncio.sleep(_SWING)
        behind = await _until_report(hall, small, few)
    # Nobody works on the large one any more.
    await hall.admin.execute("UPDATE run_calls SET done_at = now(), state = 'skipped' WHERE done_at IS NULL")
    await hall.admin.execute("UPDATE runs SET state = 'cancelled', finished_at = now() WHERE finished_at IS NULL")
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
