"""Who notices when the database wall has been altered: the catalog check, or a service that refuses to start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import asyncpg

from database import Database, Queries, UnsafeRole
from isolation import catalog
from isolation.mutants.definitions import Definition
from isolation.mutants.mutant import HARMLESS, KILLED, Outcome
from isolation.mutants.world import World, become, undone

if TYPE_CHECKING:
    from database.connect import Pool
    from isolation.mutants.world import Connection


async def alter(world: World, definition: Definition) -> Outcome:
    """Make one mutant of the database and see who notices; undone at the end."""
    async with undone(world.both):
        try:
            await world.both.execute(definition.ddl)
        except asyncpg.WrongObjectTypeError:
            if definition.operator != "inherited":
                raise
            # A partition can have no heir.
            return HARMLESS
        if await noticed_by(world):
            return KILLED
    return Outcome(f"{world.service}: nobody notices {definition.ddl}")


async def noticed_by(world: World) -> str:
    """Who notices that something is wrong with the database as it is now; "" when nobody does."""
    if await catalog.problems(world.both, world.service):
        return "catalog"
    return "start" if await _refused(world) else ""


async def _refused(world: World) -> bool:
    """Whether the service would refuse to start."""
    turn = asyncio.Lock()
    app, sweep = (cast("Pool", _Role(world.both, role, turn)) for role in (world.app, world.sweep))
    try:
        await Database(app, sweep, Queries.of("database"))._refuse_unsafe()
    except UnsafeRole:
        return True
    return False


class _Role:
    """Stands for a pool of one role: hands out the connection on which the mutant has been made and not committed, to one at a time."""

    def __init__(self, connection: Connection, role: str, turn: asyncio.Lock) -> None:
        self._connection = connection
        self._role = role
        self._turn = turn

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        async with self._turn, undone(self._connection):
            await become(self._connection, self._role)
            yield self._connection
