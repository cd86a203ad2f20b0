"""What a session token cannot know: a token lives for about a minute, and somebody may be removed or lose a role within it."""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from web.session import NoWorkspace, Role, Session


class MembershipCheck(Protocol):
    """Knows who is still in a workspace."""

    async def confirm(self, session: Session) -> Session:
        """The session as it is right now. Raises NoLongerMember, or Transient where nobody can tell."""
        ...


class NoLongerMember(NoWorkspace):
    """The token is good, but the person has been removed since it was made."""

    title = "You are no longer a member of this workspace"


def judged(session: Session, *, present: bool, role: str) -> Session:
    """`session` by what is known of its person: in the lesser of the two roles. Raises NoLongerMember."""
    if not present:
        raise NoLongerMember(
            "You are no longer a member of this workspace. Ask one of its admins if this is a mistake."
        )
    if session.is_admin and role != Role.ADMIN:
        return replace(session, role=Role.MEMBER)
    return session
