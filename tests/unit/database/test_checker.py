"""The scope checker: what it lets through, and every way of merely looking scoped that it must not."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest
from msgspec import structs
from unit.database.statements import CATALOG, IN_ORDER, WRONG, statement

from database import Queries
from database.checker import Catalog, Kind, check, check_definitions, selects

SWEEP = "cross-workspace: the relay reads every outbox row"


def kinds(sql: str, name: str = "a_statement", description: str = "", catalog: Catalog = CATALOG) -> set[Kind]:
    return {problem.kind for problem in check(statement(sql, name, description), catalog)}


@pytest.mark.parametrize("sql", IN_ORDER.values(), ids=IN_ORDER.keys())
def test_a_scoped_statement_passes(sql: str) -> None:
    assert [str(problem) for problem in check(statement(sql), CATALOG)] == []


@pytest.mark.parametrize(("sql", "expected"), WRONG.values(), ids=WRONG.keys())
def test_a_statement_that_is_not_tied_fails(sql: str, expected: frozenset[Kind]) -> None:
    assert kinds(sql) == expected


def test_the_message_names_line_statement_relation_and_remedy() -> None:
    (problem,) = check(statement("SELECT n.id FROM notes n"), CATALOG)
    assert str(problem) == (
        "queries/notes.sql:7: statement a_statement: notes: its alias n is not tied to the scope. Tie it with "
        "`workspace_id = :workspace_id`, "
        "or to a table that is tied; a statement that must span workspaces goes to queries/sweep.sql with a line "
        "`-- cross-workspace: <reason>`."
    )


def test_a_query_without_scope_is_found_by_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.sql"
    file.write_text(
        "-- What the service asks.\n\n-- name: note\n-- One note.\nSELECT id FROM notes WHERE workspace_id = :workspace_id;\n\n"
        "-- name: forgotten\n-- All of them.\nSELECT id FROM notes WHERE id = :id;\n"
    )
    (problem,) = [problem for one in Queries.load(tmp_path) for problem in check(one, CATALOG)]
    assert str(problem).startswith(f"{file}:7: statement forgotten: notes: it is not tied to the scope.")


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_of_problem_is_met_and_says_what_to_do(kind: Kind) -> None:
    assert kind.value.endswith((".", "`."))
    assert any(kind in expected for _, expected in WRONG.values())


def test_a_statement_without_the_scope_parameter_ties_nothing() -> None:
    one = structs.replace(statement("SELECT * FROM notes WHERE workspace_id = $1"), parameters=("id",))
    assert [problem.kind for problem in check(one, CATALOG)] == [Kind.UNTIED]


# A statement that crosses workspaces.


def test_a_declared_sweep_needs_no_ties() -> None:
    for sql in (
        "SELECT * FROM notes",
        "DELETE FROM notes",
        "UPDATE notes SET workspace_id = $2",
        "INSERT INTO links (workspace_id) VALUES ($2) ON CONFLICT DO NOTHING",
        "SELECT relname FROM pg_class",
        "SELECT pg_advisory_xact_lock(42)",
    ):
        assert kinds(sql, description=SWEEP) == set(), sql


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELEC 1", Kind.UNPARSED),
        ("SELECT * FROM nots", Kind.UNRESOLVED),
        ("SELECT nothing FROM notes", Kind.UNRESOLVED),
        ("SELECT frobnicate(1)", Kind.UNRESOLVED),
        ("TRUNCATE notes", Kind.NOT_ALLOWED),
        ("SELECT most_common_vals FROM pg_stats", Kind.NOT_ALLOWED),
        ("SELECT pg_read_file('/etc/passwd')", Kind.FUNCTION),
        ("SELECT query_to_xml('SELECT 1', true, true, '')", Kind.FUNCTION),
        ("SELECT set_config('app.workspace_id', 'org_1', true)", Kind.SCOPE),
        ("SELECT peek()", Kind.FUNCTION),
    ],
)
def test_a_declared_sweep_is_still_read(sql: str, kind: Kind) -> None:
    assert kind in kinds(sql, name="sweep_enter", description=SWEEP)


# Entering a scope.


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT set_config('app.workspace_id', $1, true)",
        "SELECT set_config('app.workspace_id', $1::text, true)",
        "SELECT set_config('app.report_floor', 'infinity', true)",
        "SET LOCAL app.workspace_id = $1",
        (
            "WITH s AS MATERIALIZED (SELECT set_config('app.workspace_id', $1, true)) INSERT INTO notes (workspace_id, id) "
            "SELECT $1, u.id FROM s CROSS JOIN unnest($2::text[]) AS u (id)"
        ),
    ],
)
def test_a_statement_that_enters_may_set_the_scope(sql: str) -> None:
    assert kinds(sql, name="scope_enter") == set()
    assert kinds(sql, name="scope") == {Kind.SCOPE}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT set_config('app.workspace_id', $2, true)",
        "SELECT set_config('app.workspace_id', lower($1), true)",
        "SELECT set_config('app.workspace_id', (SELECT max(key) FROM settings), true)",
        "SELECT set_config('app.workspace_id', $1, false)",
        "SELECT set_config('app.workspace_id', $1, $2::boolean)",
        "SELECT set_config('APP.workspace_id', $1, true)",
        "SELECT set_config('app.' || 'workspace_id', $2, true)",
        "SELECT set_config('role', $1, true)",
        "SELECT set_config($2, $1, true)",
        "SELECT pg_catalog.set_config('search_path', 'other', true)",
        "SET app.workspace_id = $1",
        "SET LOCAL app.workspace_id = $2",
        "SET LOCAL app.workspace_id = 'org_1'",
        "SET LOCAL app.workspace_id = DEFAULT",
        "SET LOCAL search_path = $1",
        "SET LOCAL role = $1",
        "RESET app.workspace_id",
    ],
)
def test_it_may_set_nothing_else(sql: str) -> None:
    assert kinds(sql, name="scope_enter") == {Kind.SCOPE}


# What the catalog says.


def test_a_project_may_not_have_an_equality_of_its_own_on_the_search_path() -> None:
    sql = IN_ORDER["equality"]
    assert Kind.UNTIED in kinds(sql, catalog=replace(CATALOG, operators=frozenset({("public", "=")})))
    assert kinds(sql, catalog=replace(CATALOG, operators=frozenset({("elsewhere", "=")}))) == set()


def test_the_search_path_decides_which_table_is_meant() -> None:
    other = replace(CATALOG, path=("pg_catalog", "other", "public"))
    assert kinds("SELECT id FROM labels WHERE workspace_id = $1", catalog=other) == set()
    assert kinds("SELECT id FROM labels", catalog=other) == {Kind.UNTIED}


def test_definitions_are_checked_by_themselves() -> None:
    assert sorted(problem.statement for problem in check_definitions(CATALOG)) == [
        "function public.compiled",
        "function public.dynamic",
        "function public.enters",
        "function public.loops",
        "function public.nested_peek",
        "function public.peek",
        "function public.raised",
        "materialized view public.stored",
        "view public.anonymous",
        "view public.crossed",
        "view public.loose",
        "view public.newest",
        "view public.ranked",
    ]
    loose = next(problem for problem in check_definitions(CATALOG) if problem.statement.endswith("loose"))
    assert str(loose) == (
        "the database: view public.loose: it is not security_invoker, so it shows what its owner may see. "
        "Mend the definition in a migration."
    )


# The checker itself.


def test_what_is_not_walked_is_not_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = IN_ORDER["limit by a subquery"]
    assert kinds(sql) == set()
    monkeypatch.setattr(selects, "visit", lambda *_: None)
    (problem,) = check(statement(sql), CATALOG)
    assert (problem.kind, problem.missing) == (
        Kind.UNRESOLVED,
        "1 of its 2 mentions of a relation stand where they are not understood",
    )


def test_the_cost_grows_with_the_statement_and_not_faster() -> None:
    def calls(arms: int) -> int:
        one = " UNION ALL ".join(["SELECT id FROM notes WHERE workspace_id = $1 AND id = $2"] * arms)
        counted = 0

        def count(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            found = kinds(f"SELECT * FROM ({one}) u")
        finally:
            sys.setprofile(before)
        assert found == set()
        return counted

    calls(5)  # the first time reads what later ones find read
    assert calls(80) < 16 * 1.5 * calls(5)
