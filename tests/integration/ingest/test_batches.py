"""What a batch of calls costs to find does not depend on how many are held already, whether the tables have statistics yet or not."""

from __future__ import annotations

import asyncpg
import pytest

from integration.ingest.harness import HARBOR, Ingest, fetch_requested, new_id
from testkit.capture import unrecorded
from testkit.plans import rows_read

HELD, BATCH = 3_000, 100


async def batch(ingest: Ingest, run_id: object) -> float:
    """Rows that PostgreSQL looks at for one batch, as the service's own role."""
    statement = ingest.db.queries["run_calls_waiting"]
    given = {"run_id": run_id, "after": 0, "calls": BATCH, "held_days": 30}
    with unrecorded("EXPLAIN of the service's own statements"):
        connection = await asyncpg.connect(ingest.admin_url)
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE ingest_app")
        await connection.execute("SELECT set_config('app.workspace_id', $1, true)", HARBOR)
        found = await rows_read(connection, statement.sql, statement.arguments(given, HARBOR))
    await connection.close()
    return found


@pytest.mark.parametrize("analysed", [False, True])
async def test_finding_a_batch_reads_its_own_rows_and_no_others(ingest: Ingest, analysed: bool) -> None:
    run_id = new_id()
    await ingest.sql("ALTER TABLE held_calls SET (autovacuum_enabled = false)")
    await ingest.sql("ALTER TABLE run_calls SET (autovacuum_enabled = false)")
    await ingest.hear(fetch_requested(run_id))
    await ingest.sql(
        "INSERT INTO run_calls (workspace_id, run_id, call_id, position, checksum, ended_at, duration_seconds) "
        "SELECT $1, $2, 'call ' || n, n, repeat('0', 64), now() - interval '9 days', 60 FROM generate_series(1, $3::int) n",
        HARBOR,
        run_id,
        HELD,
    )
    await ingest.sql(
        "INSERT INTO held_calls (workspace_id, provider, call_id, checksum, object_name, sha256, size_bytes) "
        "SELECT $1, 'gong', 'call ' || n, repeat('0', 64), 'name ' || n, repeat('a', 64), 1 FROM generate_series(1, $2::int) n",
        HARBOR,
        HELD,
    )
    if analysed:
        await ingest.sql("ANALYZE held_calls, run_calls")
    # A few steps of the plan for each of the batch, and no more for what is held beside it.
    assert await batch(ingest, run_id) <= 10 * BATCH
