"""A service's database as somebody of our staff sees it: read only, one workspace, and only while a grant is in force.

    async with staff.session(workspace_id, grant_id, "ada@callmine.example") as tx:
        rows = await tx.fetch("staff_runs", most=100)

What holds is in the database: the role has no right but to read some columns, and its row policies ask with each statement, by the
database's own clock, whether the grant is in force for this workspace and this person. Without one there are no rows.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from core.ids import WorkspaceId, parse_workspace_id
from database.connect import open_pool
from database.pool import read_only, refuse_unsafe, unsafe_reasons
from database.queries import Queries
from database.transaction import Tx, lost_connection

if TYPE_CHECKING:
    from database.connect import Pool

# A question of the list takes milliseconds; this is also how long one that is under way can outlive its grant, and what it finds is then
# shown to nobody.
LONGEST_STATEMENT = "5s"

# One session asks one thing at a time.
_CONNECTIONS = 1


class StaffDatabase:
    """Open with `StaffDatabase.open`; close with `close`."""

    def __init__(self, pool: Pool, queries: Queries) -> None:
        self._pool = pool
        self._queries = queries

    @classmethod
    async def open(cls, url: str, queries: Queries, service: str = "callmine") -> StaffDatabase:
        """Connect. Raises UnsafeRole when the role could write or see past the row policies, Transient while it cannot connect."""
        session = {"default_transaction_read_only": "on", "statement_timeout": LONGEST_STATEMENT}
        try:
            pool = await open_pool(url, _CONNECTIONS, f"{service}-staff", session=session)
        except Exception as error:
            raise lost_connection(error) or error from error
        try:
            refuse_unsafe(await unsafe_reasons(pool, queries, tied=True, reads=True))
        except BaseException:
            await pool.close()
            raise
        return cls(pool, queries)

    async def close(self) -> None:
        """Give the connection back."""
        await self._pool.close()

    @asynccontextmanager
    async def session(self, workspace_id: WorkspaceId, grant_id: uuid.UUID, staff: str) -> AsyncIterator[Tx]:
        """A transaction that reads one workspace, for as long as the grant lets `staff` in. Raises InvalidInput for no workspace's id."""
        async with read_only(self._pool, self._queries, parse_workspace_id(workspace_id)) as tx:
            await tx.fetch("staff_enter", grant_id=grant_id, staff=staff)
            yield tx
