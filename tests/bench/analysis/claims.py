"""What one claim costs with a long queue, beside the plain way to be fair: numbering the whole queue."""

from __future__ import annotations

import statistics
import time

import asyncpg

from analysis.store.calls import Turns, claim_calls
from bench.harness import Row
from integration.analysis.world import open_database
from local.postgres import ServiceDsns

SHORT, LONG = 1_000, 100_000
WORKSPACES = 50
CLAIMED = 10
TIMES = 100

_NUMBERED = """
UPDATE run_calls c
SET state = 'analysing', attempts = c.attempts + 1, fence = c.fence + 1, lease_until = now() + interval '30 s'
FROM (
    SELECT l.workspace_id, l.run_id, l.call_id FROM run_calls l
    JOIN (SELECT workspace_id, run_id, call_id FROM (
              SELECT workspace_id, run_id, call_id, row_number() OVER (PARTITION BY workspace_id ORDER BY lease_until) AS number
              FROM run_calls WHERE done_at IS NULL AND lease_until <= now()) n
          ORDER BY number LIMIT 10) chosen USING (workspace_id, run_id, call_id)
    FOR NO KEY UPDATE OF l SKIP LOCKED
) free
WHERE c.workspace_id = free.workspace_id AND c.run_id = free.run_id AND c.call_id = free.call_id
RETURNING c.call_id"""


async def claims(dsns: ServiceDsns, admin: asyncpg.Connection[asyncpg.Record]) -> list[Row]:
    """A row for a short queue and one for a long one."""
    rows: list[Row] = []
    for queued in (SHORT, LONG):
        await _queue(admin, queued)
        numbered = [await _timed_numbered(admin) for _ in range(5)]
        ours = await _timed(dsns)
        rows.append(
            {
                "row": f"a claim of {CLAIMED} calls with {queued:,} queued in {WORKSPACES} workspaces",
                "unit": "ms",
                "ours": round(1_000 * statistics.median(ours), 2),
                "alternative": round(1_000 * statistics.median(numbered), 2),
            }
        )
    return rows


async def _queue(admin: asyncpg.Connection[asyncpg.Record], calls: int) -> None:
    """Nothing but so many calls that wait, in as many runs as there are workspaces."""
    await admin.execute("UPDATE run_calls SET done_at = now(), state = 'skipped' WHERE done_at IS NULL", timeout=300)
    await admin.execute(
        "INSERT INTO runs (workspace_id, id, request_id, requested_by, request, state, call_limit, started_at, calls_fetched) "
        "SELECT 'org_w' || w, gen_random_uuid(), gen_random_uuid(), 'user_1', '{}', 'running', 1, now(), $1 "
        "FROM generate_series(1, $2) w",
        calls // WORKSPACES,
        WORKSPACES,
    )
    await admin.execute(
        "INSERT INTO run_calls (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds) "
        "SELECT r.workspace_id, r.id, 'c' || n, n, 'o', repeat('0', 64), now(), 1 FROM runs r CROSS JOIN generate_series(1, $1) n "
        "WHERE r.workspace_id LIKE 'org_w%' AND r.calls_fetched = $1",
        calls // WORKSPACES,
        timeout=300,
    )
    await admin.execute("VACUUM ANALYZE run_calls", timeout=300)


async def _timed(dsns: ServiceDsns) -> list[float]:
    db = await open_database(dsns)
    times, turns = [], Turns()
    try:
        for seed in range(TIMES):
            began = time.perf_counter()
            async with db.sweep() as tx:
                _, turns = await claim_calls(tx, CLAIMED, 30, Turns(after=turns.after, seed=seed))
            times.append(time.perf_counter() - began)
    finally:
        await db.close()
    return times


async def _timed_numbered(admin: asyncpg.Connection[asyncpg.Record]) -> float:
    began = time.perf_counter()
    await admin.fetch(_NUMBERED)
    return time.perf_counter() - began
