"""Who is let in here, and as whom they change something."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import Depends
from msgspec import Struct

from core.clock import Clock
from core.ids import WorkspaceId
from database import Database
from ingest.handlers import Admin
from ingest.store import api_keys, workspaces
from messaging.api_keys import USE_SECONDS
from runtime.api_keys import known_key
from web import Session, admin, member
from web.api_keys import KnownKey
from web.membership import judged

MemberSession = Annotated[Session, Depends(member)]
AdminSession = Annotated[Session, Depends(admin)]


class OwnMembers(Struct, frozen=True):
    """The check of memberships by ingest's own rows: a removal counts from its commit on."""

    db: Database

    async def confirm(self, session: Session) -> Session:
        """The session as it is right now. Raises NoLongerMember, and Transient while the database is away."""
        async with self.db.workspace(session.workspace_id) as tx:
            known = await workspaces.read_member(tx, session.user_id)
        if known is None:
            return session
        return judged(session, present=not known.membership.removed, role=known.membership.role)


class OwnKeys(Struct, frozen=True):
    """The check of API keys by ingest's own rows: a revocation counts from its commit on."""

    db: Database
    clock: Clock

    async def find(self, workspace_id: WorkspaceId, key_id: uuid.UUID) -> KnownKey | None:
        """The key as it is right now. Raises Transient while the database is away.

        The workspace comes from the key itself, unchecked so far: nothing but this one row is read there before the key is checked.
        """
        async with self.db.workspace(workspace_id) as tx:
            row = await api_keys.presented(tx, key_id, USE_SECONDS)
        return known_key(row) if row else None

    async def note_use(self, workspace_id: WorkspaceId, key_id: uuid.UUID) -> None:
        """Note that the key is in use. Raises Transient while the database is away."""
        async with self.db.workspace(workspace_id) as tx:
            await api_keys.used(tx, key_id, self.clock.now())


def admin_of(session: Session) -> Admin:
    """The person of a session that belongs to an admin."""
    return Admin(session.workspace_id, session.user_id, session.actor)
