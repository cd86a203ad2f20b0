"""Every database of every service is walled in, and one that is not is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from architecture.breaches import BREACHES, NEEDS_ICU, TABLE
from contracts.registry import SERVICES
from isolation.catalog import EXCEPTIONS, Exempt, excused, problems
from testkit.postgres import NewDatabase


@asynccontextmanager
async def connected(url: str, database: str | None = None) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection that is closed at the end."""
    connection = await asyncpg.connect(url, database=database)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_is_walled_in(service: str, new_database: NewDatabase) -> None:
    async with connected((await new_database(service)).owner) as connection:
        assert await problems(connection, service) == []


async def test_every_exception_is_needed(new_database: NewDatabase) -> None:
    needed: set[Exempt] = set()
    for service in SERVICES:
        async with connected((await new_database(service)).owner) as connection:
            needed |= await excused(connection, service)
    assert [str(entry) for entry in EXCEPTIONS if entry not in needed] == []


async def test_a_table_that_is_not_is_found(new_database: NewDatabase, postgres_url: str) -> None:
    dsns = await new_database("audit")
    async with connected(postgres_url, urlsplit(dsns.owner).path[1:]) as admin:
        await admin.execute("BEGIN; SET LOCAL ROLE audit_owner")
        await admin.execute(TABLE)
        assert await problems(admin, "audit") == []
        for name, (sql, problem) in BREACHES.items():
            await admin.execute("SAVEPOINT before")
            try:
                await admin.execute(sql)
                found = await problems(admin, "audit")
            except asyncpg.FeatureNotSupportedError:
                assert name in NEEDS_ICU
            else:
                assert any(problem in one for one in found), f"{name}: expected {problem}, found {found}"
            await admin.execute("ROLLBACK TO before")
