"""Every tenant table of every service is walled in, and a table that is not is found."""

from __future__ import annotations

import asyncpg
import pytest

from architecture.catalog import problems
from contracts.registry import SERVICES
from testkit.postgres import NewDatabase

TABLE = """
CREATE TABLE notes (workspace_id text NOT NULL, id uuid NOT NULL, body text, PRIMARY KEY (workspace_id, id));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON notes TO audit_app
    USING (workspace_id = current_setting('app.workspace_id')) WITH CHECK (workspace_id = current_setting('app.workspace_id'));
CREATE TABLE tags (workspace_id text NOT NULL, id uuid NOT NULL, note uuid, PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, note) REFERENCES notes (workspace_id, id));
ALTER TABLE tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE tags FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON tags TO audit_app USING (workspace_id = current_setting('app.workspace_id'));
"""

BREACHES = {
    "no policy": ("DROP POLICY workspace ON notes", "notes: has no policy"),
    "not forced": ("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", "notes: row security is not enabled and forced"),
    "not enabled": ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "notes: row security is not enabled and forced"),
    "nullable": (
        "ALTER TABLE tags DROP CONSTRAINT tags_pkey; ALTER TABLE tags ALTER workspace_id DROP NOT NULL",
        "tags: workspace_id may be null",
    ),
    "unique": ("CREATE UNIQUE INDEX bodies ON notes (body)", "notes: unique index bodies leaves workspace_id out"),
    "primary key": (
        "CREATE TABLE bare (id int PRIMARY KEY, workspace_id text NOT NULL)",
        "bare: unique index bare_pkey leaves",
    ),
    "foreign key": (
        "ALTER TABLE notes ADD CONSTRAINT one UNIQUE (id); ALTER TABLE tags ADD CONSTRAINT across FOREIGN KEY (note) REFERENCES notes (id)",
        "tags: foreign key across leaves workspace_id out",
    ),
    "open policy": ("CREATE POLICY more ON notes TO audit_app USING (true)", "policy more lets audit_app see more"),
    "policy with or": (
        "CREATE POLICY more ON notes TO audit_app USING (workspace_id = current_setting('app.workspace_id') OR body = 'x')",
        "policy more lets audit_app see more",
    ),
    "policy for all": (
        "CREATE POLICY more ON notes USING (workspace_id = current_setting('app.workspace_id'))",
        "policy more is for ['public']",
    ),
    "truncate": ("GRANT TRUNCATE ON notes TO audit_app", "notes: audit_app may TRUNCATE"),
    "no workspace": ("CREATE TABLE shared (id int PRIMARY KEY)", "shared: has no workspace_id"),
}


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_is_walled_in(service: str, new_database: NewDatabase) -> None:
    connection = await asyncpg.connect((await new_database(service)).owner)
    try:
        assert await problems(connection, service) == []
    finally:
        await connection.close()


async def test_a_table_that_is_not_is_found(new_database: NewDatabase) -> None:
    connection = await asyncpg.connect((await new_database("audit")).owner)
    try:
        for sql, problem in BREACHES.values():
            undo = connection.transaction()
            await undo.start()
            await connection.execute(TABLE)
            assert await problems(connection, "audit") == []
            await connection.execute(sql)
            assert any(problem in found for found in await problems(connection, "audit")), problem
            await undo.rollback()
    finally:
        await connection.close()
