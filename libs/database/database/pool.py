"""One service's database: scoped transactions for requests and handlers, sweeps for the few jobs that span workspaces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

import asyncpg
from msgspec import Struct, field

from core.errors import CallmineError
from core.ids import WorkspaceId, parse_workspace_id
from database.capture import SCOPE_MARK, Capture
from database.connect import DatabaseSettings, open_pool
from database.queries import Queries
from database.transaction import Row, Tx, bound, lost_connection, refused

if TYPE_CHECKING:
    from types import TracebackType

    from database.connect import Connection, Logger, Pool

Callback = Callable[[], None]

# Waiting longer than this for a free connection means overload: say so instead of queueing without end.
ACQUIRE_TIMEOUT_SECONDS = 10.0


class UnsafeRole(CallmineError):
    """The database's roles or tables would let one workspace see another; the service does not start."""


class NotCommitted(CallmineError):
    """A statement failed, the block went on all the same, and its transaction came to nothing."""


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
        app_logger, sweep_logger = _loggers(settings, service, queries, entering)
        idle = settings.idle_transaction
        app, sweep = await both(
            open_pool(settings.app_url, settings.app_pool, service, app_logger, idle),
            open_pool(settings.sweep_url, settings.sweep_pool, f"{service}-sweep", sweep_logger, idle),
        )
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

    def workspace(self, workspace_id: WorkspaceId) -> AbstractAsyncContextManager[Tx]:
        """A transaction in one workspace: commits at the end of the block, rolls back when it raises.

        Raises InvalidInput for a malformed id and Transient when the database is away.
        """
        scope = parse_workspace_id(workspace_id)
        # One round trip begins the transaction and enters the workspace.
        begin = f"BEGIN; {self._entry.text(scope)}"
        return _Transaction(self._app, begin, lambda connection: Tx(connection, self.queries, scope))

    def sweep(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction as the sweep role, for statements that declare that they cross workspaces."""
        return _Transaction(self._sweep, "BEGIN", lambda connection: Tx(connection, self.queries, None))

    def batch(self) -> AbstractAsyncContextManager[Batch]:
        """One transaction over several workspaces, one scope at a time."""
        return _Transaction(self._app, "BEGIN", lambda connection: Batch(connection, self.queries, self._entry))

    async def _refuse_unsafe(self) -> None:
        app, sweep = await asyncio.gather(
            unsafe_reasons(self._app, self.queries, tied=True), unsafe_reasons(self._sweep, self.queries, tied=False)
        )
        refuse_unsafe([*app, *sweep])


async def both(app: Awaitable[Pool], sweep: Awaitable[Pool]) -> tuple[Pool, Pool]:
    """Two pools, opened at once; where one of them fails, the other is closed. Raises the first one's error, or else the other's."""
    opened = await asyncio.gather(app, sweep, return_exceptions=True)
    failures = [one for one in opened if isinstance(one, BaseException)]
    pools = [one for one in opened if not isinstance(one, BaseException)]
    if failures:
        for pool in pools:
            await pool.close()
        raise failures[0]
    return pools[0], pools[1]


async def unsafe_reasons(pool: Pool, queries: Queries, *, tied: bool, reads: bool = False) -> list[str]:
    """Why one workspace could see another through the role of `pool`.

    `tied` asks as well whether its policies are tied to the scope, `reads` whether it could do anything but read.
    """
    async with pool.acquire() as connection:
        roles = await connection.fetch(queries["roles_unsafe"].sql)
        tables = await connection.fetch(queries["tables_unprotected"].sql)
        policies = await connection.fetch(queries["policies_open"].sql) if tied else []
        rights = await connection.fetch(queries["rights_to_write"].sql) if reads else []
    return [
        *(f"role {row['role']} {row['reason']}" for row in roles),
        *(f"table {row['name']} {row['reason']}" for row in tables),
        *(f"table {row['name']} is open to other workspaces by policy {row['policy']}" for row in policies),
        *(f"table {row['name']} could be written to by a role that is to read" for row in rights),
    ]


def refuse_unsafe(reasons: Sequence[str]) -> None:
    """Raise UnsafeRole where there are any."""
    if reasons:
        listing = "\n".join(f"  - {reason}" for reason in dict.fromkeys(reasons))
        raise UnsafeRole(f"the service does not start, for one workspace could see another:\n{listing}")


def read_only(pool: Pool, queries: Queries, scope: WorkspaceId) -> AbstractAsyncContextManager[Tx]:
    """A transaction that cannot write. It is in no workspace yet: whoever opens one enters it (see `database.staff`)."""
    return _Transaction(pool, "BEGIN READ ONLY", lambda connection: Tx(connection, queries, scope))


def _loggers(
    settings: DatabaseSettings, service: str, queries: Queries, entering: Sequence[str]
) -> tuple[Logger | None, Logger | None]:
    """What is told of the statements of the two roles; nobody, unless the settings name a folder to capture into."""
    if settings.capture is None:
        return None, None
    capture = Capture(settings.capture, service, queries, ScopeEntry(queries, entering).template)
    return capture.logger("app"), capture.logger("sweep")


class ScopeEntry:
    """What is sent to enter a workspace: one round trip, whatever the number of settings."""

    def __init__(self, queries: Queries, entering: Sequence[str]) -> None:
        self.template = "; ".join(queries[name].sql for name in ("scope_set_enter", *entering))
        self.extended = bool(entering)

    def text(self, scope: WorkspaceId) -> str:
        """The statements for `scope`. Inlining is safe: what parse_workspace_id lets through has no quote."""
        return self.template.replace(SCOPE_MARK, f"'{scope}'")


class Batch(Struct):
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

    async def enter_each(self, name: str, workspace_ids: Sequence[WorkspaceId], **each: Sequence[object]) -> list[Row]:
        """Run the statement called `name` once in each of several workspaces, one after the other but all in one round trip.

        Each run enters its workspace itself, like the statement of `enter_with`, and has its own values: `each` holds for each parameter
        one for each workspace. Answers with the rows of all runs, in their order. No scope is open afterwards.
        """
        await self._leave()
        rows = list(zip(map(parse_workspace_id, workspace_ids), *each.values(), strict=True))
        if self.entry.extended:
            return [
                row
                for scope, *values in rows
                for row in await (await self.enter(scope)).fetch(name, **dict(zip(each, values, strict=True)))
            ]
        runs = [bound(self.queries, name, dict(zip(each, values, strict=True)), scope) for scope, *values in rows]
        return await self.connection.fetchmany(runs[0][0].sql, [values for _, values in runs]) if runs else []

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


_S = TypeVar("_S", bound=_Scope)


class _Transaction(AbstractAsyncContextManager[_S]):
    """A connection from the pool and a transaction on it; whatever happens, neither outlives the block.

    Written out rather than nested from generators, which cost more than a statement's walls: each request comes through here. Errors
    of the network and of contention are told as Transient.
    """

    __slots__ = ("_begin", "_connection", "_open", "_pool", "_scope")

    def __init__(self, pool: Pool, begin: str, open_scope: Callable[[Connection], _S]) -> None:
        self._pool = pool
        self._begin = begin
        self._open = open_scope

    async def __aenter__(self) -> _S:
        try:
            self._connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
            try:
                await self._connection.execute(self._begin)
            except BaseException:
                # Whether a transaction has begun all the same is not worth finding out.
                _close(self._connection)
                await self._pool.release(self._connection)
                raise
        except Exception as error:
            _raise_told(error)
            raise
        self._scope = self._open(self._connection)
        return self._scope

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                callbacks = await self._end(error)
            finally:
                await self._pool.release(self._connection)
        except Exception as failure:
            _raise_told(failure)
            raise
        if isinstance(error, Exception):
            _raise_told(error)
        # Once the connection is back in the pool, so that a callback may use another.
        for callback in callbacks:
            callback()

    async def _end(self, error: BaseException | None) -> list[Callback]:
        """Commit, or roll back what failed; what is to be called after the commit."""
        if error is not None:
            await self._abandon()
            return []
        try:
            callbacks = await self._scope.finish()
            await _commit(self._connection)
        except BaseException:
            await self._abandon()
            raise
        return callbacks

    async def _abandon(self) -> None:
        self._scope.abandon()
        await _roll_back(self._connection)


def _raise_told(error: Exception) -> None:
    """Raise Transient in place of `error` where another try may do, and Gone where none ever will."""
    if told := lost_connection(error) or refused(error):
        raise told from error


async def _commit(connection: Connection) -> None:
    """Commit. PostgreSQL answers a COMMIT with a ROLLBACK when a statement has failed before, also when nobody heard of that failure."""
    status = await connection.execute("COMMIT")
    if status != "COMMIT":
        raise NotCommitted("a statement of this transaction failed and its error was ignored: nothing was committed")


async def _roll_back(connection: Connection) -> None:
    """Roll back, or close the connection when that is not possible: it must not go back to the pool with a scope set.

    What went wrong before is what the caller is told; a cancellation is always passed on.
    """
    try:
        await connection.execute("ROLLBACK")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        _close(connection)
    except BaseException:
        _close(connection)
        raise


def _close(connection: Connection) -> None:
    """Close without a word to the server; a connection that is closed already has left the pool's hands, and its proxy says so."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()
