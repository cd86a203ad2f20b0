"""Rules about source code: SQL in files of its own, no environment in libraries, no printing, one way to log."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from house.projects import ROOT, Project, libraries, services
from house.sources import Rule, broken, environment, own_logging, printing, sql_text

# The one place that may use the standard library's logging: everybody else goes through it.
LOG = ROOT / "libs/core/core/log.py"


def deployed() -> list[Project]:
    """Every project that goes into an image."""
    return [project for project in (*libraries().values(), *services().values()) if project.name != "testkit"]


def sources() -> list[Path]:
    """Their hand-written files."""
    return [path for project in deployed() for path in project.sources]


def found(rule: Rule, files: list[Path]) -> list[str]:
    return [problem for path in files for problem in broken(path, rule)]


def breaks(rule: Rule, text: str) -> bool:
    return bool(list(rule(ast.parse(text))))


def test_no_sql_text_in_python() -> None:
    assert found(sql_text, sources()) == []


@pytest.mark.parametrize(
    "text",
    [
        'await connection.fetch("SELECT * FROM entries")',
        'await connection.fetch("select id from entries where workspace_id = $1")',
        "await tx.execute(f'DELETE FROM {table} WHERE id = 1')",
        'sql = "SELECT * " + "FROM entries WHERE id = %s"',
        'sql = """\n    UPDATE runs SET state = 1\n"""',
        'sql = "WITH mine AS (SELECT 1) SELECT * FROM mine"',
        'sql = "insert into notes (id) values (:id)"',
        "sql = 'set role owner'",
        "sql = 'SELECT %s FROM %s' % (column, table)",
        'sql = "TRUNCATE entries"',
    ],
)
def test_sql_text_is_found(text: str) -> None:
    assert breaks(sql_text, text)


@pytest.mark.parametrize(
    "text",
    [
        '"""Select what is due from the list of jobs, and with that update the page."""',
        'raise InvalidInput("Delete the connection first, with the button on this page")',
        'label = "Update the settings and start the service again"',
        'await tx.fetch("entries_page", size=1)',
        'verbs = ["select", "with", "begin"]',
        'note = "With care"',
    ],
)
def test_sentences_are_not_sql(text: str) -> None:
    assert not breaks(sql_text, text)


def test_nothing_but_a_composition_root_reads_the_environment() -> None:
    roots = {"main.py", "settings.py", "cli.py", "__main__.py"}
    files = [path for path in sources() if path.name not in roots or path.is_relative_to(ROOT / "libs")]
    assert found(environment, files) == []


@pytest.mark.parametrize("text", ["import os\nos.environ['X']", "import os\nos.getenv('X')", "from os import environ"])
def test_reading_the_environment_is_found(text: str) -> None:
    assert breaks(environment, text)


def test_nothing_prints() -> None:
    assert found(printing, sources()) == []
    assert breaks(printing, "def show():\n    print('x')")
    assert not breaks(printing, "console.print('x')")


def test_log_lines_go_through_core_log() -> None:
    assert found(own_logging, [path for path in sources() if path != LOG]) == []
    assert breaks(own_logging, "import logging")
    assert breaks(own_logging, "def late():\n    from logging import getLogger")
    assert not breaks(own_logging, "from core.log import logger")
