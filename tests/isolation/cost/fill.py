"""Made-up rows for every tenant table of a migrated database, so many that a wrong plan would cost.

The rows mean nothing, but they are spread as real ones are: over the workspaces in turn, some twenty to a run, states from the table's
own list of them, most things done and a few open.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from database import Queries
from local.postgres.connection import Connection

WORKSPACES = 200
# Tables with one row a workspace have as many rows as workspaces: with more of those, an index pays there as well.
WORKSPACES_ALONE = 2_000
_OF_A_GROUP = 20
_OPEN = 50

_QUOTED = re.compile(r"'([^']*)'::text")


@dataclass(frozen=True, slots=True)
class Column:
    """A column to make up values for. `place` is its place in a primary key of `key_size` columns, 0 when it is not in it."""

    name: str
    type: str
    nullable: bool
    place: int
    key_size: int


def workspace(number: int) -> str:
    """The id of one of the workspaces."""
    return f"org_plan{number}"


async def fill(oracle: Connection, statements: Queries, rows: int) -> frozenset[str]:
    """About `rows` rows in each tenant table, analysed; the tables' names. Checks are dropped: they would refuse what means nothing."""
    constraints = await oracle.fetch(statements["check_constraints"].sql)
    listed = {row["relation"]: row["definition"] for row in constraints}
    for row in constraints:
        listed[row["relation"]] += row["definition"]
        await oracle.execute(f'ALTER TABLE {row["relation"]} DROP CONSTRAINT "{row["name"]}"')
    # Foreign keys are triggers, which are off in this session.
    await oracle.execute("SET session_replication_role = replica")
    tables = await _tables(oracle, statements)
    alone = {row["relation"] for row in await oracle.fetch(statements["alone_for_a_time"].sql)}
    for relation, columns in tables.items():
        states = states_of(listed.get(relation, ""))
        await oracle.execute(_insert(relation, columns, states, rows, alone=relation in alone))
        await oracle.execute(f"VACUUM (ANALYZE) {relation}")
    return frozenset(tables)


async def _tables(oracle: Connection, statements: Queries) -> Mapping[str, list[Column]]:
    found = await oracle.fetch(statements["tenant_columns"].sql)
    return {
        relation: [
            Column(row["name"], row["type"], row["nullable"], row["place"], row["key_size"])
            for row in rows
            if not row["generated"]
        ]
        for relation, rows in itertools.groupby(found, key=lambda row: str(row["relation"]))
    }


def states_of(definitions: str) -> list[str]:
    """The words that the table's checks allow for its state: the longest list, for others say what goes with some of them."""
    lists = (one.lstrip(" (").partition("]")[0] for one in definitions.split("CHECK"))
    return max((_QUOTED.findall(one) for one in lists if one.startswith("state = ANY")), key=len, default=[])


def _insert(relation: str, columns: Sequence[Column], states: Sequence[str], rows: int, *, alone: bool) -> str:
    alone = alone or columns[0].key_size == 1
    count, workspaces = (WORKSPACES_ALONE, WORKSPACES_ALONE) if alone else (rows, WORKSPACES)
    values = ", ".join(_value(column, states, workspaces) for column in columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    return f"INSERT INTO {relation} ({names}) SELECT {values} FROM generate_series(0, {count - 1}) n"


def _value(column: Column, states: Sequence[str], workspaces: int) -> str:
    if column.name == "workspace_id":
        return f"'org_plan' || n % {workspaces}"
    number = f"(n / {workspaces})"
    if column.place > 1 and column.place < column.key_size:
        number = f"({number} / {_OF_A_GROUP})"
    if column.name == "state" and states:
        # The last one of the list half of the time, the others in turn.
        listed = ", ".join(f"'{state}'" for state in _mostly_last(states))
        return f"(ARRAY[{listed}])[1 + {number} % {2 * len(states)}]"
    made = made_up(column.type, number)
    return f"CASE WHEN {number} % {_OPEN} <> 0 THEN {made} END" if column.nullable else made


def _mostly_last(states: Sequence[str]) -> Iterable[str]:
    return [*states, *[states[-1]] * len(states)]


def made_up(type_name: str, number: str) -> str:
    """An expression of a value of the type, a different one for each number where that is possible."""
    made = {
        "uuid": f"md5({number}::text)::uuid",
        "text": f"'text-' || {number}",
        "integer": f"({number})::integer",
        "smallint": f"({number} % 8)::smallint",
        "tsvector": f"to_tsvector('simple', 'word' || {number})",
        "bigint": f"({number})::bigint",
        "double precision": f"({number})::double precision",
        "boolean": f"{number} % 2 = 0",
        "date": f"current_date - ({number})::integer",
        "timestamp with time zone": f"now() - {number} * interval '1 hour'",
        "json": "'[]'::json",
        "jsonb": "'{}'::jsonb",
        # Some keys are digests: each row has bytes of its own.
        "bytea": f"decode(md5(({number})::text), 'hex')",
    }
    if type_name.endswith("[]"):
        return f"ARRAY[{made_up(type_name.removesuffix('[]'), number)}]::{type_name}"
    return made[type_name]
