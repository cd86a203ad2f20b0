"""What services run is recorded as text without values, and each text is accounted for or fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.ids import WorkspaceId
from database import Database, Queries, Statement
from database.capture import LARGEST, Capture
from database.checker import Catalog
from isolation.captured import Captured, check_captured, read
from isolation.own_queries import is_of_asyncpg, is_transaction_control, reads_the_catalog_only
from isolation.reference import live_catalogs, queries_of
from local.postgres import ServiceDsns
from testkit.capture import capture_folder, recording, unrecorded
from testkit.postgres import ROOT, NewDatabase, settings_of

ACME, RIVAL = WorkspaceId("org_acme"), WorkspaceId("org_rival")


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("analysis")


@pytest.fixture
async def db(dsns: ServiceDsns, tmp_path: Path) -> AsyncIterator[Database]:
    """A database of analysis that records into a folder of this test's own."""
    with recording(tmp_path):
        opened = await Database.open(settings_of(dsns), queries_of("analysis"), "analysis", ("report_floor_enter",))
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def catalogs(postgres_url: str) -> dict[str, Catalog]:
    return await live_catalogs(postgres_url, ["analysis"])


def problems(folder: Path, catalogs: dict[str, Catalog]) -> list[str]:
    return [str(one) for one in check_captured(read(folder), catalogs, {"analysis": queries_of("analysis")})]


async def test_each_distinct_text_is_recorded_once_with_its_role_and_name(db: Database, tmp_path: Path) -> None:
    for workspace in (ACME, RIVAL, ACME):
        async with db.workspace(workspace) as tx:
            await tx.fetch_value("scope_enter")
    await db.ready()
    recorded = read(tmp_path)
    assert [(one.role, one.name) for one in recorded if one.name == "database_ready"] == [("sweep", "database_ready")]
    entries = [one.text for one in recorded if one.text.startswith("BEGIN; ")]
    assert len(entries) == 1
    assert "SET LOCAL app.workspace_id = $1" in entries[0]
    assert "'app.report_floor'" in entries[0]
    assert len({(one.role, one.text) for one in recorded}) == len(recorded)


async def test_no_value_is_recorded(db: Database, tmp_path: Path) -> None:
    async with db.batch() as batch:
        for workspace in (ACME, RIVAL):
            await batch.enter(workspace)
    texts = [one.text for one in read(tmp_path)]
    assert any("app.workspace_id" in text for text in texts)
    assert [text for text in texts if "org_" in text] == []


async def test_what_a_service_runs_is_accounted_for(db: Database, tmp_path: Path, catalogs: dict[str, Catalog]) -> None:
    async with db.workspace(ACME) as tx:
        await tx.fetch_value("scope_enter")
        # asyncpg does not know this type, and asks for it on the same connection.
        await tx._connection.fetchval("SELECT NULL::information_schema.sql_identifier[]")
    await db.ready()
    recorded = read(tmp_path)
    assert any(is_of_asyncpg(one.text) for one in recorded)
    (raw,) = problems(tmp_path, catalogs)
    assert raw.startswith("analysis as app: raw SQL: ")
    assert raw.endswith("SELECT NULL::information_schema.sql_identifier[]")
    assert len(recorded) > 6


async def test_a_text_that_fails_or_is_run_many_times_is_recorded_as_well(
    db: Database, tmp_path: Path, catalogs: dict[str, Catalog]
) -> None:
    async with db._app.acquire() as connection:
        with pytest.raises(Exception, match="division by zero"):
            await connection.execute("SELECT 1 / 0")
        await connection.executemany("SELECT $1::int", [(1,), (2,)])
        await connection.fetchrow("SELECT 2")
        async with connection.transaction():
            pass
    texts = "\n".join(problems(tmp_path, catalogs))
    for text in ("SELECT 1 / 0", "SELECT $1::int", "SELECT 2"):
        assert text in texts


def test_a_named_statement_in_the_wrong_role_is_found(catalogs: dict[str, Catalog]) -> None:
    queries = queries_of("analysis")
    claim, enter = queries["outbox_claim"], queries["scope_enter"]
    wrong = [_of(claim, "app"), _of(enter, "sweep")]
    found = [str(one) for one in check_captured(wrong, catalogs, {"analysis": queries})]
    assert "outbox_claim crosses workspaces and ran as app: only db.sweep() may run it" in found[0]
    assert "scope_enter belongs to a workspace and ran as sweep: run it in db.workspace(…)" in found[1]
    right = [_of(claim, "sweep"), _of(enter, "app"), _of(queries["roles_unsafe"], "app")]
    assert check_captured(right, catalogs, {"analysis": queries}) == []


def _of(statement: Statement, role: str) -> Captured:
    return Captured("analysis", role, statement.sql, statement.name, statement.file)


def test_a_named_statement_without_scope_is_found(catalogs: dict[str, Catalog], tmp_path: Path) -> None:
    (tmp_path / "wrong.sql").write_text("-- name: every_report\n-- All reports.\nSELECT id FROM reports;\n")
    queries = Queries.load(ROOT / "libs/database/database/queries", tmp_path)
    captured = [_of(queries["every_report"], "app")]
    (found,) = check_captured(captured, catalogs, {"analysis": queries})
    assert "wrong.sql" in str(found)
    assert "reports" in str(found)


