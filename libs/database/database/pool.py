"""One service's database: scoped transactions for requests and handlers, sweeps for the few jobs that span workspaces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from core.errors import CallmineError
from core.ids import WorkspaceId, parse_workspace_id
from database.connect import DatabaseSettings, open_pool
from database.queries import Queries
from database.transaction import Row, Tx, lost_connection

if TYPE_CHECKING:
    from database.connect import Connection, Pool

Callback = Callable[[], None]

# Waiting longer than this for a free connection means overload: say so instead of queueing without end.
ACQUIRE_TIMEOUT_SECONDS = 10.0


class UnsafeRole(CallmineError):
    """The database's roles or tables would let one workspace see another; the service does not start."""


class Database:
    """Open with `Database.open`; close with `close`."""

    def __init__(self, app: Pool, sweep: Pool, queries: Queries, entering: Sequence[str] = ()) -> None:
        self._app = app
        self._sweep = sweep
        self._entry = ScopeEntry(queries, entering)
        self.queries = queries

    @classmethod
    async def open(
        cls, settings: DatabaseSettings, queries: Queries, service: str = "callmine", entering: Sequence[str] = ()
    ) -> Database:
        """Connect, and refuse with UnsafeRole when a role could see past the row policies or a table has none.

        `entering` names statements that run with each scope's first round trip, for settings that a policy reads; `:workspace_id` is
        their only parameter.
        """
        app = await open_pool(settings.app_url, settings.app_pool, service)
        try:
            sweep = await open_pool(settings.sweep_url, settings.sweep_pool, f"{service}-sweep")
        except BaseException:
            await app.close()
            raise
        database = cls(app, sweep, queries, entering)
        try:
            await database._refuse_unsafe()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Give all connections back."""
        await self._app.close()
        await self._sweep.close()

    async def ready(self) -> None:
        """Return when the database answers; raise Transient when it does not."""
        async with self.sweep() as tx:
            await tx.fetch_value("database_ready")

    @asynccontextmanager
    async def workspace(self, workspace_id: WorkspaceId) -> AsyncIterator[Tx]:
        """A transaction in one workspace: commits at the end of the block, rolls back when it raises.

        Raises InvalidInput for a malformed id and Transient when the database is away.
        """
        scope = parse_workspace_id(workspace_id)
        async with _connection(self._app) as connection:
            tx = Tx(connection, self.queries, scope)
            # One round trip begins the transaction and enters the workspace.
            async with _transaction(connection, f"BEGIN; {self._entry.text(scope)}", tx) as callbacks:
                yield tx
        _call(callbacks)

    @asynccontextmanager
    async def sweep(self) -> AsyncIterator[Tx]:
        """A transaction as the sweep role, for statements that declare that they cross workspaces."""
        async with _connection(self._sweep) as connection:
            tx = Tx(connection, self.queries, None)
            async with _transaction(connection, "BEGIN", tx) as callbacks:
                yield tx
        _call(callbacks)

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Batch]:
        """One transaction over several workspaces, one scope at a time."""
        async with _connection(self._app) as connection:
            batch = Batch(connection, self.queries, self._entry)
            async with _transaction(connection, "BEGIN", batch) as callbacks:
                yield batch
        _call(callbacks)

    async def _refuse_unsafe(self) -> None:
        reasons: list[str] = []
        for pool in (self._app, self._sweep):
            async with pool.acquire() as connection:
                roles = await connection.fetch(self.queries["roles_unsafe"].sql)
                reasons.extend(f"role {row['role']} {row['reason']}" for row in roles)
                tables = await connection.fetch(self.queries["tables_unprotected"].sql)
                reasons.extend(f"table {row['name']} has no forced row security" for row in tables)
        if reasons:
            listing = "\n".join(f"  - {reason}" for reason in dict.fromkeys(reasons))
            raise UnsafeRole(f"the service does not start, for one workspace could see another:\n{listing}")


class ScopeEntry:
    """What is sent to enter a workspace: one round trip, whatever the number of settings."""

    def __init__(self, queries: Queries, entering: Sequence[str]) -> None:
        self._text = "; ".join(queries[name].sql for name in ("scope_enter", *entering))
        self.extended = bool(entering)

    def text(self, scope: WorkspaceId) -> str:
        """The statements for `scope`. Inlining is safe: what parse_workspace_id lets through has no quote."""
        return self._text.replace("$1", f"'{scope}'")


@dataclass(slots=True)
class Batch:
    """A transaction whose scope moves from workspace to workspace; never two at once."""

    connection: Connection
    queries: Queries
    entry: ScopeEntry
    _current: Tx | None = None
    _callbacks: list[Callback] = field(default_factory=list)

    async def enter(self, workspace_id: WorkspaceId) -> Tx:
        """Leave the present workspace and enter another; the transaction given before can no longer be used."""
        await self._leave()
        scope = parse_workspace_id(workspace_id)
        await self.connection.execute(self.entry.text(scope))
        self._current = Tx(self.connection, self.queries, scope)
        return self._current

    async def enter_with(self, workspace_id: WorkspaceId, name: str, **parameters: object) -> tuple[Tx, list[Row]]:
        """Enter a workspace and run the statement called `name` there, in one round trip: the statement sets the scope itself.

        It has to begin like `inbox_enter` of messaging does. One that does not set the scope meets the row policies of the workspace
        before, and fails.
        """
        if self.entry.extended:
            tx = await self.enter(workspace_id)
        else:
            await self._leave()
            tx = self._current = Tx(self.connection, self.queries, parse_workspace_id(workspace_id))
        return tx, await tx.fetch(name, **parameters)

    async def finish(self) -> list[Callback]:
        """Leave the last workspace; what is to be called after the commit."""
        await self._leave()
        return self._callbacks

    def abandon(self) -> None:
        """Close the present scope without running anything."""
        if self._current is not None:
            self._current.abandon()

    async def _leave(self) -> None:
        if self._current is not None:
            self._callbacks.extend(await self._current.finish())
            self._current = None


class _Scope(Protocol):
    """What a transaction is handed out as."""

    async def finish(self) -> list[Callback]:
        """Do what is left to do before the commit; what is to be called after it."""
        ...

    def abandon(self) -> None:
        """Let nobody use it any more."""
        ...


@asynccontextmanager
async def _transaction(connection: Connection, begin: str, scope: _Scope) -> AsyncIterator[list[Callback]]:
    """Begin, commit or roll back; after a commit the list given holds what is to be called."""
    callbacks: list[Callback] = []
    await connection.execute(begin)
    try:
        yield callbacks
        callbacks.extend(await scope.finish())
        await connection.execute("COMMIT")
    except BaseException:
        scope.abandon()
        await _roll_back(connection)
        raise


def _call(callbacks: list[Callback]) -> None:
    """Once the connection is back in the pool, so that a callback may use another."""
    for callback in callbacks:
        callback()


@asynccontextmanager
async def _connection(pool: Pool) -> AsyncIterator[Connection]:
    """A connection from the pool, with errors of the network and of contention told as Transient."""
    try:
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            yield connection
    except CallmineError:
        raise
    except Exception as error:
        transient = lost_connection(error)
        if transient is None:
            raise
        raise transient from error


async def _roll_back(connection: Connection) -> None:
    """Roll back, or close the connection when that is not possible: it must not go back to the pool with a scope set."""
    try:
        await connection.execute("ROLLBACK")
    except BaseException:
        connection.terminate()
        raise
