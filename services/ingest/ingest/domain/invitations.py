"""Invitations by e-mail as Clerk tells them."""

from __future__ import annotations

import enum
from datetime import datetime

from msgspec import Struct

from ingest.domain.members import Diff, Role


class InvitationState(enum.StrEnum):
    """What became of an invitation."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"


class Invitation(Struct, frozen=True):
    """One invitation. `expires_at` is None where Clerk names no end."""

    invitation_id: str
    email: str
    role: Role
    state: InvitationState
    invited_at: datetime
    expires_at: datetime | None
    updated_at: datetime

    @property
    def precedence(self) -> tuple[datetime, bool]:
        """Greater means later; at the same time what ends an invitation wins."""
        return self.updated_at, self.state is not InvitationState.PENDING


def is_later(known: Invitation | None, told: Invitation) -> bool:
    """Whether `told` is later than what is known; a repetition is not."""
    return known is None or told.precedence > known.precedence


def invitation_diff(known: Invitation | None, told: Invitation) -> list[Diff]:
    """What is audited: an invitation that is new, or is revoked. That one is accepted is told by the membership it leads to."""
    diff = [] if known else [Diff("email", None, told.email), Diff("role", None, told.role)]
    if told.state is InvitationState.REVOKED and (known is None or known.state is not InvitationState.REVOKED):
        diff.append(Diff("status", InvitationState.PENDING, InvitationState.REVOKED))
    return diff
