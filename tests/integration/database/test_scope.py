"""Scoped transactions on a real PostgreSQL: what one workspace wrote, another cannot see, change or point at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from core.errors import InvalidInput, Transient
from core.ids import WorkspaceId
from database import Batch, Database, DatabaseSettings, MigrationSettings, Queries, UnsafeRole, migrate
from database.connect import open_pool
from isolation.cost.wire import wiretap
from local.postgres import ServiceDsns, drop, provision
from testkit.capture import unrecorded
from testkit.postgres import PASSWORDS

A, B = WorkspaceId("org_a"), WorkspaceId("org_b")

MIGRATION = """
SET lock_timeout = '3s';
CREATE TABLE notes (workspace_id text NOT NULL, id int NOT NULL, body text NOT NULL, PRIMARY KEY (workspace_id, id));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON notes TO audit_app USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY sweep ON notes FOR SELECT TO audit_sweep USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO audit_app;
GRANT SELECT ON notes TO audit_sweep;
"""

STATEMENTS = """
-- name: note_add
-- Adds a note.
INSERT INTO notes (workspace_id, id, body) VALUES (:workspace_id, :id, :body);

-- name: note_add_enter
-- Enters the workspace and adds a note there.
WITH scope AS MATERIALIZED (SELECT set_config('app.workspace_id', :workspace_id, true))
INSERT INTO notes (workspace_id, id, body)
SELECT :workspace_id, :id::int, :body FROM scope
RETURNING workspace_id, body;

-- name: note_change
-- Changes a note.
UPDATE notes SET body = :body WHERE workspace_id = :workspace_id AND id = :id;

-- name: notes_all
-- The workspace's notes.
SELECT id, body FROM notes WHERE workspace_id = :workspace_id ORDER BY id;

-- name: notes_unscoped
-- A query that forgets the scope: the database must hold alone.
SELECT workspace_id, id FROM notes ORDER BY id;

-- name: note_forged
-- Writes into a workspace that is not the scope's.
INSERT INTO notes (workspace_id, id, body) VALUES (:other, :id, :body);

