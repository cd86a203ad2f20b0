"""Keys are no oracles: what another workspace holds changes no answer, not even an error.

In two databases of each service, one with another workspace's rows in every table and one without, the application role writes the very
same rows (the same ids) as its own: first children before parents, which are refused, then parents first, which are taken, then all again,
which are duplicates. The answers have to be the same, word for word.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from contracts.registry import SERVICES
from isolation.catalog import Roles
from testkit.postgres import NewDatabase

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

SEEDS = Path(__file__).parent / "mutants/seeds"

# Tables that the application role may insert into, parents first: a foreign key points at what was made before.
_TABLES = """
SELECT c.relname AS table, array_agg(a.attname::text) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND has_column_privilege($1, c.oid, a.attnum, 'INSERT')
  AND EXISTS (SELECT FROM pg_attribute w WHERE w.attrelid = c.oid AND w.attname = 'workspace_id')
GROUP BY c.oid, c.relname
ORDER BY c.oid
"""

Write = tuple[str, str]


async def seed(admin: Connection, service: str, workspace: str) -> None:
    """Rows of `workspace` in every table."""
    await admin.execute(
        f"SELECT set_config('app.report_floor', '-infinity', false), set_config('app.workspace_id', '{workspace}', false)"
    )
    for name in ("messaging", service):
        await admin.execute((SEEDS / f"{name}.sql").read_text().replace("@w", workspace).replace("@n", "2"))


async def writes(admin: Connection, service: str) -> list[Write]:
    """For each row of each table, parents first: the table, and the statement that writes the same row as org_a."""
    made: list[Write] = []
    for row in await admin.fetch(_TABLES, Roles.of(service).app):
        table, columns = row["table"], ", ".join(f'"{column}"' for column in row["columns"])
        rows = await admin.fetch(f'SELECT to_jsonb(t)::text AS row FROM "{table}" t')
        if table == "tombstones":
            continue  # one would let nothing else be added: tests/integration/erasure looks at it
        assert rows, f"{SEEDS.name}/{service}.sql has no row of {table}"
        for one in rows:
            text = one["row"].replace('"workspace_id": "org_b"', '"workspace_id": "org_a"').replace("'", "''")
            made.append(
                (
                    table,
                    f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::"{table}", \'{text}\')',
                )
            )
    return made


async def answers(dsn: str, statements: list[Write]) -> list[str]:
    """What the database says to each write by the application role in org_a."""
    connection = await asyncpg.connect(dsn)
    said: list[str] = []
    try:
        await connection.execute(
            "SELECT set_config('app.workspace_id', 'org_a', false), set_config('app.report_floor', '-infinity', false)"
        )
        for table, statement in statements:
            try:
                said.append(f"{table}: {await connection.execute(statement)}")
            except asyncpg.PostgresError as error:
                said.append(f"{table}: {error.sqlstate} {error} {error.detail}")
    finally:
        await connection.close()
    return said


async def both(
    shared: str, alone: str, url: str, service: str, more: str = "SELECT 1"
) -> tuple[list[str], list[str], set[str]]:
    """The answers beside another workspace, the answers without it, and the tables written to; `more` is run in both databases first."""
    down: list[tuple[str, str]] = []
    for dsn in (shared, alone):
        admin = await asyncpg.connect(url, database=urlsplit(dsn).path[1:])
        await admin.execute(more)
        if dsn == shared:
            await seed(admin, service, "org_b")
            down = await writes(admin, service)
        await admin.close()
    everything = [*reversed(down), *down, *down]
    return await answers(shared, everything), await answers(alone, everything), {table for table, _ in down}


@pytest.mark.parametrize("service", SERVICES)
async def test_what_another_workspace_holds_changes_no_answer(
    service: str, new_database: NewDatabase, postgres_url: str
) -> None:
    shared, alone = await new_database(service), await new_database(service)
    beside, without, tables = await both(shared.app, alone.app, postgres_url, service)
    assert beside == without
    assert not any("org_b" in answer for answer in beside)
    assert {answer.partition(":")[0] for answer in beside if answer.endswith("INSERT 0 1")} == tables


async def test_a_key_that_reaches_across_is_found(new_database: NewDatabase, postgres_url: str) -> None:
    shared, alone = await new_database("audit"), await new_database("audit")
    across = "CREATE UNIQUE INDEX across ON log_erasures (id)"
    beside, without, _ = await both(shared.app, alone.app, postgres_url, "audit", across)
    assert [answer for answer in beside if "across" in answer]
    assert beside != without
