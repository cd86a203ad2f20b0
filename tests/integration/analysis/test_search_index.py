"""What it costs to put a report's findings into the index grows with them, and no faster."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from integration.analysis.world import ACME, World
from testkit.capture import unrecorded
from testkit.plans import rows_read

CALLS = 60


async def test_indexing_a_report_reads_each_call_once_although_the_run_is_newer_than_all_statistics(
    world: World,
) -> None:
    await world.finished_run(CALLS)
    [report] = await world.rows("SELECT id FROM reports")
    with unrecorded("EXPLAIN of the service's own statements"):
        async with world.looking() as connection:
            assert await _read(world, connection, report["id"]) <= 20 * CALLS


async def _read(world: World, connection: asyncpg.Connection[asyncpg.Record], report_id: UUID) -> float:
    statement = world.db.queries["index_findings"]
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("DELETE FROM report_findings")
        return await rows_read(connection, statement.sql, statement.arguments({"report_id": report_id}, ACME))
    finally:
        await transaction.rollback()
