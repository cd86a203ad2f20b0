"""Statements about the calls of a run read each of them once: PostgreSQL expects one call of a run that is newer than its statistics, and
would go through all of them for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import asyncpg
import pytest

from core.ids import uuid7
from integration.analysis.world import ACME, World
from testkit.capture import unrecorded
from testkit.plans import rows_read

CALLS, BATCH = 600, 20

_COPY = (
    "INSERT INTO {table} SELECT r.* FROM generate_series(1, $1::int) n, LATERAL (SELECT * FROM {table} LIMIT 1) one,"
    " LATERAL jsonb_populate_record(NULL::{table},"
    " to_jsonb(one) || $2::jsonb || jsonb_build_object('call_id', 'call ' || n, 'id', gen_random_uuid())) r"
)


async def grown(world: World) -> UUID:
    """A run of many calls that is newer than what PostgreSQL knows of its tables."""
    await world.finished_run(10)
    connection = await asyncpg.connect(world.admin_url)
    run_id = uuid7()
    with unrecorded("rows of a run, copied"):
        await connection.execute("SET session_replication_role = replica")
        for table in ("run_calls", "analyses", "model_requests"):
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            await connection.execute(f"ANALYZE {table}")
        troubled = ', "outcome": "busy"'
        for table, more in (
            ("model_requests", troubled),
            ("run_calls", ', "state": "pending", "done_at": null, "fence": 1'),
            ("analyses", ""),
        ):
            await connection.execute(_COPY.format(table=table), CALLS, f'{{"run_id": "{run_id}"{more}}}')
    await connection.close()
    return run_id


def given(run_id: UUID) -> Mapping[str, tuple[Mapping[str, object], int]]:
    """Each statement with its values, and how many calls it is about."""
    some = [f"call {number}" for number in range(1, BATCH + 1)]
    return {
        "claimed_calls": ({"run_ids": [run_id] * BATCH, "call_ids": some, "fences": [1] * BATCH}, BATCH),
        "analyses_of_run": ({"run_id": run_id}, CALLS),
        "troubled_calls": ({"run_id": run_id, "limit": 50}, CALLS),
    }


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_no_statement_goes_through_a_run_for_each_of_its_calls(world: World, mode: str) -> None:
    run_id = await grown(world)
    found = {}
    with unrecorded("EXPLAIN of the service's own statements"):
        async with world.looking() as connection:
            for name, (values, about) in given(run_id).items():
                statement = world.db.queries[name]
                transaction = connection.transaction()
                await transaction.start()
                await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
                try:
                    found[name] = await rows_read(connection, statement.sql, statement.arguments(values, ACME)) / about
                finally:
                    await transaction.rollback()
    # A few steps of the plan for each.
    assert {name: read for name, read in found.items() if read > 12} == {}
