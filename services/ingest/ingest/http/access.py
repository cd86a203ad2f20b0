"""Who is let in here, and as whom they change something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from database import Database
from ingest.handlers import Admin
from ingest.store import workspaces
from web import Session, admin, member
from web.membership import judged

MemberSession = Annotated[Session, Depends(member)]
AdminSession = Annotated[Session, Depends(admin)]


@dataclass(frozen=True, slots=True)
class OwnMembers:
    """The check of memberships by ingest's own rows: a removal counts from its commit on."""

    db: Database

    async def confirm(self, session: Session) -> Session:
        """The session as it is right now. Raises NoLongerMember, and Transient while the database is away."""
        async with self.db.workspace(session.workspace_id) as tx:
            known = await workspaces.read_member(tx, session.user_id)
        if known is None:
            return session
        return judged(session, present=not known.membership.removed, role=known.membership.role)


def admin_of(session: Session) -> Admin:
    """The person of a session that belongs to an admin."""
    return Admin(session.workspace_id, session.user_id, session.actor)