def test_a_service_nobody_knows_and_a_text_that_is_gone_are_found(catalogs: dict[str, Catalog]) -> None:
    stranger = Captured("callmine", "app", "COMMIT", "", "")
    gone = Captured("analysis", "app", "SELECT 1 AS gone", "gone", "calls.sql")
    one, other = check_captured([stranger, gone], catalogs, {"analysis": queries_of("analysis")})
    assert "there is no catalog of that name" in str(one)
    assert other.outdated


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM reports",
        "SELECT oid FROM pg_catalog.pg_type, reports",
        "SELECT oid FROM public.pg_type",
        "SELECT 1 FROM pg_type, public.pg_type",
        "SELECT usename FROM pg_stat_activity",
        "SELECT rolpassword FROM pg_catalog.pg_authid",
        "WITH reports AS (SELECT 1) SELECT * FROM public.reports",
        "SELECT set_config('app.workspace_id', 'org_x', false)",
        "SELECT set_config($1, 'off', false)",
        "SELECT pg_read_file('x') FROM pg_type",
        "SELECT 1",
        "SELECT oid FROM pg_type FOR UPDATE",
        "SELECT oid INTO mine FROM pg_type",
        "WITH gone AS (DELETE FROM pg_type RETURNING oid) SELECT oid FROM gone",
        "SELECT oid FROM pg_type; SELECT oid FROM pg_type",
        "SET jit = off",
        "nonsense",
    ],
)
def test_only_questions_about_types_pass_for_asyncpgs_own(text: str) -> None:
    assert not is_of_asyncpg(text)


def test_other_words_than_begin_commit_rollback_are_no_transaction_control() -> None:
    assert all(is_transaction_control(text) for text in ("BEGIN", "begin;", "COMMIT", "ROLLBACK;"))
    for text in ("BEGIN; COMMIT", "SAVEPOINT a", "PREPARE TRANSACTION 'a'", "SELECT 1", "SET ROLE owner", "x"):
        assert not is_transaction_control(text)


def test_reading_the_catalog_only_needs_the_schema_named() -> None:
    assert reads_the_catalog_only("WITH a AS (SELECT oid FROM pg_catalog.pg_class) SELECT * FROM a")
    assert not reads_the_catalog_only("SELECT oid FROM pg_class")
    assert not reads_the_catalog_only("SELECT id FROM public.reports")


async def test_nothing_listens_when_nothing_is_captured(dsns: ServiceDsns) -> None:
    with unrecorded("test_captured.py shows what happens without"):
        db = await Database.open(settings_of(dsns), queries_of("analysis"), "analysis")
    async with db._app.acquire() as connection:
        assert connection._con._query_loggers == set()  # type: ignore[attr-defined]
    await db.close()


def test_a_flood_of_texts_is_cut_off_and_told(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "analysis", queries_of("analysis"), "")
    for log in (capture.logger("app"), capture.logger("sweep")):
        for number in range(LARGEST // 2 + 50):
            log(_Executed(f"SELECT {number}"))
    (file,) = tmp_path.iterdir()
    assert len(file.read_text().splitlines()) == LARGEST + 1
    assert any(one.text.startswith("more than") for one in read(tmp_path))


class _Executed:
    def __init__(self, query: str) -> None:
        self.query = query


def test_half_a_line_of_a_killed_process_is_left_out(tmp_path: Path) -> None:
    log = Capture(tmp_path, "analysis", queries_of("analysis"), "").logger("app")
    log(_Executed("SELECT 1"))
    with (tmp_path / "analysis-1.jsonl").open("w") as file:
        file.write('{"service": "analysis", "ro')
    assert [one.text for one in read(tmp_path)] == ["SELECT 1"]


_RUN = """
from database import Database
from isolation.reference import queries_of
from testkit.postgres import settings_of

async def test_raw(new_database):
    db = await Database.open(settings_of(await new_database("audit")), queries_of("audit"), "audit")
    async with db.workspace("org_acme") as tx:
        {statement}
    await db.close()
"""


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        ('await tx._connection.fetch("SELECT id FROM entries")', 1, "audit as app: raw SQL"),
        ('await tx.fetch_value("scope_enter")', 0, "captured: 8, checked: 8"),
    ],
)
@pytest.mark.parametrize("processes", [0, 1])
def test_a_run_of_tests_fails_for_what_it_cannot_account_for(
    tmp_path: Path, postgres_url: str, statement: str, status: int, said: str, processes: int
) -> None:
    """A run of pytest of its own, with the hooks of tests/conftest.py, in one process and with another that does the tests."""
    (tmp_path / "test_raw.py").write_text(_RUN.replace("{statement}", statement))
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["CALLMINE_DATABASE_URL"] = postgres_url
    command += ["-p", "no:cacheprovider", "-n", str(processes), str(tmp_path / "test_raw.py")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout
    assert "statements captured: " in done.stdout
    if status:
        assert "FAILED captured statements" in done.stdout
        assert "SELECT id FROM entries" in done.stdout


def test_this_very_run_is_recorded() -> None:
    assert capture_folder() is not None
