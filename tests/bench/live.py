"""What it costs that many follow runs: the one reader's look at everything that is watched, beside a query for each stream.

1,000 streams of 200 runs in 50 workspaces, each run with 500 calls of which half are analysed and eight are under way. `ours` is the wall
time of one look, which happens once a second however many streams there are; the alternative has each stream read its own run, in its
scope, as the page does. The bound is the same rows by one statement without scopes, walls or transactions.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from analysis.domain.request import RunId, as_document
from analysis.handlers.live import LiveLimits, LiveRuns
from analysis.store import plans
from bench.harness import Contestant, Row, paired
from bench.ingest.town import town
from core.ids import UserId, WorkspaceId
from database import Database, MigrationSettings, migrate
from integration.analysis.world import TRIAL, open_database, question
from local.postgres import drop, provision
from testkit.postgres import PASSWORDS, migration_folders

WORKSPACES, RUNS, CALLS, STREAMS = 50, 4, 500, 5

Watched = list[tuple[WorkspaceId, RunId]]


async def run(quick: bool) -> Sequence[Row]:
    """One row."""
    with town() as place:
        async with _database(place.admin_url) as (db, admin):
            watched = await _filled(admin)
            return [await _row(db, admin, watched, 5 if quick else 20)]


@asynccontextmanager
async def _database(admin_url: str) -> AsyncIterator[tuple[Database, asyncpg.Connection[asyncpg.Record]]]:
    name = f"bench-live-{uuid.uuid4().hex[:12]}"
    dsns = await provision(admin_url, "analysis", PASSWORDS, name)
    migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("analysis")))
    db = await open_database(dsns)
    admin = await asyncpg.connect(urlsplit(admin_url)._replace(path=urlsplit(dsns.app).path).geturl())
    try:
        async with db.sweep() as tx:
            await plans.set_default_plan(tx, TRIAL)
        yield db, admin
    finally:
        await admin.close()
        await db.close()
        await drop(admin_url, name)


async def _filled(admin: asyncpg.Connection[asyncpg.Record]) -> Watched:
    """Runs in their middle."""
    await admin.execute(
        "SET session_replication_role = replica"
    )  # metered calls without their analyses: those are not read
    await admin.execute(
        "INSERT INTO runs (workspace_id, id, request_id, requested_by, request, state, call_limit, started_at, calls_expected, "
        "calls_fetched, calls_analysed) SELECT 'org_w' || w, gen_random_uuid(), gen_random_uuid(), 'user_1', $1::text::jsonb, 'running', "
        "$2, now(), $2, $2, $2 / 2 FROM generate_series(1, $3) w, generate_series(1, $4)",
        json.dumps(as_document(question())),
        CALLS,
        WORKSPACES,
        RUNS,
    )
    await admin.execute(
        "INSERT INTO run_calls (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds, state, done_at, "
        "lease_until) SELECT workspace_id, id, 'c' || n, n, 'o', repeat('0', 64), now(), 1, CASE WHEN n % 2 = 0 THEN 'analysed' "
        "WHEN n <= 16 THEN 'analysing' ELSE 'pending' END, CASE WHEN n % 2 = 0 THEN now() END, "
        "now() + CASE WHEN n <= 16 THEN 1 ELSE -1 END * interval '1 hour' FROM runs, generate_series(1, $1) n",
        CALLS,
    )
    await admin.execute(
        "INSERT INTO usage (workspace_id, run_id, call_id, metered_at) SELECT workspace_id, run_id, call_id, "
        "now() - ordinal * interval '100 ms' FROM run_calls WHERE state = 'analysed'"
    )
    await admin.execute("VACUUM ANALYZE runs, run_calls, usage")
    rows = await admin.fetch("SELECT workspace_id, id FROM runs")
    return [(WorkspaceId(row["workspace_id"]), RunId(row["id"])) for row in rows]


async def _row(db: Database, admin: asyncpg.Connection[asyncpg.Record], watched: Watched, rounds: int) -> Row:
    live = LiveRuns(db, LiveLimits(of_person=10**6, of_workspace=10**6, of_process=10**6))
    async with AsyncExitStack() as stack:
        for workspace_id, run_id in watched:
            for _ in range(STREAMS):
                await stack.enter_async_context(live.watch(workspace_id, UserId("user_1"), run_id))
        times = await paired(
            rounds,
            {
                "ours": _timed(live.look),
                "alternative": _timed(lambda: _each_for_itself(live, watched)),
                "bound": _timed(lambda: _unscoped(db, admin, watched)),
            },
        )
    return {
        "row": f"a look at {len(watched)} runs in {WORKSPACES} workspaces, {len(watched) * STREAMS:,} streams",
        "unit": "ms",
        **{name: round(1_000 * seconds, 1) for name, seconds in times.items()},
    }


def _timed(work: Callable[[], Awaitable[None]]) -> Contestant:
    async def timed() -> float:
        began = time.perf_counter()
        await work()
        return time.perf_counter() - began

    return timed


async def _each_for_itself(live: LiveRuns, watched: Watched) -> None:
    await asyncio.gather(*(live.present(*one) for one in watched for _ in range(STREAMS)))


async def _unscoped(db: Database, admin: asyncpg.Connection[asyncpg.Record], watched: Watched) -> None:
    """All runs in one statement: tied to each row's own workspace, which no role of the service may do."""
    look = db.queries["watched_runs"]
    text = look.sql
    for place, name in enumerate(look.parameters, 1):
        text = text.replace(f"${place}", "r.workspace_id" if name == "workspace_id" else "$1")
    found = await admin.fetch(text, [run_id for _, run_id in watched])
    assert len(found) == len(watched)
