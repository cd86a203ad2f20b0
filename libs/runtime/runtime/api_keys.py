"""The check of API keys by what a service was told of its workspaces' keys."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from msgspec import Struct

from core.ids import UserId, WorkspaceId
from database import Database, Row
from messaging import Outbox
from messaging.api_keys import note_use, read_key
from web import Role, Scope
from web.api_keys import KnownKey
from web.scopes import scope_of


class ToldKeys(Struct, frozen=True):
    """Asks the service's own database at each request, so that a revocation counts from the moment its message was handled."""

    db: Database
    outbox: Outbox

    async def find(self, workspace_id: WorkspaceId, key_id: uuid.UUID) -> KnownKey | None:
        """The key as it is right now. Raises Transient while the database is away.

        The workspace comes from the key itself, unchecked so far: nothing but this one row is read there before the key is checked.
        """
        async with self.db.workspace(workspace_id) as tx:
            row = await read_key(tx, key_id)
        return known_key(row) if row else None

    async def note_use(self, workspace_id: WorkspaceId, key_id: uuid.UUID) -> None:
        """Tell ingest that the key is in use. Raises Transient while the database is away."""
        async with self.db.workspace(workspace_id) as tx:
            await note_use(tx, self.outbox, key_id)


def known_key(row: Row) -> KnownKey:
    """A key as it lies in a table; one whose digest was never told is like none."""
    return KnownKey(
        key_id=row["key_id"],
        digest=row["digest"] or b"",
        scopes=known_scopes(row["scopes"]),
        role=Role(row["role"]),
        user_id=UserId(row["user_id"]),
        email=row["email"],
        revoked=row["revoked"],
        expired=row["expired"],
        use_is_due=row["use_is_due"],
    )


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names; one of a newer build gives no right here."""
    found = (scope_of(name) for name in names)
    return frozenset(scope for scope in found if scope is not None)
