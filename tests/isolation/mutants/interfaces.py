"""The first wall alone: what `Database` and `Tx` refuse, with superusers in the place of both roles and all workspaces' rows at hand.

An attack is stopped when the interface refuses it before anything is sent, or when its answer is that of the workspace alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from core.errors import InvalidInput
from core.ids import WorkspaceId
from database import Database, Queries, Statement, Tx
from database.connect import open_pool
from house.projects import services
from isolation.mutants.arguments import NO_SCOPE, VARIANTS, arguments
from isolation.mutants.executed import written
from isolation.mutants.mutant import KILLED, Outcome
from isolation.mutants.statements import MESSAGING
from isolation.mutants.world import OURS, THEIRS, World
from testkit.tables import same_database

A, B = WorkspaceId(OURS), WorkspaceId(THEIRS)

Attack = Callable[["Attacker"], Awaitable[object]]


class Undo(Exception):
    """Ends a transaction without a trace."""


@dataclass(frozen=True, slots=True)
class Attacker:
    """What somebody who writes code in a service has in hand: the interface, and the statements."""

    world: World
    db: Database


@asynccontextmanager
async def attacker(world: World) -> AsyncIterator[Attacker]:
    """An attacker on the database with both workspaces' rows, as a superuser."""
    url = same_database(world.admin_url, world.dsns)
    app, sweep = await open_pool(url, 2, "app"), await open_pool(url, 1, "sweep")
    queries = Queries.of("database", MESSAGING, services()[world.service].package)
    database = Database(app, sweep, queries)
    try:
        yield Attacker(world, database)
    finally:
        await database.close()


async def refusal(attempt: Awaitable[object], *errors: type[Exception]) -> Outcome:
    """KILLED when `attempt` raises one of `errors`, which come from the interface and not from the database."""
    try:
        answer = await attempt
    except errors:
        return KILLED
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Outcome(f"reached the database, which answered {error}")
    return Outcome(f"was not refused and answered {str(answer)[:100]}")


async def in_scope(db: Database, run: Callable[[Tx], Awaitable[object]]) -> object:
    """What `run` gives inside workspace A; nothing is kept."""
    found: list[object] = []
    try:
        async with db.workspace(A) as tx:
            found.append(await run(tx))
            raise Undo
    except Undo:
        return found[0]


async def in_sweep(db: Database, run: Callable[[Tx], Awaitable[object]]) -> object:
    """What `run` gives inside a sweep; nothing is kept."""
    found: list[object] = []
    try:
        async with db.sweep() as tx:
            found.append(await run(tx))
            raise Undo
    except Undo:
        return found[0]


async def _given(one: Attacker, statement: Statement, variant: int = 1) -> dict[str, object]:
    """Arguments for a statement, by name."""
    prepared = await one.world.both.prepare(statement.sql)
    types = [kind.name for kind in prepared.get_parameters()]
    return dict(zip(statement.parameters, arguments(statement, types, variant), strict=True))


async def _without_scope(one: Attacker, statement: Statement) -> dict[str, object]:
    return {name: value for name, value in (await _given(one, statement)).items() if name != "workspace_id"}


async def passes_the_workspace(one: Attacker, statement: Statement) -> Outcome:
    """The caller names the other workspace."""
    given = {**await _without_scope(one, statement), "workspace_id": B}
    return await refusal(in_scope(one.db, lambda tx: tx.fetch(statement.name, **given)), TypeError)


async def passes_another_name(one: Attacker, statement: Statement) -> Outcome:
    """The caller names the other workspace under a name that the statement does not have."""
    given = {**await _without_scope(one, statement), "workspace": B}
    return await refusal(in_scope(one.db, lambda tx: tx.fetch(statement.name, **given)), TypeError)


async def passes_by_position(one: Attacker, statement: Statement) -> Outcome:
    """The caller hands the other workspace over without a name."""
    given = await _without_scope(one, statement)
    return await refusal(in_scope(one.db, lambda tx: tx.fetch(statement.name, B, **given)), TypeError)  # type: ignore[call-arg]


async def forgets_an_argument(one: Attacker, statement: Statement) -> Outcome:
    """The caller leaves the last argument out, so that the others might move up."""
    given = await _without_scope(one, statement)
    if given:
        given.popitem()
    else:
        given["more"] = B
    return await refusal(in_scope(one.db, lambda tx: tx.fetch(statement.name, **given)), TypeError)


async def runs_in_a_sweep(one: Attacker, statement: Statement) -> Outcome:
    """A tenant's statement where there is no scope."""
    given = await _without_scope(one, statement)
    return await refusal(in_sweep(one.db, lambda tx: tx.fetch(statement.name, **given)), TypeError, RuntimeError)


async def runs_in_a_sweep_with_a_workspace(one: Attacker, statement: Statement) -> Outcome:
    """A tenant's statement in a sweep, with the other workspace passed by hand."""
    given = {**await _without_scope(one, statement), "workspace_id": B}
    return await refusal(in_sweep(one.db, lambda tx: tx.fetch(statement.name, **given)), TypeError, RuntimeError)


