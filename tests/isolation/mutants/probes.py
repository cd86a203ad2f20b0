"""The database wall against statements without any scope: nothing of the other workspace is read, changed, deleted or added to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from isolation.mutants.mutant import HARMLESS, KILLED, Outcome
from isolation.mutants.world import NOBODY, OURS, THEIRS, World

_COPY = 'INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(x, \'{{"workspace_id": "%s"}}\')).* FROM {table} x'


@dataclass(frozen=True, slots=True)
class Probe:
    """A statement for any table, in what scope it runs (None: none was set), and whether it writes."""

    sql: str
    scope: str | None = OURS
    writes: bool = False


PROBES: Mapping[str, Probe] = {
    "read everything": Probe("SELECT * FROM {table}"),
    "count everything": Probe("SELECT count(*) FROM {table}"),
    "read the others": Probe(f"SELECT * FROM {{table}} WHERE workspace_id = '{THEIRS}'"),
    "read by position": Probe("SELECT workspace_id FROM {table} WHERE ctid >= '(0,0)'"),
    "read the statistics": Probe("SELECT most_common_vals::text, n_distinct FROM pg_stats WHERE tablename = '{table}'"),
    "read without a scope": Probe("SELECT workspace_id FROM {table}", None),
    "read in an empty scope": Probe("SELECT workspace_id FROM {table}", ""),
    "read in a wildcard scope": Probe("SELECT workspace_id FROM {table}", "%"),
    "read in a scope of two": Probe("SELECT workspace_id FROM {table}", f"{OURS},{THEIRS}"),
    "change everything": Probe("UPDATE {table} SET workspace_id = workspace_id", writes=True),
    "take the others' rows": Probe(
        f"UPDATE {{table}} SET workspace_id = '{NOBODY}' WHERE workspace_id = '{THEIRS}'", writes=True
    ),
    "give rows away": Probe(
        f"UPDATE {{table}} SET workspace_id = '{NOBODY}' WHERE workspace_id = '{OURS}'", writes=True
    ),
    "delete everything": Probe("DELETE FROM {table}", writes=True),
    "delete without a scope": Probe("DELETE FROM {table}", None, writes=True),
    "add to the others": Probe(_COPY % NOBODY, writes=True),
    "add without a scope": Probe(_COPY % NOBODY, None, writes=True),
    "truncate": Probe("TRUNCATE {table} CASCADE", writes=True),
}
"""By operator."""


def probes(world: World) -> Iterator[tuple[str, str]]:
    """Table and operator of every probe."""
    for table in world.columns:
        for operator in PROBES:
            yield table, operator


async def probe(world: World, table: str, operator: str) -> Outcome:
    """Run one probe with no wall but the database's; one that is stopped by something else is harmless."""
    one = PROBES[operator]
    sql, changed = one.sql.format(table=table), (table,) if one.writes else ()
    if not await world.leak(sql, (), None, changed, one.scope):
        return HARMLESS
    leak = await world.leak(sql, (), world.app, changed, one.scope)
    return Outcome(f"as {world.app} it {leak}: {sql}") if leak else KILLED
