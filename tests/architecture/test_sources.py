"""Rules about source code: SQL in files of its own and run by name, no environment in libraries, no printing, one way to log."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from architecture.calls import calls_of
from database import Queries
from house.projects import ROOT, Project, libraries, services
from house.sources import (
    Rule,
    broken,
    environment,
    own_logging,
    printing,
    sql_text,
    unnamed_statements,
    unseen_statements,
)

# The one place that may use the standard library's logging: everybody else goes through it.
LOG = ROOT / "libs/core/core/log.py"

# It tells gRPC, which has no other way to be told, before that is imported.
MEMORY = ROOT / "libs/core/core/memory.py"

# It parses SQL, and puts expressions into a SELECT to do so; what it asks a database has names.
CHECKER = ROOT / "libs/database/database/checker"


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
    files = [path for path in sources() if not path.is_relative_to(CHECKER)]
    assert found(sql_text, files) == []


@pytest.mark.parametrize(
    "text",
    [
        'await connection.fetch("SELECT * FROM entries")',
        'await connection.fetch("select id from entries where workspace_id = $1")',
        "await tx.execute(f'DELETE FROM {table} WHERE id = 1')",
        "await tx.execute(f'delete from {table} where {condition}')",
        "await tx.fetch(f'select {columns} from entries where id in {ids} and {more}')",
        'sql = "SELECT * " + "FROM entries WHERE id = %s"',
        'sql = "sel" + "ect id" + " from entries"',
        "sql = 'select id' ' from' ' entries'",
        'sql = """\n    UPDATE runs SET state = 1\n"""',
        'sql = "WITH mine AS (SELECT 1) SELECT * FROM mine"',
        'sql = "insert into notes (id) values (:id)"',
        "sql = 'set role owner'",
        "sql = 'SELECT %s FROM %s' % (column, table)",
        "sql = 'select %s from %s' % (column, table)",
        "sql = 'select %(column)s from entries' % {'column': column}",
        "sql = '{} from entries'.format('select id')",
        "sql = 'select {0} from {1} where {2} = 1'.format(column, table, key)",
        "sql = ' '.join(['select', column, 'from', 'entries'])",
        "sql = '\\n'.join(('delete from entries', 'where id = 1'))",
        "PARTS = ['select id']\nPARTS.append('from entries')\nsql = ' '.join(PARTS)",
        "VERB = 'select'\nsql = f'{VERB} id from entries'",
        "VERB = 'select'\nsql = VERB + ' id from entries'",
        "sql = 'select id'\nsql += ' from entries'",
        "sql = ''\nsql += 'select id'\nsql += f' from {table}'",
        'sql = textwrap.dedent("""\n    select id\n    from entries\n""")',
        "sql = 'SELECT id FROM entries'.lower()",
        "sql = b'select id from entries'.decode()",
        "QUERIES = {'all': 'select id from entries'}",
        "def page(sql: str = 'select id from entries') -> None: ...",
        "@dataclass\nclass Page:\n    sql: str = 'select id from entries'",
        "page = lambda: 'select id from entries'",
        "Statement(name='page', sql='select id from entries', parameters=())",
        "sql = '/* all of them */ select id from entries'",
        "sql = '-- all of them\\nselect id from entries'",
        "sql = '  \\n\\t(select id from entries)'",
        "sql = '((select id from entries) union (select id from notes))'",
        "sql = 'select id union select body'",
        "sql = ';select id from entries'",
        "sql = 'table entries'",
        "sql = 'values (1), (2)'",
        "sql = 'Select id From entries'",
        "sql = \"select set_config('app.workspace_id', 'org_x', true)\"",
        "sql = 'merge into notes n using entries e on n.id = e.id when matched then delete'",
        "sql = 'copy entries to stdout'",
        "sql = 'begin; delete from entries'",
        "sql = 'reset app.workspace_id'",
        'sql = "TRUNCATE entries"',
    ],
)
def test_sql_text_is_found(text: str) -> None:
    assert breaks(sql_text, text)


@pytest.mark.parametrize(
    "text",
    [
        '"""Select what is due from the list of jobs, and with that update the page."""',
        "def page():\n    'select id from entries'",
        'raise InvalidInput("Delete the connection first, with the button on this page")',
        'raise InvalidInput(f"{name} is not one of those from {place}")',
        'label = "Update the settings and start the service again"',
        'heading = "Select a workspace"',
        'heading = "Show more"',
        "reason = f'table {name} {what}'",
        'heading = "Reset window"',
        'title = "Select all"',
        'await tx.fetch("entries_page", size=1)',
        'verbs = ["select", "with", "begin"]',
        'words = ", ".join(["select", "what", "you", "like"])',
        'note = "With care"',
        'reason = "with " + name + " from " + place',
        'text = "Values are kept for 30 days"',
        'text = "call 12 of 30"',
        'option = "--delete from"',
        'await connection.execute("COMMIT")',
        "count = 1\ncount += 1",
    ],
)
def test_sentences_are_not_sql(text: str) -> None:
    assert not breaks(sql_text, text)


def running_statements() -> list[Path]:
    """Everything but the library that turns names into text."""
    return [path for path in sources() if not path.is_relative_to(ROOT / "libs/database")]


def test_statements_are_run_by_their_names() -> None:
    assert found(unnamed_statements, running_statements()) == []
    assert found(unseen_statements, sources()) == []


def test_the_names_that_libraries_use_exist() -> None:
    queries = Queries.of("database", "messaging")
    files = [path for path in running_statements() if path.is_relative_to(ROOT / "libs")]
    assert [f"{call.file}:{call.line}: {call.name}" for call in calls_of(files) if call.name not in queries] == []


@pytest.mark.parametrize(
    "text",
    [
        "await tx.fetch(sql)",
        "await tx.fetch(SQL, 1)",
        "await tx.fetch(f'{kind}_page')",
        "await tx.fetch_one('SELECT')",
        "await tx.execute('entries_' + kind)",
        "await tx.fetch_value(NAMES[kind])",
        "await tx.fetch(name_of(kind))",
        "await tx.fetch(page.__doc__)",
        "await connection.fetchrow(text, 1)",
        "await connection.fetchval(Path('page.sql').read_text())",
        "await connection.executemany(text, rows)",
        "await batch.enter_with(workspace_id, name, size=1)",
        "await batch.enter_each(name, workspace_ids, size=[1])",
        "await tx.fetch('page' if mine else sql)",
    ],
)
def test_running_a_text_is_found(text: str) -> None:
    assert breaks(unnamed_statements, text)


@pytest.mark.parametrize(
    "text",
    [
        "await tx.fetch('entries_page', size=1)",
        "await tx.fetch('mine' if mine else 'everyones')",
        "await batch.enter_with(workspace_id, 'inbox_enter', size=1)",
        "await batch.enter_each('inbox_enter', workspace_ids, size=[1])",
        "await oidc.fetch()",
    ],
)
def test_running_a_name_is_in_order(text: str) -> None:
    assert not breaks(unnamed_statements, text)


@pytest.mark.parametrize(
    "call", ["prepare(t)", "cursor(t)", "copy_from_query(t)", "copy_records_to_table(t)", "copy_to_table('notes')"]
)
def test_what_could_not_be_captured_is_found(call: str) -> None:
    assert breaks(unseen_statements, f"await connection.{call}")
    assert not breaks(unseen_statements, "page.next.cursor()")


def test_a_raw_fetch_fails_the_build_and_names_its_line(tmp_path: Path) -> None:
    store = tmp_path / "store.py"
    text = (services()["audit"].folder / "audit/store/__init__.py").read_text()
    store.write_text(f'{text}\nasync def raw(tx: Tx) -> None:\n    await tx.fetch("select id from entries")\n')
    line = text.count("\n") + 3
    for rule in (sql_text, unnamed_statements):
        (problem,) = found(rule, [store])
        assert problem.startswith(f"{store}:{line}: ")
        assert problem.endswith('name the statement in queries/*.sql and run it with tx.fetch("its_name")')


def test_nothing_but_a_composition_root_reads_the_environment() -> None:
    roots = {"main.py", "settings.py", "cli.py", "__main__.py"}
    files = [path for path in sources() if path.name not in roots or path.is_relative_to(ROOT / "libs")]
    assert found(environment, [path for path in files if path != MEMORY]) == []


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
