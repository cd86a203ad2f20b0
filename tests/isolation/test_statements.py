"""All statements, views and functions of all services are checked, and a new one that is wrong fails with the line to mend."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chaos.harness import Plan
from database import Queries
from database.checker import Catalog, check
from database.checker.catalog import Function, Relation
from house.projects import services
from isolation import statements
from isolation.reference import live_catalogs, queries_of
from testkit.capture import recording

PLAN = Plan(seed=1, full=False, tick=lambda *_: None)

UNSCOPED = """

-- name: entries_of_anyone
-- The newest entries, whoever they belong to.
SELECT id, occurred_at FROM entries ORDER BY occurred_at DESC LIMIT :size;
"""


@pytest.fixture(scope="module")
async def audit(postgres_url: str) -> Catalog:
    return (await live_catalogs(postgres_url, ["audit"]))["audit"]


async def test_a_new_query_without_scope_fails_the_build_and_names_its_line(audit: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    shutil.copytree(services()["audit"].folder / "audit/queries", folder)
    assert [problem for one in Queries.load(folder) for problem in check(one, audit)] == []
    with (folder / "entries.sql").open("a") as file:
        file.write(UNSCOPED)
    line = (folder / "entries.sql").read_text().splitlines().index("-- name: entries_of_anyone") + 1
    (problem,) = [str(problem) for one in Queries.load(folder) for problem in check(one, audit)]
    assert problem.startswith(f"{folder / 'entries.sql'}:{line}: statement entries_of_anyone: entries: ")
    assert "workspace_id = :workspace_id" in problem


async def test_everything_written_down_is_checked(postgres_url: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, recording(tmp_path):
        patch.setattr(statements, "CAPTURED", tmp_path)
        part = await statements.measure(PLAN, postgres_url)
    figures = part.figures
    assert part.problems == ("no statement has been captured: run `make test` or `make demo` first",)
    assert figures["statements"] == figures["statements_checked"]
    known = {(one.file, one.name) for service in services() for one in queries_of(service)}
    assert int(str(figures["statements"])) >= len(known) > 100
    assert 0 < int(str(figures["exceptions"])) < len(known) / 4


def test_a_view_and_a_function_with_their_makers_rights_are_found(audit: Catalog) -> None:
    fine = audit.plus(
        Relation("public", "safe", (), "view", "SELECT 1", security_invoker=True), Function("public", "sums", "sql")
    )
    assert [problem for _, problem in statements.of_catalog(fine) if problem] == []
    wrong = audit.plus(
        Relation("public", "open_view", (), "view", "SELECT 1"),
        Relation("public", "copied", (), "materialized view", "SELECT 1", security_invoker=True),
        Function("public", "opens", "sql", security_definer=True),
    )
    found = [text for _, problem in statements.of_catalog(wrong) for text in problem]
    assert [text.split(" is ")[0] for text in found] == ["view open_view", "materialized view copied", "function opens"]
