"""The database wall against broken statements: run as the application's role, they neither show nor change the other workspace's rows.

Those that do no harm even to a superuser, whom no policy stops, prove nothing and are left out.
"""

from __future__ import annotations

import re
from typing import Any

import asyncpg
from pglast import ast

from database.queries import SCOPE_PARAMETER, Statement
from isolation.mutants.arguments import VARIANTS, arguments
from isolation.mutants.draft import is_a, parsed, walk
from isolation.mutants.mutant import HARMLESS, KILLED, Outcome
from isolation.mutants.statements import Broken
from isolation.mutants.wholes import CONFLICT_TARGET
from isolation.mutants.world import OURS, World, become, enter, undone

_ENTERS = re.compile(r"set_config\('app\.workspace_id', \$(\d+)")


async def accepted(world: World, broken: Broken) -> bool:
    """Whether PostgreSQL takes the statement from the application's role."""
    async with undone(world.alone):
        if broken.operator == CONFLICT_TARGET:
            await _make_target(world, broken)
        await become(world.alone, world.app)
        await enter(world.alone, OURS)
        try:
            await world.alone.execute(f"EXPLAIN (GENERIC_PLAN) {broken.statement.sql}")
        except asyncpg.PostgresError:
            return False
        return True


async def _make_target(world: World, broken: Broken) -> None:
    """The unique index that an ON CONFLICT without the workspace asks for."""
    insert = next(
        node for node in walk(parsed(broken.statement.sql)) if is_a(node, ast.InsertStmt) and _is_broken(node)
    )
    columns = ", ".join(one.name for one in insert.onConflictClause.infer.indexElems)
    await world.alone.execute("SET LOCAL session_replication_role = replica")
    await world.alone.execute(f"DELETE FROM {insert.relation.relname}")
    await world.alone.execute(f"CREATE UNIQUE INDEX target ON {insert.relation.relname} ({columns})")


def _is_broken(insert: Any) -> bool:
    """Whether it is the one, of perhaps several in a statement, whose ON CONFLICT has lost the workspace."""
    clause = insert.onConflictClause
    return clause is not None and all(one.name != "workspace_id" for one in clause.infer.indexElems)


async def execute(world: World, broken: Broken) -> Outcome:
    """Run a broken statement with no wall but the database's."""
    if broken.operator == CONFLICT_TARGET or enters_another(broken.statement):
        return HARMLESS
    biting = await harmful(world, broken)
    if biting is None:
        return HARMLESS
    leak = await world.leak(broken.statement.sql, biting, world.app, written(broken.statement.sql))
    return Outcome(f"as {world.app} it {leak}: {broken.statement.sql}") if leak else KILLED


def enters_another(statement: Statement) -> bool:
    """Whether a statement that sets the scope itself sets another one: then the policies hold it to that one, as they should."""
    entered = _ENTERS.search(statement.sql)
    return entered is not None and statement.parameters[int(entered[1]) - 1] != SCOPE_PARAMETER


async def harmful(world: World, broken: Broken) -> list[object] | None:
    """Arguments with which the statement does harm when no wall stands; None when there are none."""
    sql, changed = broken.statement.sql, written(broken.statement.sql)
    statement = await world.both.prepare(sql)
    types = [kind.name for kind in statement.get_parameters()]
    for variant in VARIANTS:
        given = arguments(broken.statement, types, variant)
        if await world.leak(sql, given, None, changed):
            return given
    return None


def written(sql: str) -> tuple[str, ...]:
    """The tables that a statement writes to."""
    writes = (node for node in walk(parsed(sql)) if is_a(node, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt))
    return tuple(sorted({str(node.relation.relname) for node in writes}))
