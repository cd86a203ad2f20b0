"""The roles that serve have no right that no statement needs, and no statement crosses workspaces without need."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import asyncpg
import pytest
from msgspec.structs import replace

from contracts.registry import SERVICES
from database import Queries
from database.checker import check, read_catalog
from database.queries import CROSS_WORKSPACE, Statement
from house.projects import services
from isolation.catalog.rights import needless
from isolation.own_queries import reads_the_catalog_only
from local.postgres import ServiceDsns
from testkit.postgres import NewDatabase


async def needless_of(service: str, url: str, dsn: str, more: str = "SELECT 1") -> list[str]:
    """The rights nobody needs in the database of `dsn`, after `more` has been run there."""
    queries = Queries.of("database", "messaging", services()[service].package)
    admin = await asyncpg.connect(url, database=urlsplit(dsn).path[1:])
    try:
        await admin.execute(more)
        return [str(right) for right in await needless(admin, service, queries)]
    finally:
        await admin.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_right_is_needed(service: str, new_database: NewDatabase, postgres_url: str) -> None:
    assert await needless_of(service, postgres_url, (await new_database(service)).owner) == []


async def test_a_right_that_nobody_needs_is_found(new_database: NewDatabase, postgres_url: str) -> None:
    dsn = (await new_database("audit")).owner
    more = "GRANT DELETE ON log_seals TO audit_app; GRANT UPDATE (type) ON entries TO audit_app; GRANT SELECT ON entries TO audit_sweep"
    assert await needless_of("audit", postgres_url, dsn, more) == [
        "audit_app may UPDATE entries.type",
        "audit_app may DELETE log_seals",
        "audit_sweep may SELECT entries",
    ]


async def needless_crossings(statements: Iterable[Statement], dsns: ServiceDsns) -> list[str]:
    """Statements that declare to cross workspaces, and which the application role could run as well, tied to the scope as others are."""
    found: list[str] = []
    connection = await asyncpg.connect(dsns.app)
    try:
        await connection.execute("SELECT set_config('app.workspace_id', 'org_none', false)")
        catalog = await read_catalog(connection)
        for one in statements:
            plain = replace(one, description=one.description.replace(CROSS_WORKSPACE, ""))
            if one.crosses_workspaces and not check(plain, catalog) and await _taken(connection, one):
                found.append(one.name)
    finally:
        await connection.close()
    return found


async def _taken(connection: asyncpg.Connection[asyncpg.Record], statement: Statement) -> bool:
    try:
        await connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement.sql}")
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_that_crosses_workspaces_has_to(service: str, new_database: NewDatabase) -> None:
    statements = Queries.of("messaging", services()[service].package)
    assert await needless_crossings(statements, await new_database(service)) == []


async def test_one_that_does_not_have_to_is_found(new_database: NewDatabase) -> None:
    (tied,) = [one for one in Queries.of("audit") if one.name == "entries_page"]
    marked = replace(tied, description=f"{tied.description}\n{CROSS_WORKSPACE} for no reason")
    assert await needless_crossings([tied, marked], await new_database("audit")) == ["entries_page"]


def test_the_database_librarys_own_statements_read_the_catalog_only() -> None:
    crossing = [one for one in Queries.of("database") if one.crosses_workspaces]
    assert [one.name for one in crossing if not reads_the_catalog_only(one.sql)] == []
    assert not reads_the_catalog_only("SELECT id FROM entries")
