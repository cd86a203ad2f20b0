"""The check of memberships by what a service was told of its workspaces' members."""

from __future__ import annotations

from msgspec import Struct

from database import Database
from messaging.memberships import read_standing
from web import Session
from web.membership import judged


class ToldMembers(Struct, frozen=True):
    """Asks the service's own database at each request, so that a removal counts from the moment its message was handled."""

    db: Database

    async def confirm(self, session: Session) -> Session:
        """The session as it is right now. Raises NoLongerMember, and Transient while the database is away."""
        async with self.db.workspace(session.workspace_id) as tx:
            known = await read_standing(tx, session.user_id)
        return session if known is None else judged(session, present=known.present, role=known.role)
