"""A transaction in one workspace, or in none for the sweeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import asyncpg

from core.errors import Gone, Transient
from core.ids import WorkspaceId
from database.queries import Queries, Statement

if TYPE_CHECKING:
    from database.connect import Connection

Row = asyncpg.Record


class Tx:
    """Runs named statements inside one transaction, with `:workspace_id` filled in from its scope."""

    def __init__(self, connection: Connection, queries: Queries, scope: WorkspaceId | None) -> None:
        self._connection = connection
        self._queries = queries
        self._scope = scope
        self._open = True
        self._before_commit: list[Callable[[], Awaitable[None]]] = []
        self._after_commit: list[Callable[[], None]] = []

    @property
    def workspace_id(self) -> WorkspaceId:
        """The workspace this transaction belongs to. Raises RuntimeError in a sweep, which belongs to none."""
        if self._scope is None:
            raise RuntimeError("a sweep belongs to no workspace")
        return self._scope

    @property
    def is_open(self) -> bool:
        """Whether statements can still be run: not once its scope has been left."""
        return self._open

    async def fetch(self, name: str, /, **parameters: object) -> list[Row]:
        """All rows of the statement called `name`."""
        statement, values = self._bind(name, parameters)
        return await self._connection.fetch(statement.sql, *values)

    async def fetch_one(self, name: str, /, **parameters: object) -> Row | None:
        """The first row of the statement called `name`, or None."""
        statement, values = self._bind(name, parameters)
        return await self._connection.fetchrow(statement.sql, *values)

    async def fetch_value(self, name: str, /, **parameters: object) -> object:
        """The first column of the first row of the statement called `name`, or None."""
        statement, values = self._bind(name, parameters)
        value: object = await self._connection.fetchval(statement.sql, *values)
        return value

    async def execute(self, name: str, /, **parameters: object) -> int:
        """Run the statement called `name`; the number of rows it touched."""
        return await self.run(self._queries[name], **parameters)

    async def run(self, statement: Statement, /, **parameters: object) -> int:
        """The same as `execute` for a statement out of `Database.queries`, where one piece of code runs many alike."""
        taken, values = self._bind(statement.name, parameters)
        status = await self._connection.execute(taken.sql, *values)
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    def before_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` at the end of the scope, still inside the transaction."""
        self._before_commit.append(callback)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the transaction has been committed; never when it has not."""
        self._after_commit.append(callback)

    def _bind(self, name: str, parameters: dict[str, object]) -> tuple[Statement, list[object]]:
        if not self._open:
            raise RuntimeError(f"{name}: this transaction's scope has ended")
        return bound(self._queries, name, parameters, self._scope)

    async def finish(self) -> list[Callable[[], None]]:
        """Run what was asked for before the commit and close the scope; what is to be called after the commit."""
        while self._before_commit:
            await self._before_commit.pop(0)()
        self._open = False
        return self._after_commit

    def abandon(self) -> None:
        """Close the scope without running anything."""
        self._open = False


def bound(
    queries: Queries, name: str, parameters: Mapping[str, object], scope: WorkspaceId | None
) -> tuple[Statement, list[object]]:
    """The statement called `name` with its values, the scope's workspace among them. Raises RuntimeError where it has no place."""
    statement = queries[name]
    if statement.crosses_workspaces and scope is not None:
        raise RuntimeError(f"{name} crosses workspaces: run it in db.sweep()")
    if not statement.crosses_workspaces and scope is None:
        raise RuntimeError(
            f"{name} belongs to a workspace: run it in db.workspace(...), or say why it crosses workspaces"
        )
    return statement, statement.arguments(parameters, scope)


# What the fences raise: around an erased workspace (libs/messaging/messaging/migrations/pre/0190_tombstones.sql), and around an erased
# report (services/analysis/migrations/pre/0280_report_tombstones.sql).
_ERASED = {"CM410": "workspace", "CM411": "report"}


# What the fence around erased calls raises (services/ingest/migrations/pre/0280_call_tombstones.sql). A transaction adds many calls at
# once: tried again, it leaves out the one that was erased meanwhile.
_ONE_ERASED = "CM412"


def refused(error: BaseException) -> Gone | Transient | None:
    """What to raise when something is erased: Gone for the workspace or the report, Transient for a call; None for any other `error`."""
    if not isinstance(error, asyncpg.PostgresError):
        return None
    if error.sqlstate == _ONE_ERASED:
        return Transient("a call was erased meanwhile; another try leaves it out")
    if error.sqlstate in _ERASED:
        return Gone(f"the {_ERASED[error.sqlstate]} is being deleted: nothing can be added to it any more")
    return None


def lost_connection(error: BaseException) -> Transient | None:
    """The Transient to raise when `error` means that the database is away or asks to try again; None for anything else."""
    again = (
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        # The server's last words came before the end of the connection: asyncpg is then out of step with it, for the next statement.
        asyncpg.InternalClientError,
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
        asyncpg.TooManyConnectionsError,
        asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        # This process stood still in the middle of a transaction, which PostgreSQL has ended meanwhile.
        asyncpg.IdleInTransactionSessionTimeoutError,
        asyncpg.LockNotAvailableError,
        asyncpg.QueryCanceledError,
        OSError,
        TimeoutError,
    )
    if isinstance(error, again):
        return Transient(f"the database is not available ({type(error).__name__}); it will be tried again")
    return None
