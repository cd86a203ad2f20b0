"""What the database itself refuses to the roles that serve, whatever statement they send."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from contracts.registry import SERVICES
from database import Queries
from house.projects import services
from local.postgres import ServiceDsns
from testkit.postgres import NewDatabase

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

ENTRY = """
INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
VALUES ('{0}', '{1}', 'workspace.updated', 'user', 'u', 'word-of-{0}', 'web', 'workspace', '{0}', '{{}}', now())
"""
ONE, TWO = "00000001-0000-4000-8000-000000000001", "00000002-0000-4000-8000-000000000001"
INBOX = "INSERT INTO inbox (workspace_id, consumer, event_id) VALUES ('{0}', 'c', '{1}')"
ENTER = "SELECT set_config('app.workspace_id', '{0}', false)"

# What each role that serves is refused.
REFUSED = {
    "copy in": "COPY inbox FROM STDIN",
    "copy to a program": "COPY inbox TO PROGRAM 'cat'",
    "copy to a file": "COPY inbox TO '/entries.txt'",
    "copy from a file": "COPY inbox FROM '/entries.txt'",
    "table": "CREATE TABLE mine (a int)",
    "temporary table": "CREATE TEMP TABLE mine (a int)",
    "temporary copy": "CREATE TEMP TABLE mine AS SELECT * FROM inbox",
    "view": "CREATE VIEW mine AS SELECT 1",
    "function": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "temporary function": "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "operator": "CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "schema": "CREATE SCHEMA mine",
    "publication": "CREATE PUBLICATION mine FOR TABLE inbox",
    "sequence": "CREATE SEQUENCE mine",
    "code": "DO $$ BEGIN NULL; END $$",
    "role of the owner": "SET ROLE audit_owner",
    "other role that serves": "SET ROLE {other}",
    "session of the owner": "SET SESSION AUTHORIZATION audit_owner",
    "replica": "SET session_replication_role = replica",
    "scope by default": "ALTER ROLE CURRENT_USER SET app.workspace_id = 'org_b'",
    "policy": "DROP POLICY workspace ON inbox",
    "row security": "ALTER TABLE inbox DISABLE ROW LEVEL SECURITY",
    "truncate": "TRUNCATE inbox",
    "trigger": "CREATE TRIGGER mine BEFORE INSERT ON inbox EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "new large object": "SELECT lo_create(0)",
    "large object of bytes": "SELECT lo_from_bytea(0, 'x')",
    "large object": "SELECT lo_get(1)",
    "open large object": "SELECT lo_open(1, 262144)",
    "large object from a file": "SELECT lo_import('/entries.txt')",
    "large objects": "SELECT * FROM pg_largeobject",
    "sessions": "SELECT query FROM pg_stat_activity",
    "sessions by function": "SELECT pg_stat_get_activity(NULL)",
    "session by function": "SELECT pg_stat_get_backend_activity(1)",
    "connections": "SELECT * FROM pg_stat_ssl",
    "locks": "SELECT * FROM pg_locks",
    "end a session": "SELECT pg_terminate_backend(1)",
    "cancel a statement": "SELECT pg_cancel_backend(1)",
    "word to all sessions": "SELECT pg_notify('x', 'y')",
    "rows of a table": "SELECT n_live_tup FROM pg_stat_user_tables",
    "size of a table": "SELECT pg_total_relation_size('inbox')",
    "next number": "SELECT nextval('outbox_id_seq')",
    "last number": "SELECT last_value FROM outbox_id_seq",
    "current number": "SELECT currval('outbox_id_seq')",
    "other number": "SELECT setval('outbox_id_seq', 1)",
    "file": "SELECT pg_read_file('postgresql.conf')",
    "passwords": "SELECT * FROM pg_authid",
}


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    """An audit database."""
    return await new_database("audit")


@pytest.fixture
async def a(dsns: ServiceDsns) -> AsyncIterator[Connection]:
    """A session of the application role in workspace org_a."""
    connection = await asyncpg.connect(dsns.app)
    await connection.execute(ENTER.format("org_a"))
    yield connection
    await connection.close()


@pytest.fixture
async def admin(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[Connection]:
    """The administrator's session in the same database."""
    connection = await asyncpg.connect(postgres_url, database=urlsplit(dsns.owner).path[1:])
    yield connection
    await connection.close()


@pytest.fixture
async def b(dsns: ServiceDsns) -> AsyncIterator[Connection]:
    """A session of the same role in workspace org_b, where there is a row in each table."""
    connection = await asyncpg.connect(dsns.app)
    await connection.execute(ENTER.format("org_b"))
    await connection.execute(ENTRY.format("org_b", ONE))
    await connection.execute(INBOX.format("org_b", ONE))
    yield connection
    await connection.close()


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize(("role", "other"), [("app", "audit_sweep"), ("sweep", "audit_app")])
async def test_a_role_that_serves_is_refused(dsns: ServiceDsns, role: str, other: str, statement: str) -> None:
    connection = await asyncpg.connect(getattr(dsns, role))
    try:
        await connection.execute(ENTER.format("org_a"))
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)):
            await connection.execute(statement.replace("{other}", other))
    finally:
        await connection.close()


async def test_reading_is_refused_where_row_security_is_switched_off(a: Connection, b: Connection) -> None:
    await a.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security policy"):
        await a.fetch("SELECT * FROM entries")


async def test_a_session_without_a_workspace_is_refused(dsns: ServiceDsns, b: Connection) -> None:
    connection = await asyncpg.connect(dsns.app)
    try:
        with pytest.raises(asyncpg.UndefinedObjectError, match=r"app\.workspace_id"):
            await connection.fetch("SELECT * FROM entries")
    finally:
        await connection.close()


