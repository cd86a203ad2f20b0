"""A pool that looks at each connection it hands out."""

from __future__ import annotations

import random
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING

from database import Queries
from isolation.scopes.findings import Findings

if TYPE_CHECKING:
    from database.connect import Connection, Pool

# How long the running transaction waits for a connection, in seconds; None: as long as the caller says.
patience: ContextVar[float | None] = ContextVar("patience", default=None)

CLEAN = ("", "", "0", "none")

# A connection is looked at after each transaction that was disturbed, and this often after others: a look is a round trip.
_LOOKS = 0.2


class WatchedPool:
    """Takes a pool's place in `Database`: a connection that comes with anything of an earlier transaction is a finding."""

    def __init__(self, pool: Pool, queries: Queries, findings: Findings, rng: random.Random) -> None:
        self._pool = pool
        self._look = queries["connection_seen"].sql
        self._findings = findings
        self._rng = rng
        # Server processes whose last transaction ended well.
        self._at_peace: set[int | None] = set()

    async def acquire(self, *, timeout: float) -> Connection:  # noqa: ASYNC109 - the pool's own signature
        """As the pool's, after a look at the connection."""
        waits = patience.get()
        connection: Connection = await self._pool.acquire(timeout=timeout if waits is None else waits)
        try:
            process = connection.get_server_pid()
            if process not in self._at_peace or self._rng.random() < _LOOKS:
                await self._look_at(connection)
            self._at_peace.discard(process)
        except BaseException:
            connection.terminate()
            await self._pool.release(connection)
            raise
        return connection

    async def release(self, connection: Connection) -> None:
        """As the pool's."""
        process = None if connection.is_closed() else connection.get_server_pid()
        if process is not None and sys.exception() is None:
            self._at_peace.add(process)
        try:
            await self._pool.release(connection)
        except BaseException:
            self._at_peace.discard(process)
            raise

    async def close(self) -> None:
        """As the pool's."""
        await self._pool.close()

    async def _look_at(self, connection: Connection) -> None:
        if connection.is_in_transaction():
            self._findings.stale("a connection came from the pool inside a transaction")
        row = await connection.fetchrow(self._look)
        if row is not None and tuple(row.values()) != CLEAN:
            self._findings.stale(f"a connection came from the pool with the settings of an earlier scope: {dict(row)}")
