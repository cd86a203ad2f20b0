"""Every named statement is tied to its workspace, is accepted by the real database for the role that runs it, and is called rightly."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from architecture.calls import calls_in, calls_of, in_store
from contracts.registry import SERVICES, STAFFED
from database import Queries
from database.checker import check, check_definitions, read_catalog
from database.queries import SCOPE_PARAMETER, Statement
from house.projects import libraries, services
from testkit.postgres import NewDatabase

LIBRARIES = ("database", "messaging")


def queries_of(service: str) -> Queries:
    """What the service loads at its start."""
    return Queries.of(*LIBRARIES, services()[service].package)


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection with a scope and a grant set, so that policies can be planned."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "SELECT set_config('app.staff', 'nobody', false), set_config('app.staff_grant', $1, false)",
            str(uuid.UUID(int=0)),
        )
        await connection.execute("SELECT set_config('app.workspace_id', 'org_none', false)")
        await connection.execute("SELECT set_config('app.report_floor', '-infinity', false)")
        yield connection
    finally:
        await connection.close()


async def refusal(connection: asyncpg.Connection[asyncpg.Record], statement: Statement) -> str | None:
    """Why the database does not take `statement` from this role; None when it does. Plans it, which checks rights; runs nothing.

    A SET has no plan and needs no right: it is run, with a workspace in the place of the parameter.
    """
    try:
        if statement.sql.startswith("SET LOCAL"):
            await connection.execute(f"BEGIN; {statement.sql.replace('$1', 'org_none')}; ROLLBACK")
            return None
        await connection.prepare(statement.sql)
        await connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement.sql}")
    except asyncpg.PostgresError as error:
        return f"{statement.file}: {statement.name}: {error}"
    return None


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_and_definition_is_tied_to_its_workspace(service: str, new_database: NewDatabase) -> None:
    async with connected((await new_database(service)).app) as connection:
        catalog = await read_catalog(connection)
    assert {"outbox", "inbox", "parked"} < catalog.tenant_tables
    assert [str(problem) for statement in queries_of(service) for problem in check(statement, catalog)] == []
    assert [str(problem) for problem in check_definitions(catalog)] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_the_database_takes_every_statement_from_its_role(service: str, new_database: NewDatabase) -> None:
    dsns = await new_database(service)
    async with connected(dsns.app) as app, connected(dsns.sweep) as sweep:
        refused = [await refusal(sweep if one.crosses_workspaces else app, one) for one in queries_of(service)]
    assert [text for text in refused if text] == []


@pytest.mark.parametrize("service", STAFFED)
async def test_questions_of_staff_stand_in_their_list_and_are_taken_from_the_staff_role(
    service: str, new_database: NewDatabase
) -> None:
    package = services()[service].package
    asked = [one for one in Queries.of(package) if one.told_to_admins]
    listed = importlib.import_module(f"{package}.store.staff").QUESTIONS
    assert [one.name for one in asked] == [f"staff_{name}" for name in listed]
    assert {Path(one.file).name for one in asked} == {"staff.sql"}
    assert [
        one.name for one in Queries.of(package) if Path(one.file).name == "staff.sql" and not one.told_to_admins
    ] == []
    async with connected((await new_database(service)).staff) as staff:
        mine = [*asked, *(one for one in Queries.of("messaging") if one.name == "staff_grant_in_force")]
        assert [text for one in mine if (text := await refusal(staff, one))] == []


async def test_a_wrong_statement_is_found(new_database: NewDatabase, tmp_path: Path) -> None:
    file = tmp_path / "wrong.sql"
    file.write_text(
        "-- name: unscoped\n-- No scope.\nSELECT id FROM entries WHERE id = :id;\n\n"
        "-- name: misspelt\n-- No such column.\nSELECT ident FROM entries WHERE workspace_id = :workspace_id;\n\n"
        "-- name: not_granted\n-- Nobody may change a type.\nUPDATE entries SET type = :type WHERE workspace_id = :workspace_id;\n"
    )
    unscoped, misspelt, not_granted = Queries.load(tmp_path)
    async with connected((await new_database("audit")).app) as app:
        catalog = await read_catalog(app)
        (problem,) = check(unscoped, catalog)
        assert str(problem).startswith(
            f"{file}:1: statement unscoped: entries: it is not tied to the scope. Tie it with"
        )
        (problem,) = check(misspelt, catalog)
        assert str(problem).startswith(f"{file}:5: statement misspelt: ident: there is no column ident.")
        assert check(not_granted, catalog) == []
        assert 'column "ident" does not exist' in str(await refusal(app, misspelt))
        assert "permission denied for table entries" in str(await refusal(app, not_granted))


async def test_a_wrong_definition_is_found(new_database: NewDatabase, tmp_path: Path) -> None:
    (tmp_path / "newest.sql").write_text(
        "-- name: newest\n-- Reads a view.\nSELECT id FROM newest WHERE workspace_id = :workspace_id;\n"
    )
    async with connected((await new_database("audit")).owner) as owner:
        await owner.execute("CREATE VIEW newest AS SELECT workspace_id, id FROM entries")
        await owner.execute("CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM entries'")
        catalog = await read_catalog(owner)
        await owner.execute("ALTER VIEW newest SET (security_invoker = true)")
        mended = await read_catalog(owner)
    assert [problem.statement for problem in check_definitions(catalog)] == [
        "view public.newest",
        "function public.peek",
    ]
    assert [problem.statement for problem in check_definitions(mended)] == ["function public.peek"]
    (newest,) = Queries.load(tmp_path)
    assert check(newest, catalog) != []
    assert check(newest, mended) == []


@pytest.mark.parametrize("service", SERVICES)
def test_statements_that_cross_workspaces_say_why_and_stand_apart(service: str) -> None:
    own = Queries.of(services()[service].package)
    for statement in own:
        assert statement.description.strip(), f"{statement.name} has no description"
        assert statement.crosses_workspaces == (Path(statement.file).name == "sweep.sql"), statement.name
        if statement.crosses_workspaces:
            assert SCOPE_PARAMETER not in statement.parameters, statement.name


def test_only_stores_name_statements() -> None:
    outside = [call for service in services().values() for call in calls_of(service.sources) if not in_store(call)]
    assert [f"{call.file}:{call.line}: {call.name}" for call in outside] == []


@pytest.mark.parametrize("service", SERVICES)
def test_statements_are_called_with_their_parameters(service: str) -> None:
    queries = queries_of(service)
    wrong: list[str] = []
    for call in calls_of(services()[service].sources):
        if call.name not in queries:
            wrong.append(f"{call.file}:{call.line}: no statement is called {call.name}")
            continue
        statement = queries[call.name]
        expected = set(statement.parameters) - (set() if statement.crosses_workspaces else {SCOPE_PARAMETER})
        if call.arguments != expected and not (call.open and call.arguments <= expected):
            wrong.append(
                f"{call.file}:{call.line}: {call.name} takes {sorted(expected)}, is given {sorted(call.arguments)}"
            )
    assert wrong == []


def runs(name: str, text: str) -> bool:
    """Whether `text` runs the statement; the erasers run all that erase, which tests/integration/erasure, of one report
    tests/integration/analysis/test_report_erasure.py, and of a person's calls tests/integration/ingest/test_person_erasures.py, hold
    against the manifest."""
    erasing = ("erase_", "report_erase_", "person_erase_", "person_empty_", "call_erase_")
    return f'"{name}"' in text or name.startswith(erasing)


@pytest.mark.parametrize("service", SERVICES)
def test_every_statement_is_used(service: str) -> None:
    project = services()[service]
    text = "\n".join(path.read_text() for path in project.sources)
    assert [one.name for one in Queries.of(project.package) if not runs(one.name, text)] == []


def test_every_statement_of_messaging_is_used() -> None:
    text = "\n".join(path.read_text() for path in libraries()["messaging"].sources)
    assert [one.name for one in Queries.of("messaging") if not runs(one.name, text)] == []


def test_a_call_outside_a_store_is_found() -> None:
    (call,) = calls_in(Path("audit/handlers.py"), "async def f(tx):\n    await tx.fetch('entries_page', size=1)\n")
    assert (call.name, call.arguments, in_store(call)) == ("entries_page", frozenset({"size"}), False)
    (call,) = calls_in(
        Path("audit/store/pages.py"), "async def f(tx):\n    await tx.fetch_one('entries_page', **more)\n"
    )
    assert (call.open, in_store(call)) == (True, True)
