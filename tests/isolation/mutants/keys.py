"""The fourth wall alone: primary, unique and foreign keys, tried as a superuser whom neither policies nor rights stop.

A row of one workspace cannot point to a row of another, and a workspace may use the very ids that others use: no conflict tells it that
they exist. Each attack is also made without the key, where it has to succeed. And each key is weakened: the catalog check has to find it.
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from database import Row
from database.queries import SCOPE_PARAMETER as WORKSPACE
from isolation import catalog
from isolation.mutants.mutant import HARMLESS, KILLED, Outcome
from isolation.mutants.world import NOBODY, THEIRS, World, undone

FOREIGN = """
SELECT k.conname AS name, k.conrelid::regclass::text AS table, k.confrelid::regclass::text AS parent,
       array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (n, i) JOIN pg_attribute a ON a.attrelid = k.conrelid
             AND a.attnum = u.n ORDER BY u.i) AS columns,
       array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (n, i) JOIN pg_attribute a ON a.attrelid = k.confrelid
             AND a.attnum = u.n ORDER BY u.i) AS parent_columns
FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND k.conparentid = 0 ORDER BY 2, 1
"""

UNIQUE = """
SELECT i.relname AS name, t.relname AS table, x.indisprimary AS is_primary, EXISTS (
           SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u')) AS is_constraint,
       array(SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY u (n, i) JOIN pg_attribute a ON a.attrelid = t.oid
             AND a.attnum = u.n ORDER BY u.i) AS columns
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace AND t.relname = ANY ($1::text[]) ORDER BY 2, 1
"""

# The others' first row, as a row of a workspace that has none.
_COPY = """
INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE
SELECT {columns}
FROM {table} x, jsonb_populate_record(x, jsonb_build_object('workspace_id', '{workspace}')) AS y
WHERE x.workspace_id = '{theirs}'
"""

# What can be written: the rest PostgreSQL computes from it.
_WRITTEN = """
SELECT string_agg('y.' || quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table, and what is tried on it."""

    table: str
    name: str
    operator: str
    row: Row


POINTS_ACROSS = "points across"
SAME_IDS = "takes the ids of others"
LEAVES_OUT = "leaves the workspace out"
NULLABLE = "workspace may be null"


async def keys(world: World) -> list[Key]:
    """Everything to be tried on the keys of one service."""
    foreign, unique = await world.both.fetch(FOREIGN), await world.both.fetch(UNIQUE, list(world.columns))
    within = [row for row in unique if _rest(row) and WORKSPACE in row["columns"]]
    tried = [
        (POINTS_ACROSS, foreign),
        (LEAVES_OUT, [row for row in foreign if _rest(row)] + within),
        (SAME_IDS, within),
        # Some tables need no workspace in every row: the catalog check has them excused, so it would not find them here.
        (NULLABLE, [row for row in unique if row["is_primary"] and WORKSPACE in row["columns"]]),
    ]
    return [Key(row["table"], row["name"], operator, row) for operator, rows in tried for row in rows]


def _rest(row: Row) -> list[str]:
    """The key's columns besides the workspace."""
    return [name for name in row["columns"] if name != WORKSPACE]


async def try_key(world: World, key: Key) -> Outcome:
    """Try one."""
    if key.operator == POINTS_ACROSS:
        return await _point_across(world, key.row)
    if key.operator == SAME_IDS:
        return await _same_ids(world, key.row)
    return await _weakened(world, key)


async def _point_across(world: World, row: Row) -> Outcome:
    """A row of a workspace without parents points to those that the other workspaces have."""
    sql = await _copy(world, row["table"])
    others = [
        one for one in await world.both.fetch(FOREIGN) if one["table"] == row["table"] and one["name"] != row["name"]
    ]
    async with undone(world.both):
        for other in others:
            await world.both.execute(f"ALTER TABLE {other['table']} DROP CONSTRAINT {other['name']}")
        if await _refused(world, sql) is None:
            return Outcome(f"{row['table']}: {row['name']} lets a row point to another workspace's")
        await world.both.execute(f"ALTER TABLE {row['table']} DROP CONSTRAINT {row['name']}")
        without = await _refused(world, sql)
    return KILLED if without is None else HARMLESS


async def _same_ids(world: World, row: Row) -> Outcome:
    """A workspace adds rows with the ids of others; an index that leaves the workspace out has to stand in its way."""
    table = row["table"]
    sql = await _copy(world, table)
    async with undone(world.both):
        await world.both.execute("SET LOCAL session_replication_role = replica")
        for other in await world.both.fetch(UNIQUE, [table]):
            if other["name"] != row["name"]:
                await world.both.execute(_dropped(other))
        if (refusal := await _refused(world, sql)) is not None:
            return Outcome(f"{table}: {row['name']} tells a workspace which ids others use: {refusal}")
        await world.both.execute(f"DELETE FROM {table} WHERE workspace_id <> '{THEIRS}'")
        await world.both.execute(f"CREATE UNIQUE INDEX across ON {table} ({', '.join(_rest(row))})")
        without = await _refused(world, sql)
    return HARMLESS if without is None else KILLED


async def _copy(world: World, table: str) -> str:
    columns = str(await world.both.fetchval(_WRITTEN, table))
    names = columns.replace("y.", "")
    return _COPY.format(table=table, columns=columns, names=names, workspace=NOBODY, theirs=THEIRS)


async def _refused(world: World, sql: str) -> str | None:
    """Why the keys refuse `sql`; None when they do not."""
    try:
        async with world.both.transaction():
            await world.both.execute(sql)
    except (asyncpg.ForeignKeyViolationError, asyncpg.UniqueViolationError) as error:
        return str(error)
    return None


def _dropped(index: Row) -> str:
    if index["is_constraint"]:
        return f"ALTER TABLE {index['table']} DROP CONSTRAINT {index['name']} CASCADE"
    return f"DROP INDEX {index['name']} CASCADE"


async def _weakened(world: World, key: Key) -> Outcome:
    """Weaken a key where only one workspace has rows; the catalog check has to find it."""
    async with undone(world.alone):
        for ddl in _weaker(key):
            await world.alone.execute(ddl)
        found = await catalog.problems(world.alone, world.service)
    return KILLED if found else Outcome(f"{world.service}: nobody notices {'; '.join(_weaker(key))}")


def _weaker(key: Key) -> list[str]:
    row, table = key.row, key.table
    # No rows, no duplicates: whatever is left of a key can be made.
    empty = ["SET LOCAL session_replication_role = replica", f"DELETE FROM {table}"]
    if key.operator == NULLABLE:
        columns = ", ".join(row["columns"])
        return [_dropped(row), f"ALTER TABLE {table} ADD UNIQUE ({columns}), ALTER {WORKSPACE} DROP NOT NULL"]
    if "parent" in row:
        return [*empty, f"DELETE FROM {row['parent']}", *_foreign_without(row)]
    kind = "PRIMARY KEY" if row["is_primary"] else "UNIQUE"
    return [*empty, _dropped(row), f"ALTER TABLE {table} ADD {kind} ({', '.join(_rest(row))})"]


def _foreign_without(row: Row) -> list[str]:
    """The foreign key without its workspace."""
    table, parent = row["table"], row["parent"]
    pairs = zip(row["columns"], row["parent_columns"], strict=True)
    rest = [(here, there) for here, there in pairs if here != WORKSPACE]
    here, there = ", ".join(one for one, _ in rest), ", ".join(one for _, one in rest)
    return [
        f"ALTER TABLE {table} DROP CONSTRAINT {row['name']}",
        f"ALTER TABLE {parent} ADD CONSTRAINT across UNIQUE ({there})",
        f"ALTER TABLE {table} ADD CONSTRAINT across_key FOREIGN KEY ({here}) REFERENCES {parent} ({there})",
    ]
