"""A catalog, and statements over it: those that belong to one workspace, and every way of merely looking so."""

from __future__ import annotations

from pathlib import Path

from database.checker import Catalog, Column, Function, Kind, Relation
from database.queries import Statement

_NOTE = (Column("workspace_id"), Column("id"), Column("body"))

CATALOG = Catalog.of(
    {
        "notes": ("workspace_id", "id", "body"),
        "tags": ("workspace_id", "id", "note_id", "name"),
        "settings": ("key", "value"),
        "other.notes": ("workspace_id", "id", "body"),
        "other.labels": ("workspace_id", "id"),
        "pg_catalog.pg_class": ("oid", "relname"),
        "pg_catalog.pg_stats": ("tablename", "most_common_vals"),
    }
).plus(
    Relation("public", "folders", (Column("workspace_id", "citext"), Column("id"))),
    Relation(
        "public", "pages", (*_NOTE, Column("size", "int4")), unique=(("pages_pkey", frozenset({"workspace_id", "id"})),)
    ),
    Relation(
        "public",
        "links",
        _NOTE,
        unique=(("links_pkey", frozenset({"workspace_id", "id"})), ("links_body", frozenset({"body"}))),
    ),
    Relation("public", "recent", _NOTE, "view", "SELECT workspace_id, id, body FROM notes", True),
    Relation(
        "public",
        "tagged",
        (Column("note"), Column("owner"), Column("tag")),
        "view",
        "SELECT n.id, t.workspace_id, t.name FROM notes n JOIN tags t ON t.workspace_id = n.workspace_id AND t.note_id = n.id",
        True,
    ),
    Relation(
        "public",
        "sizes",
        (Column("workspace_id"), Column("notes", "int8")),
        "view",
        "SELECT workspace_id, count(*) FROM notes GROUP BY workspace_id",
        True,
    ),
    Relation("public", "constants", (Column("key"),), "view", "SELECT key FROM settings"),
    Relation("public", "loose", _NOTE, "view", "SELECT workspace_id, id, body FROM notes"),
    Relation("public", "stored", _NOTE, "materialized view", "SELECT workspace_id, id, body FROM notes"),
    Relation("public", "newest", _NOTE, "view", "SELECT workspace_id, id, body FROM notes ORDER BY id LIMIT 1", True),
    Relation(
        "public",
        "ranked",
        (Column("workspace_id"), Column("place", "int8")),
        "view",
        "SELECT workspace_id, rank() OVER (ORDER BY id) FROM notes",
        True,
    ),
    Relation(
        "public",
        "crossed",
        (Column("workspace_id"), Column("name")),
        "view",
        "SELECT n.workspace_id, t.name FROM notes n JOIN tags t ON t.note_id = n.id",
        True,
    ),
    Relation("public", "anonymous", (Column("id"),), "view", "SELECT id FROM notes", True),
    Function(
        "public",
        "twice",
        "sql",
        "CREATE FUNCTION public.twice(a integer) RETURNS integer LANGUAGE sql AS $f$SELECT a + a$f$",
    ),
    Function(
        "public",
        "peek",
        "sql",
        "CREATE FUNCTION public.peek() RETURNS bigint LANGUAGE sql AS $f$SELECT count(*) FROM notes$f$",
    ),
    Function(
        "public",
        "nested_peek",
        "sql",
        "CREATE FUNCTION public.nested_peek() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT peek(); END",
    ),
    Function(
        "public",
        "stamp",
        "plpgsql",
        "CREATE FUNCTION public.stamp() RETURNS integer LANGUAGE plpgsql AS $f$DECLARE x integer := 1; "
        "BEGIN x := x + 1; IF x > 1 THEN RETURN x; END IF; RETURN length(now()::text); END$f$",
    ),
    Function(
        "public",
        "dynamic",
        "plpgsql",
        "CREATE FUNCTION public.dynamic(q text) RETURNS void LANGUAGE plpgsql AS $f$BEGIN EXECUTE q; END$f$",
    ),
    Function(
        "public",
        "loops",
        "plpgsql",
        "CREATE FUNCTION public.loops() RETURNS void LANGUAGE plpgsql AS $f$DECLARE r record; "
        "BEGIN FOR r IN SELECT id FROM notes LOOP NULL; END LOOP; END$f$",
    ),
    Function(
        "public",
        "raised",
        "sql",
        "CREATE FUNCTION public.raised() RETURNS integer LANGUAGE sql SECURITY DEFINER AS $f$SELECT 1$f$",
        security_definer=True,
    ),
    Function(
        "public",
        "raised_rightly",
        "sql",
        "CREATE FUNCTION public.raised_rightly() RETURNS integer LANGUAGE sql SECURITY DEFINER "
        "SET search_path TO 'pg_catalog' AS $f$SELECT 1$f$",
        security_definer=True,
        fixed_search_path=True,
    ),
    Function("public", "compiled", "c"),
    Function(
        "public",
        "enters",
        "sql",
        "CREATE FUNCTION public.enters(w text) RETURNS text LANGUAGE sql AS $f$SELECT set_config('app.workspace_id', w, true)$f$",
    ),
)

_FOLDER = Path(__file__).parent


def _blocks(name: str) -> dict[str, str]:
    """The blocks of a file: what stands behind `-- ` in the first line of each, and the rest of it. The first block is a comment."""
    blocks = (_FOLDER / name).read_text().split("\n\n-- ")[1:]
    return {title: sql.strip() for title, _, sql in (block.partition("\n") for block in blocks)}


IN_ORDER = _blocks("in_order.sql")

# By name: the statement, and the kinds of the problems that it has.
WRONG = {
    title.rpartition(": ")[0]: (sql, frozenset(Kind[kind.upper()] for kind in title.rpartition(": ")[2].split(", ")))
    for title, sql in _blocks("wrong.sql").items()
}


def statement(sql: str, name: str = "a_statement", description: str = "") -> Statement:
    """A statement whose first parameter is the scope."""
    return Statement(name, sql, ("workspace_id", "id"), description, "queries/notes.sql", 7)
