"""A PostgreSQL database, read as raw bytes: every value of every table, in PostgreSQL's own binary form."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg

from remains.content import NotSearched, layers
from remains.needles import Search

# Ordinary, partitioned and foreign tables, materialized views and sequences; of partitioned ones the partitions hold the rows.
_RELATIONS = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1, 2
"""

# What the planner remembers of columns: their most common values, and some in between.
_STATISTICS = """
SELECT schemaname, tablename, attname, most_common_vals::text, histogram_bounds::text, most_common_elems::text
FROM pg_stats WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""

# Whose rows a policy would hide, or whose tables may not be read, is not searched: that must not look like a clean database.
_SEES_ALL = """
SELECT rolsuper OR rolbypassrls AS all_rows, rolsuper OR pg_has_role('pg_read_all_data', 'USAGE') AS all_tables,
       current_setting('default_transaction_read_only')::boolean AS reads_only
FROM pg_roles WHERE rolname = current_user
"""

# The beginning of a binary COPY: signature, flags, length of the extension (https://www.postgresql.org/docs/current/sql-copy.html).
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = len(_SIGNATURE) + 8


class BlindRole(Exception):
    """The role would not see everything."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where needles were found, and how often: a table's column, or a file."""

    store: str
    name: str
    found: Counter[str]


async def places(url: str, search: Search) -> AsyncIterator[Place]:
    """All columns of a database in which needles are. Raises BlindRole, NotSearched, OSError and asyncpg's errors."""
    connection = await asyncpg.connect(url)
    try:
        await _refuse_blind(connection)
        database = str(await connection.fetchval("SELECT current_database()"))
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for relation in await connection.fetch(_RELATIONS):
                async for column, found in _columns(connection, relation, search):
                    yield Place(database, f"{relation['schema']}.{relation['name']}.{column}", found)
            for row in await connection.fetch(_STATISTICS):
                kept = "\n".join(value for value in list(row.values())[3:] if value).encode()
                if found := search.found(kept):
                    yield Place(
                        database, f"statistics of {row['schemaname']}.{row['tablename']}.{row['attname']}", found
                    )
    finally:
        await connection.close()


async def _refuse_blind(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    row = await connection.fetchrow(_SEES_ALL)
    if row is None or not row["all_rows"] or not row["all_tables"]:
        raise BlindRole("the role does not see every row of every table: make it with role.sql")
    if not row["reads_only"]:
        raise BlindRole("the role may write: make it with role.sql")


async def _columns(
    connection: asyncpg.Connection[asyncpg.Record], relation: asyncpg.Record, search: Search
) -> AsyncIterator[tuple[str, Counter[str]]]:
    counts: dict[str, Counter[str]] = {}
    columns = list(relation["columns"])
    values = _Values(columns, counts, search)
    # Of this relation alone, not of what inherits from it; columns that are computed from others are values like all.
    names, table = ", ".join(map(_quoted, columns)), f"{_quoted(relation['schema'])}.{_quoted(relation['name'])}"
    whole = f"SELECT {names} FROM ONLY {table}"  # noqa: S608 - names of the catalog, quoted
    await connection.copy_from_query(whole, output=values.feed, format="binary")
    values.finish()
    for column in columns:
        if counts.get(column):
            yield column, counts[column]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Values:
    """Takes a binary COPY apart as it comes; each value is searched by itself."""

    def __init__(self, columns: list[str], counts: dict[str, Counter[str]], search: Search) -> None:
        self._columns = columns
        self._counts = counts
        self._search = search
        self._rest = b""
        self._begun = self._ended = False
        self._failed: Exception | None = None

    async def feed(self, piece: bytes) -> None:
        # What is raised here would leave the connection waiting for ever: it is raised at the end.
        if self._failed is None:
            try:
                self._take(piece)
            except (NotSearched, ValueError) as error:
                self._failed = error
        await asyncio.sleep(0)

    def _take(self, piece: bytes) -> None:
        self._rest += piece
        if not self._begun:
            if len(self._rest) < _HEADER:
                return
            self._rest, self._begun = self._rest[_HEADER:], True
        place = 0
        while not self._ended and (end := self._row(place)) is not None:
            place = end
        self._rest = self._rest[place:]

    def finish(self) -> None:
        if self._failed is not None:
            raise self._failed
        if not self._ended:
            raise BlindRole("a table was not read to its end")

    def _row(self, place: int) -> int | None:
        """Search the row at `place`; where the next one begins, None while it has not come whole."""
        content = self._rest
        if len(content) < place + 2:
            return None
        (count,) = struct.unpack_from("!h", content, place)
        if count < 0:
            self._ended = True
            return len(content)
        values, place = [], place + 2
        for _ in range(count):
            if len(content) < place + 4:
                return None
            (length,) = struct.unpack_from("!i", content, place)
            place += 4
            if length >= 0:
                if len(content) < place + length:
                    return None
                values.append(content[place : place + length])
                place += length
            else:
                values.append(b"")
        for column, value in zip(self._columns, values, strict=True):
            self._look(column, value)
        return place

    def _look(self, column: str, value: bytes) -> None:
        for layer in layers(value):
            if found := self._search.found(layer):
                self._counts[column] = self._counts.get(column, Counter()) + found
