"""The scope checker: what it lets through, and every way of merely looking scoped that it must not."""

from __future__ import annotations

import pytest

from database.checker import check
from database.queries import Statement

TABLES = ("notes", "tags")

IN_ORDER = {
    "equality": "SELECT * FROM notes WHERE workspace_id = $1 AND id = $2",
    "alias": "SELECT n.id FROM notes n WHERE n.workspace_id = $1",
    "cast": "SELECT * FROM notes WHERE workspace_id = $1::text",
    "closure": "SELECT * FROM notes n JOIN tags t ON t.workspace_id = n.workspace_id AND t.id = n.id WHERE n.workspace_id = $1",
    "closure in where": "SELECT * FROM notes n, tags t WHERE t.workspace_id = n.workspace_id AND n.workspace_id = $1",
    "using": "SELECT * FROM notes n JOIN tags t USING (workspace_id, id) WHERE n.workspace_id = $1",
    "left join": "SELECT * FROM notes n LEFT JOIN tags t ON t.workspace_id = n.workspace_id WHERE n.workspace_id = $1",
    "correlated": "SELECT * FROM notes n WHERE n.workspace_id = $1 AND EXISTS "
    "(SELECT FROM tags t WHERE t.workspace_id = n.workspace_id)",
    "cte": "WITH mine AS (SELECT * FROM notes WHERE workspace_id = $1) SELECT * FROM mine",
    "insert": "INSERT INTO notes (workspace_id, id) VALUES ($1, $2)",
    "insert many": "INSERT INTO notes (workspace_id, id) SELECT $1, x FROM unnest($2::int[]) x",
    "insert select": "INSERT INTO notes (workspace_id, id) SELECT t.workspace_id, t.id FROM tags t WHERE t.workspace_id = $1",
    "update": "UPDATE notes SET body = 'x' WHERE workspace_id = $1",
    "update from": "UPDATE notes n SET body = t.body FROM tags t WHERE n.workspace_id = $1 AND t.workspace_id = n.workspace_id",
    "delete": "DELETE FROM notes WHERE workspace_id = $1",
    "union": "SELECT id FROM notes WHERE workspace_id = $1 UNION SELECT id FROM tags WHERE workspace_id = $1",
    "no tenant table": "SELECT now()",
}

WRONG = {
    "no scope": "SELECT * FROM notes",
    "another parameter": "SELECT * FROM notes WHERE workspace_id = $2",
    "only mentioned": "SELECT workspace_id FROM notes WHERE id = $2 AND $1 <> ''",
    "or": "SELECT * FROM notes WHERE workspace_id = $1 OR id = $2",
    "not": "SELECT * FROM notes WHERE NOT workspace_id = $1",
    "unequal": "SELECT * FROM notes WHERE workspace_id <> $1",
    "itself": "SELECT * FROM notes WHERE workspace_id = workspace_id",
    "one of two": "SELECT * FROM notes n, tags t WHERE n.workspace_id = $1 AND t.id = n.id",
    "outer join's own side": "SELECT * FROM notes n LEFT JOIN tags t ON n.workspace_id = $1 AND t.workspace_id = $1",
    "full join": "SELECT * FROM notes n FULL JOIN tags t ON n.workspace_id = $1 AND t.workspace_id = $1",
    "subquery": "SELECT * FROM notes n WHERE n.workspace_id = $1 AND n.id IN (SELECT id FROM tags)",
    "scalar subquery": "SELECT (SELECT count(*) FROM tags) FROM notes WHERE workspace_id = $1",
    "from subquery": "SELECT * FROM (SELECT * FROM notes) n WHERE n.workspace_id = $1",
    "cte": "WITH theirs AS (SELECT * FROM notes) SELECT * FROM theirs WHERE workspace_id = $1",
    "second arm of union": "SELECT id FROM notes WHERE workspace_id = $1 UNION SELECT id FROM tags",
    "insert without": "INSERT INTO notes (id) VALUES ($1)",
    "insert elsewhere": "INSERT INTO notes (workspace_id, id) VALUES ($2, $1)",
    "insert select unscoped": "INSERT INTO notes (workspace_id, id) SELECT $1, id FROM tags",
    "update": "UPDATE notes SET workspace_id = $1",
    "update from unscoped": "UPDATE notes n SET body = t.body FROM tags t WHERE n.workspace_id = $1 AND t.id = n.id",
    "delete": "DELETE FROM notes WHERE id = $2",
    "lateral": "SELECT * FROM notes n CROSS JOIN LATERAL (SELECT * FROM tags t WHERE t.id = n.id) x WHERE n.workspace_id = $1",
    "merge": "MERGE INTO notes n USING tags t ON n.id = t.id WHEN MATCHED THEN DELETE",
    "does not parse": "SELEC * FROM notes",
}


def _statement(sql: str, description: str = "") -> Statement:
    return Statement("a_statement", sql, ("workspace_id", "id"), description, "queries/notes.sql")


@pytest.mark.parametrize("sql", IN_ORDER.values(), ids=IN_ORDER.keys())
def test_a_scoped_statement_passes(sql: str) -> None:
    assert check(_statement(sql), TABLES) == []


@pytest.mark.parametrize("sql", WRONG.values(), ids=WRONG.keys())
def test_a_statement_that_is_not_tied_fails(sql: str) -> None:
    assert check(_statement(sql), TABLES)


def test_the_message_names_file_statement_relation_and_remedy() -> None:
    message = str(check(_statement("SELECT * FROM notes"), TABLES)[0])
    for part in ("queries/notes.sql", "a_statement", "notes", ":workspace_id", "cross-workspace"):
        assert part in message


def test_a_declared_sweep_is_exempt() -> None:
    assert check(_statement("SELECT * FROM notes", "cross-workspace: the relay reads every outbox row"), TABLES) == []
