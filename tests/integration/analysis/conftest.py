"""Analysis around a real database, empty before each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from analysis.handlers.live import LiveLimits, LiveRuns
from core.ids import uuid7
from database import MigrationSettings, migrate
from integration.analysis.world import World
from integration.analysis.world import world as opened
from local.postgres import ServiceDsns, drop, provision
from testkit.postgres import PASSWORDS, migration_folders


@pytest.fixture(scope="session")
async def analysis_database(postgres_url: str) -> AsyncIterator[ServiceDsns]:
    """One migrated database for all of these tests: emptying it takes a tenth of the time that making it does."""
    name = f"test-analysis-t{uuid7().hex[:24]}"
    dsns = await provision(postgres_url, "analysis", PASSWORDS, name)
    migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("analysis")))
    yield dsns
    await drop(postgres_url, name)


@pytest.fixture
async def world(analysis_database: ServiceDsns, postgres_url: str) -> AsyncIterator[World]:
    """All of analysis but the network."""
    await empty(urlsplit(postgres_url)._replace(path=urlsplit(analysis_database.app).path).geturl())
    async with opened(analysis_database, postgres_url) as world:
        yield world


async def empty(admin_url: str) -> None:
    """Remove all rows of all tables but yoyo's."""
    connection = await asyncpg.connect(admin_url)
    try:
        tables = await connection.fetchval(
            "SELECT string_agg(quote_ident(relname), ', ') FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace AND relname NOT LIKE '%yoyo%'"
        )
        await connection.execute(f"TRUNCATE {tables}")
    finally:
        await connection.close()


@pytest.fixture
async def live(world: World) -> AsyncIterator[LiveRuns]:
    """Reads what is watched, as the service's background work does."""
    runs = LiveRuns(world.db, LiveLimits(every=0.01))
    work = asyncio.create_task(runs.run())
    yield runs
    work.cancel()
