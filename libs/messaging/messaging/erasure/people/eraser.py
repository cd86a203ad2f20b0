"""What erases rows about people, table by table, in small transactions that can stop anywhere and go on."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database, Tx
from database.queries import Statement
from messaging.erasure.people import store

# The statements that erase rows, or empty columns of those that stay, have these letters before the name of their table.
ERASE, EMPTY = "person_erase_", "person_empty_"

ROWS_AT_ONCE = 2_000

Count = Callable[[Tx, str, int, int], Awaitable[None]]
"""Counts what a transaction has erased: `await count(tx, table, rows, objects)`, in that transaction."""


class PersonEraser(Struct, frozen=True):
    """Runs every statement of the service that begins with `person_erase_` or `person_empty_`, in their order. They take `most` rows, and
    of `user_ids`, `key_ids` and `subjects` (of limits) what they need. `opening` shows all rows where policies hide some.
    """

    db: Database
    opening: Callable[[Tx], Awaitable[None]] | None = None
    rows_at_once: int = ROWS_AT_ONCE

    @property
    def statements(self) -> list[Statement]:
        """What erases, in the order in which it is done."""
        return [one for one in self.db.queries if one.name.startswith((ERASE, EMPTY))]

    async def erase(
        self, workspace_id: WorkspaceId, user_ids: Sequence[str], count: Count, key_ids: Sequence[uuid.UUID] = ()
    ) -> None:
        """Erase whatever rows there are about these people; `key_ids` are API keys of theirs that the service knows by itself.

        Each transaction counts what it has erased. Raises Transient, after which it is called again.
        """
        if not user_ids:
            return
        async with self.db.workspace(workspace_id) as tx:
            keys = sorted({*key_ids, *await store.keys_of(tx, user_ids)})
        given: dict[str, object] = {
            "user_ids": list(user_ids),
            "key_ids": keys,
            "subjects": _subjects(user_ids, keys),
            "most": self.rows_at_once,
        }
        for statement in self.statements:
            taken = {name: value for name, value in given.items() if name in statement.parameters}
            rows = self.rows_at_once
            while rows == self.rows_at_once:
                rows = await self._batch(workspace_id, statement, taken, count)
                reach("person_erasure.after_batch")

    async def _batch(
        self, workspace_id: WorkspaceId, statement: Statement, given: dict[str, object], count: Count
    ) -> int:
        rows = 0
        if statement.crosses_workspaces:
            async with self.db.sweep() as sweep:
                rows = await sweep.run(statement, workspace=workspace_id, **given)
        async with self.db.workspace(workspace_id) as tx:
            if not statement.crosses_workspaces:
                if self.opening is not None:
                    await self.opening(tx)
                rows = await tx.run(statement, **given)
            if rows:
                await count(tx, table_of(statement), rows, 0)
            reach("person_erasure.before_commit")
        return rows


def table_of(statement: Statement) -> str:
    """The table that a statement erases from, or empties columns of."""
    return statement.name.removeprefix(ERASE).removeprefix(EMPTY)


def _subjects(user_ids: Sequence[str], keys: Sequence[uuid.UUID]) -> list[str]:
    """Whose limits are counted, as `web.limits` names them."""
    askers = [*(f"person {one}" for one in user_ids), *(f"key {one}" for one in keys)]
    return sorted([*askers, *(f"costly {one}" for one in askers)])