-- name: notes_everywhere
-- cross-workspace: a sweep for this test
SELECT workspace_id, id FROM notes ORDER BY workspace_id, id;
"""


@pytest.fixture
async def dsns(postgres_url: str, tmp_path: Path) -> AsyncIterator[ServiceDsns]:
    """A database with one tenant table."""
    (tmp_path / "pre").mkdir()
    (tmp_path / "pre" / "0001_notes.sql").write_text(MIGRATION)
    made = await provision(postgres_url, "audit", PASSWORDS, "test-scope")
    migrate(MigrationSettings(owner_url=made.owner, folders=(tmp_path,)))
    yield made
    await drop(postgres_url, "test-scope")


@pytest.fixture
async def db(dsns: ServiceDsns, tmp_path: Path) -> AsyncIterator[Database]:
    """The database, opened with the statements above."""
    (tmp_path / "notes.sql").write_text(STATEMENTS)
    queries = Queries.load(Path(__file__).parents[3] / "libs/database/database/queries", tmp_path)
    with unrecorded("notes_unscoped and note_forged of test_scope.py are wrong on purpose"):
        opened = await Database.open(DatabaseSettings(app_url=dsns.app, sweep_url=dsns.sweep), queries)
    yield opened
    await opened.close()


async def _add(db: Database, workspace: WorkspaceId, number: int) -> None:
    async with db.workspace(workspace) as tx:
        await tx.execute("note_add", id=number, body=f"of {workspace}")


async def test_a_workspace_sees_its_own_rows_only(db: Database) -> None:
    await _add(db, A, 1)
    await _add(db, B, 1)
    async with db.workspace(A) as tx:
        assert [row["body"] for row in await tx.fetch("notes_all")] == ["of org_a"]


async def test_the_row_policy_holds_where_a_query_forgets_the_scope(db: Database) -> None:
    await _add(db, A, 1)
    await _add(db, B, 2)
    async with db.workspace(A) as tx:
        assert [row["workspace_id"] for row in await tx.fetch("notes_unscoped")] == [A]


async def test_a_row_cannot_be_written_into_another_workspace(db: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.workspace(A) as tx:
            await tx.execute("note_forged", other=B, id=1, body="x")


async def test_the_scope_cannot_be_passed_by_a_caller(db: Database) -> None:
    with pytest.raises(TypeError, match="comes from the scope"):
        async with db.workspace(A) as tx:
            await tx.fetch("notes_all", workspace_id=B)


async def test_a_malformed_workspace_is_refused_before_the_database(db: Database) -> None:
    with pytest.raises(InvalidInput):
        async with db.workspace(WorkspaceId("org_a'; DROP TABLE notes; --")):
            pass


async def test_statements_across_workspaces_run_as_a_sweep_only(db: Database) -> None:
    await _add(db, A, 1)
    await _add(db, B, 1)
    with pytest.raises(RuntimeError, match="crosses workspaces"):
        async with db.workspace(A) as tx:
            await tx.fetch("notes_everywhere")
    async with db.sweep() as tx:
        assert len(await tx.fetch("notes_everywhere")) == 2


async def test_a_batch_holds_one_scope_at_a_time(db: Database) -> None:
    async with db.batch() as batch:
        first = await batch.enter(A)
        await first.execute("note_add", id=1, body="a")
        second = await batch.enter(B)
        await second.execute("note_add", id=1, body="b")
        assert [row["body"] for row in await second.fetch("notes_all")] == ["b"]
        with pytest.raises(RuntimeError, match="scope has ended"):
            await first.fetch("notes_all")
    async with db.workspace(A) as tx:
        assert [row["body"] for row in await tx.fetch("notes_all")] == ["a"]


async def test_a_statement_runs_in_each_workspace_in_one_round_trip(dsns: ServiceDsns, db: Database) -> None:
    scopes = [WorkspaceId(f"org_many{number}") for number in range(300)]
    async with wiretap(dsns.app) as wire:
        settings = DatabaseSettings(app_url=wire.url, sweep_url=dsns.sweep, app_pool=1)
        with unrecorded("notes_unscoped and note_forged of test_scope.py are wrong on purpose"):
            behind = await Database.open(settings, db.queries)
        try:
            async with behind.batch() as batch:
                # Once, so that it is prepared.
                await batch.enter_each("note_add_enter", [A], id=[1], body=["a"])
                first = await batch.enter(B)
                before = wire.round_trips
                rows = await batch.enter_each(
                    "note_add_enter", scopes, id=range(300), body=[f"body of {scope}" for scope in scopes]
                )
                assert wire.round_trips - before == 1
                with pytest.raises(RuntimeError, match="scope has ended"):
                    await first.fetch("notes_all")
        finally:
            await behind.close()
    assert [tuple(row) for row in rows] == [(scope, f"body of {scope}") for scope in scopes]
    for scope in (scopes[0], scopes[-1]):
        async with db.workspace(scope) as tx:
            assert [row["body"] for row in await tx.fetch("notes_all")] == [f"body of {scope}"]


async def test_each_workspace_has_what_its_scope_allows_only(db: Database) -> None:
    async with db.batch() as batch:
        assert await batch.enter_each("note_add_enter", [], id=[], body=[]) == []
    attempts: list[tuple[Callable[[Batch], Awaitable[object]], type[Exception]]] = [
        (lambda batch: batch.enter_each("note_add_enter", [A], id=[1], body=["a"], workspace_id=[B]), TypeError),
        (lambda batch: batch.enter_each("note_add_enter", [A, B], id=[1], body=["a"]), ValueError),
        (lambda batch: batch.enter_each("note_add_enter", [A], id=[1]), TypeError),
        (
            lambda batch: batch.enter_each("note_add_enter", [A, WorkspaceId("org_b'")], id=[1, 2], body=["a", "b"]),
            InvalidInput,
        ),
        (lambda batch: batch.enter_each("notes_everywhere", [A]), RuntimeError),
        # It enters no workspace, and so meets the policies of the one before.
        (lambda batch: batch.enter_each("note_add", [A, B], id=[1, 2], body=["a", "b"]), asyncpg.PostgresError),
    ]
    for refused, error in attempts:
        with pytest.raises(error):
            async with db.batch() as batch:
                await batch.enter(A)
                await refused(batch)
    async with db.sweep() as tx:
        assert await tx.fetch("notes_everywhere") == []


async def test_what_fails_leaves_nothing_behind_and_no_scope_on_the_connection(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.workspace(A) as tx:
            await tx.execute("note_add", id=1, body="x")
            raise ZeroDivisionError
    async with db.workspace(A) as tx:
        assert await tx.fetch("notes_all") == []
    async with db.sweep() as tx:
        assert await tx.fetch("notes_everywhere") == []


async def test_cancelling_at_any_moment_leaves_the_pool_usable(db: Database) -> None:
    async def work(number: int) -> None:
        async with db.workspace(A) as tx:
            await tx.execute("note_add", id=number, body="x")
            await tx.fetch("notes_all")

    for turns in range(12):
        task = asyncio.create_task(work(turns))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with db.workspace(B) as tx:
        assert await tx.fetch("notes_all") == []


async def test_callbacks_run_after_a_commit_and_never_after_a_rollback(db: Database) -> None:
    told: list[str] = []

    async def before() -> None:
        told.append("before")

    async with db.workspace(A) as tx:
        tx.before_commit(before)
        tx.on_commit(lambda: told.append("after"))
    with pytest.raises(ZeroDivisionError):
        async with db.workspace(A) as tx:
            tx.on_commit(lambda: told.append("never"))
            raise ZeroDivisionError
    assert told == ["before", "after"]


async def test_a_service_refuses_to_start_with_a_role_that_could_see_everything(
    dsns: ServiceDsns, postgres_url: str
) -> None:
    queries = Queries.of("database")
    with pytest.raises(UnsafeRole, match="owns tables"):
        await Database.open(DatabaseSettings(app_url=dsns.owner, sweep_url=dsns.sweep), queries, "audit")
    with pytest.raises(UnsafeRole, match="superuser"):
        await Database.open(DatabaseSettings(app_url=dsns.app, sweep_url=postgres_url), queries, "audit")


async def test_a_service_refuses_to_start_when_a_tenant_table_is_unprotected(dsns: ServiceDsns) -> None:
    owner = await asyncpg.connect(dsns.owner)
    await owner.execute("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY")
    await owner.close()
    with pytest.raises(UnsafeRole, match="table notes has no forced row security"):
        await Database.open(DatabaseSettings(app_url=dsns.app, sweep_url=dsns.sweep), Queries.of("database"), "audit")


TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test_scope' AND pid <> pg_backend_pid()"
)


async def _terminate(postgres_url: str) -> None:
    admin = await asyncpg.connect(postgres_url)
    try:
        await admin.execute(TERMINATE)
    finally:
        await admin.close()


async def test_a_lost_database_is_told_as_transient(db: Database, postgres_url: str) -> None:
    with pytest.raises(Transient):
        async with db.workspace(A) as tx:
            await _terminate(postgres_url)
            await tx.fetch("notes_all")
    async with db.workspace(A) as tx:
        assert await tx.fetch("notes_all") == []


async def test_a_process_that_stands_still_in_a_transaction_keeps_no_locks(db: Database, dsns: ServiceDsns) -> None:
    """As one that is stopped between two statements: others get at its rows, and it is told to try again."""
    await _add(db, A, 1)
    settings = DatabaseSettings(app_url=dsns.app, sweep_url=dsns.sweep, idle_transaction=1)
    with unrecorded("notes_unscoped and note_forged of test_scope.py are wrong on purpose"):
        still = await Database.open(settings, db.queries)
    try:
        with pytest.raises(Transient):
            async with still.workspace(A) as tx:
                assert await tx.execute("note_change", id=1, body="of one who stands still") == 1
                async with db.workspace(A) as other:
                    assert await other.execute("note_change", id=1, body="of another") == 1
                await tx.fetch("notes_all")
        async with still.workspace(A) as tx:
            assert [row["body"] for row in await tx.fetch("notes_all")] == ["of another"]
    finally:
        await still.close()


async def test_how_long_a_transaction_may_stand_still_is_set_for_both_roles(dsns: ServiceDsns) -> None:
    for url in (dsns.app, dsns.sweep):
        pool = await open_pool(url, 1, "audit")
        try:
            assert await pool.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
        finally:
            await pool.close()


async def test_the_servers_last_words_without_the_end_of_the_connection_are_transient(
    db: Database, dsns: ServiceDsns, postgres_url: str
) -> None:
    async with wiretap(dsns.app) as wire:
        wire.keeps_end = True
        settings = DatabaseSettings(app_url=wire.url, sweep_url=dsns.sweep)
        with unrecorded("notes_unscoped and note_forged of test_scope.py are wrong on purpose"):
            behind = await Database.open(settings, db.queries)
        try:
            with pytest.raises(Transient):
                async with behind.workspace(A) as tx:
                    await _terminate(postgres_url)
                    await wire.ended.wait()
                    # One more turn of the loop, so that the client has read what was passed on.
                    await asyncio.sleep(0.05)
                    await tx.fetch("notes_all")
            wire.hang_up()
            await asyncio.sleep(0.05)
            async with behind.workspace(A) as tx:
                assert await tx.fetch("notes_all") == []
        finally:
            await behind.close()