async def only_its_own(one: Attacker, statement: Statement) -> Outcome:
    """The statement as it is, with the ids that both workspaces use, and with the other workspace's name wherever a text goes."""
    changed = written(statement.sql)
    for variant in (number for number in VARIANTS if number != NO_SCOPE):
        given = await _given(one, statement, variant)
        foreign = {name: B if value == "text" else value for name, value in given.items()}
        for values in (given, foreign):
            if leak := await one.world.leak(statement.sql, list(values.values()), None, changed):
                return Outcome(f"{statement.name} {leak}")
    return KILLED


TENANT: Mapping[str, Callable[[Attacker, Statement], Awaitable[Outcome]]] = {
    "passes the workspace": passes_the_workspace,
    "passes the workspace by another name": passes_another_name,
    "passes the workspace by position": passes_by_position,
    "forgets an argument": forgets_an_argument,
    "runs it in a sweep": runs_in_a_sweep,
    "runs it in a sweep with a workspace": runs_in_a_sweep_with_a_workspace,
    "asks with the ids of others": only_its_own,
}
"""On every statement that takes a workspace, by operator."""


async def runs_inside_a_workspace(one: Attacker, statement: Statement) -> Outcome:
    """A statement that crosses workspaces where requests are served."""
    given = await _given(one, statement)
    return await refusal(in_scope(one.db, lambda tx: tx.fetch(statement.name, **given)), RuntimeError)


async def runs_inside_a_batch(one: Attacker, statement: Statement) -> Outcome:
    """A statement that crosses workspaces where messages are handled."""
    given = await _given(one, statement)

    async def attempt() -> object:
        async with one.db.batch() as batch:
            tx = await batch.enter(A)
            return await tx.fetch(statement.name, **given)

    return await refusal(attempt(), RuntimeError)


async def enters_with(one: Attacker, statement: Statement) -> Outcome:
    """A statement that crosses workspaces in the place of the one that enters a workspace."""
    given = await _given(one, statement)

    async def attempt() -> object:
        async with one.db.batch() as batch:
            return await batch.enter_with(A, statement.name, **given)

    return await refusal(attempt(), RuntimeError)


async def enters_each_with(one: Attacker, statement: Statement) -> Outcome:
    """A statement that crosses workspaces in the place of the one that enters several workspaces."""
    given = await _given(one, statement)

    async def attempt() -> object:
        async with one.db.batch() as batch:
            return await batch.enter_each(statement.name, [A], **{name: [value] for name, value in given.items()})

    return await refusal(attempt(), RuntimeError)


SWEEPING: Mapping[str, Callable[[Attacker, Statement], Awaitable[Outcome]]] = {
    "runs it inside a workspace": runs_inside_a_workspace,
    "runs it inside a batch": runs_inside_a_batch,
    "enters a workspace with it": enters_with,
    "enters several workspaces with it": enters_each_with,
}
"""On every statement that crosses workspaces, by operator."""

MALFORMED: Mapping[str, object] = {
    "nothing": "",
    "one quote": "org_a'",
    "injection": "org_a'; RESET app.workspace_id; --",
    "second setting": "org_a', true), set_config('app.workspace_id', 'org_b",
    "semicolon": "org_a;",
    "comment": "org_a--",
    "backslash": "org_a\\",
    "line break": "org_a\n",
    "zero": "org_a\0",
    "wildcard": "org_%",
    "any": "%",
    "two": "org_a,org_b",
    "no prefix": "a",
    "another prefix": "user_a",
    "prefix only": "org_",
    "capitals in the prefix": "ORG_a",
    "blank around": " org_a ",
    "dollar": "org_$1",
    "unicode letter": "org_\u0430",
    "full-width": "org_\uff41",
    "right to left": "org_\u202ea",
    "combining": "org_a\u0301",
    "arabic digit": "org_\u0661",
    "too long": "org_" + "a" * 61,
    "far too long": "org_" + "a" * 100_000,
    "null": None,
    "number": 1,
    "bytes": b"org_a",
    "list": ["org_a", "org_b"],
}
"""What is no workspace id."""


async def opens(one: Attacker, what: object) -> Outcome:
    """A workspace by a malformed id."""

    async def attempt() -> object:
        async with one.db.workspace(what) as tx:  # type: ignore[arg-type]
            return tx.workspace_id

    return await refusal(attempt(), InvalidInput, TypeError)


async def moves_on(one: Attacker, what: object) -> Outcome:
    """A batch to a malformed id."""

    async def attempt() -> object:
        async with one.db.batch() as batch:
            await batch.enter(A)
            return await batch.enter(what)  # type: ignore[arg-type]

    return await refusal(attempt(), InvalidInput, TypeError)


async def moves_through(one: Attacker, what: object) -> Outcome:
    """A batch through several ids, one of them malformed."""

    async def attempt() -> object:
        async with one.db.batch() as batch:
            return await batch.enter_each("scope_enter", [A, what])  # type: ignore[list-item]

    return await refusal(attempt(), InvalidInput, TypeError)
