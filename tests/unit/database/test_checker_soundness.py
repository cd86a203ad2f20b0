"""What the checker lets through answers the same whatever other workspaces hold: random queries against a real PostgreSQL.

Each query is drawn from a seed, without regard to whether it is scoped. Those that pass are run over the tables with one workspace's rows
only, and over the same tables with another workspace's rows beside them. The tables have no row policies.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from unit.database.statements import statement

from database.checker import Catalog, check, read_catalog

SEED = 20_240_611
QUERIES = 6_000
# Of so many random queries at least these pass; fewer would mean that nothing was tried.
AT_LEAST = 400
# A query with as many rows alone is left out: which of them it gives is open.
ROWS = 500

SCHEMA = """
CREATE TEMP TABLE notes (workspace_id text NOT NULL, id text NOT NULL, body text NOT NULL);
CREATE TEMP TABLE tags (workspace_id text NOT NULL, id text NOT NULL, body text NOT NULL);
"""
OURS = "INSERT INTO {table} SELECT 'a', i::text, (i % 2)::text FROM generate_series(1, 3) i"
# Two more workspaces; one is called like an id of the first, so that a mixed-up column would find it.
THEIRS = "INSERT INTO {table} SELECT w, i::text, 'b' || i FROM unnest(ARRAY['b', '1']) w, generate_series(1, 4) i"


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection with two empty tables of its own."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(SCHEMA)
        yield connection
    finally:
        await connection.close()


class Draw:
    """Draws queries over `notes` and `tags`; every relation has the columns workspace_id, id and body."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._aliases = 0

    def query(self, depth: int = 2, outer: tuple[str, ...] = ()) -> str:
        """A query with three columns of these names."""
        if depth and self._chance(0.15):
            arms = [f"({self.query(depth - 1, outer)})" for _ in range(2)]
            return f" {self._random.choice(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT'])} ".join(arms)
        if depth and self._chance(0.2):
            name = self._random.choice(["notes", "tags", "c"])
            inner, body = self.query(depth - 1, outer), self._plain(depth - 1, outer, (name,))
            return f"WITH {name} AS ({inner}) {body}"
        return self._plain(depth, outer)

    def _plain(self, depth: int, outer: tuple[str, ...], ctes: tuple[str, ...] = ()) -> str:
        source, aliases = self._source(depth, outer, ctes)
        visible = (*aliases, *outer)
        conditions = [self._condition(visible, depth) for _ in range(self._random.choice([1, 1, 2, 3]))]
        if aliases and self._chance(0.7):
            conditions += [f"{alias}.workspace_id = $1" for alias in aliases if self._chance(0.75)]
        columns = [f"{self._column(aliases)} AS {name}" for name in self._names()]
        distinct = self._random.choice(["", "", "DISTINCT "])
        return f"SELECT {distinct}{', '.join(columns)} FROM {source} WHERE {' AND '.join(conditions)}"

    def _names(self) -> list[str]:
        return ["workspace_id", "id", "body"]

    def _source(self, depth: int, outer: tuple[str, ...], ctes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        if self._chance(0.5):
            return self._relation(depth, outer, ctes)
        left, before = self._relation(depth, outer, ctes)
        right, after = self._relation(depth, (*before, *outer), ctes, lateral=True)
        kind = self._random.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "USING"])
        if "LATERAL" in right and kind in {"RIGHT JOIN", "FULL JOIN"}:
            kind = "LEFT JOIN"
        if kind == "CROSS JOIN":
            return f"{left} CROSS JOIN {right}", (*before, *after)
        if kind == "USING":
            return f"{left} JOIN {right} USING (workspace_id)", (*before, *after)
        on = self._condition((*before, *after), 0) if kind != "FULL JOIN" else f"{before[0]}.id = {after[0]}.id"
        return f"{left} {kind} {right} ON {on}", (*before, *after)

    def _relation(
        self, depth: int, outer: tuple[str, ...], ctes: tuple[str, ...], lateral: bool = False
    ) -> tuple[str, tuple[str, ...]]:
        self._aliases += 1
        alias = f"r{self._aliases}"
        if depth and self._chance(0.3):
            inner = self.query(depth - 1, outer if lateral else ())
            return f"{'LATERAL ' if lateral else ''}({inner}) {alias}", (alias,)
        renamed = " (id, workspace_id, body)" if self._chance(0.05) else ""
        return f"{self._random.choice(['notes', 'tags', *ctes])} AS {alias}{renamed}", (alias,)

    def _condition(self, aliases: tuple[str, ...], depth: int) -> str:
        roll = self._random.random()
        if roll < 0.5:
            return f"{self._column(aliases)} = {self._random.choice(['$1', self._column(aliases)])}"
        if roll < 0.75:
            left, right = self._random.choice(aliases), self._random.choice(aliases)
            return f"{left}.workspace_id = {right}.workspace_id"
        if roll < 0.8:
            return f"({self._condition(aliases, 0)} OR {self._condition(aliases, 0)})"
        if roll < 0.85:
            return f"NOT {self._condition(aliases, 0)}"
        if roll < 0.92 and depth:
            return f"{self._random.choice(['', 'NOT '])}EXISTS ({self.query(depth - 1, aliases)})"
        return "true"

    def _column(self, aliases: tuple[str, ...]) -> str:
        return f"{self._random.choice(aliases)}.{self._random.choice(['workspace_id', 'workspace_id', 'id', 'body'])}"

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


def passing(catalog: Catalog) -> Iterator[str]:
    """The random queries that the checker lets through."""
    draw = Draw(SEED)
    for _ in range(QUERIES):
        sql = draw.query()
        if not check(statement(sql), catalog):
            yield sql


async def answers(connection: asyncpg.Connection[asyncpg.Record], queries: list[str]) -> dict[str, list[str]]:
    """What each query answers in workspace a, in no particular order; PostgreSQL has to take every one of them."""
    found = {}
    for sql in queries:
        rows = await connection.fetch(f"{sql} LIMIT {ROWS}", *(["a"] if "$1" in sql else []))
        found[sql] = sorted(str(tuple(row)) for row in rows)
    return found


async def test_what_passes_shows_nothing_of_other_workspaces(database: asyncpg.Connection[asyncpg.Record]) -> None:
    queries = list(passing(await read_catalog(database)))
    assert len(queries) >= AT_LEAST
    for table in ("notes", "tags"):
        await database.execute(OURS.format(table=table))
    alone = {sql: rows for sql, rows in (await answers(database, queries)).items() if len(rows) < ROWS}
    for table in ("notes", "tags"):
        await database.execute(THEIRS.format(table=table))
    beside = await answers(database, list(alone))
    assert [sql for sql in alone if alone[sql] != beside[sql]] == []
    assert sum(bool(rows) for rows in alone.values()) >= len(queries) // 4
