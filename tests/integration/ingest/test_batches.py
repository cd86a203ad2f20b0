"""What a batch of calls costs to find does not depend on how many are held already, whether the tables have statistics yet or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias, cast

import asyncpg
import pytest

from integration.ingest.harness import HARBOR, Ingest, fetch_requested, new_id
from testkit.capture import unrecorded

Node: TypeAlias = "dict[str, str | float | list[Node]]"

HELD, BATCH = 3_000, 100


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in cast("list[Node]", node.get("Plans", [])):
        yield from nodes(child)


async def rows_read(ingest: Ingest, run_id: object) -> float:
    """Rows that PostgreSQL looks at for one batch, as the service's own role."""
    statement = ingest.db.queries["run_calls_waiting"]
    given = {"run_id": run_id, "after": 0, "calls": BATCH, "held_days": 30}
    with unrecorded("EXPLAIN of the service's own statements"):
        connection = await asyncpg.connect(ingest.admin_url)
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE ingest_app")
        await connection.execute("SELECT set_config('app.workspace_id', $1, true)", HARBOR)
        found = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT json) {statement.sql}", *statement.arguments(given, HARBOR)
        )
    await connection.close()
    plan = cast(Node, json.loads(found)[0]["Plan"])
    scans = [one for one in nodes(plan) if "Relation Name" in one]
    return sum(
        float(cast(float, one["Actual Loops"]))
        * sum(float(cast(float, one.get(name, 0.0))) for name in ("Actual Rows", "Rows Removed by Filter"))
        for one in scans
    )


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
    # A batch, and the object of each.
    assert await rows_read(ingest, run_id) <= 3 * BATCH
