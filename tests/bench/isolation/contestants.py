"""Ways to run one statement for one workspace, each on its own connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from database import Database, Queries
from database.connect import open_pool
from isolation.cost.hot import Asked, process_of, walled
from isolation.cost.ledger import Ledger, queries
from isolation.cost.processors import apart

if TYPE_CHECKING:
    from database.connect import Connection, Pool

Contestant = Callable[[Asked], Awaitable[object]]

_POOL = 2


@asynccontextmanager
async def contestants(book: Ledger) -> AsyncIterator[Mapping[str, Contestant]]:
    """All of them by name, connected."""
    statements = queries()
    db = await Database.open(book.settings, statements, "audit")
    session = await open_pool(book.settings.app_url, _POOL, "alternative")
    bound = await open_pool(book.unwalled_url, _POOL, "bound")
    single = await open_pool(book.unwalled_url, _POOL, "autocommit")
    try:
        servers = [await process_of(db, walled), *[await _process_of(pool) for pool in (session, bound, single)]]
        with apart(servers):
            yield {
                "ours": lambda asked: walled(db, asked),
                "alternative": lambda asked: _with_session(session, statements, asked),
                "bound": lambda asked: _in_transaction(bound, statements, asked),
                "autocommit": lambda asked: _alone(single, statements, asked),
            }
    finally:
        await db.close()
        for pool in (session, bound, single):
            await pool.close()


async def _process_of(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return connection.get_server_pid()


async def _with_session(pool: Pool, statements: Queries, asked: Asked) -> object:
    """Set for the session, reset afterwards: two round trips more, and a scope that outlives the transaction if the reset is missed."""
    async with pool.acquire() as connection:
        await connection.execute("SELECT set_config('app.workspace_id', $1, false)", asked.workspace_id)
        try:
            async with connection.transaction():
                return await _run(connection, statements, asked)
        finally:
            await connection.execute("RESET ALL")


async def _in_transaction(pool: Pool, statements: Queries, asked: Asked) -> object:
    async with pool.acquire() as connection, connection.transaction():
        return await _run(connection, statements, asked)


async def _alone(pool: Pool, statements: Queries, asked: Asked) -> object:
    async with pool.acquire() as connection:
        return await _run(connection, statements, asked)


async def _run(connection: Connection, statements: Queries, asked: Asked) -> object:
    statement = statements[asked.name]
    given = {**asked.parameters, "workspace_id": asked.workspace_id}
    return await connection.fetch(statement.sql, *(given[name] for name in statement.parameters))