async def test_copying_out_shows_the_own_rows_only(a: Connection, b: Connection) -> None:
    await a.execute(ENTRY.format("org_a", TWO))
    lines: list[bytes] = []

    async def take(data: bytes) -> None:
        lines.append(data)

    # Behind policies a table is copied without its partitions, which the role may not name: that is to say nothing of this one.
    await a.copy_from_table("entries", columns=["workspace_id", "id"], output=take)
    assert lines == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await a.copy_from_table("entries_stray", columns=["workspace_id", "id"], output=take)
    await a.copy_from_query("SELECT workspace_id, id FROM entries", output=take)
    assert b"".join(lines) == f"org_a\t{TWO}\n".encode()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM entries",
        "SELECT count(*) FROM ONLY entries WHERE workspace_id <> 'org_a'",
        "SELECT count(*) FROM entries TABLESAMPLE BERNOULLI (100)",
        "SELECT count(*) FROM (SELECT * FROM entries WHERE position('org_b' IN actor_email) > 0) AS leak",
        "SELECT coalesce(sum(1 / (CASE workspace_id WHEN 'org_b' THEN 0 ELSE 1 END)), 0) FROM entries",
    ],
)
async def test_no_form_of_reading_meets_another_row(a: Connection, b: Connection, statement: str) -> None:
    assert await a.fetchval(statement) == 0


async def test_statistics_do_not_hold_the_values_of_others(a: Connection, b: Connection, admin: Connection) -> None:
    await admin.execute("ANALYZE entries")
    assert await admin.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'entries'") > 0
    assert await a.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'entries'") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await a.execute("SELECT * FROM pg_statistic")


async def test_sequences_do_not_tell_their_numbers(a: Connection, b: Connection) -> None:
    await b.execute(
        "INSERT INTO outbox (workspace_id, event_id, topic, ordering_key, body, attributes)"
        " VALUES ('org_b', gen_random_uuid(), 't', 'k', 'x', '{}')"
    )
    assert await a.fetchval("SELECT last_value FROM pg_sequences WHERE sequencename = 'outbox_id_seq'") is None
    assert await a.fetchval("SELECT pg_sequence_last_value('outbox_id_seq')") is None


async def test_monitoring_goes_on_for_roles_made_for_it(admin: Connection, b: Connection) -> None:
    await admin.execute("BEGIN; SET LOCAL ROLE pg_monitor")
    assert await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%org_b%'") > 0
    await admin.execute("ROLLBACK")


async def error_of(connection: Connection, statement: str) -> asyncpg.PostgresError:
    """What the database says to a statement that fails."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        await connection.execute(statement)
    return caught.value


async def test_errors_name_no_value_of_another_workspace(a: Connection, b: Connection) -> None:
    await a.execute(ENTRY.format("org_a", TWO))
    failing = {
        "unique": ENTRY.format("org_a", TWO),
        "check": ENTRY.format("org_a", ONE).replace("workspace.updated", "unknown"),
        "null": ENTRY.format("org_a", ONE).replace("'{}'", "NULL"),
        "policy": ENTRY.format("org_b", TWO),
        "policy, where the key is taken": ENTRY.format("org_b", ONE),
        "policy, in a conflict": ENTRY.format("org_b", ONE) + "ON CONFLICT (workspace_id, id) DO NOTHING",
    }
    errors = {name: await error_of(a, statement) for name, statement in failing.items()}
    for name, error in errors.items():
        assert error.detail is None, name
        assert "org_b" not in str(error), name
    # Whether the key is taken there cannot be told.
    assert len({str(error) for name, error in errors.items() if name.startswith("policy")}) == 1


async def test_an_id_taken_elsewhere_is_free_here(a: Connection, b: Connection) -> None:
    assert await a.execute(ENTRY.format("org_a", ONE)) == "INSERT 0 1"
    assert await a.fetchval("SELECT actor_email FROM entries") == "word-of-org_a"


async def test_another_ones_row_is_out_of_reach_of_changes(dsns: ServiceDsns, b: Connection, admin: Connection) -> None:
    """Also where the role had the rights that it has not."""
    await admin.execute("BEGIN; GRANT UPDATE, DELETE ON entries TO audit_app; SET LOCAL ROLE audit_app")
    await admin.execute("SET LOCAL app.workspace_id = 'org_a'")
    assert await admin.execute("UPDATE entries SET actor_id = 'x'") == "UPDATE 0"
    assert await admin.execute("DELETE FROM entries") == "DELETE 0"
    assert await admin.fetch("SELECT FROM entries FOR UPDATE") == []
    await admin.execute(ENTRY.format("org_a", TWO))
    error = await error_of(admin, "UPDATE entries SET workspace_id = 'org_b'")
    assert "row-level security policy" in str(error)
    await admin.execute("ROLLBACK")


@pytest.mark.parametrize("service", SERVICES)
def test_no_statement_speaks_where_no_policy_listens(service: str) -> None:
    """NOTIFY reaches every session that LISTENs and advisory locks are seen by all: nobody uses the one, the other only for a workspace."""
    for statement in Queries.of("database", "messaging", services()[service].package):
        assert not re.search(
            r"\b(NOTIFY|LISTEN|COPY|PREPARE|DECLARE|pg_notify|lo_\w+)\b", statement.sql, re.IGNORECASE
        ), statement.name
        if "advisory" in statement.sql:
            assert "workspace_id" in statement.parameters, statement.name
