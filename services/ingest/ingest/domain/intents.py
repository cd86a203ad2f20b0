"""What an admin is about to ask of Clerk, and how long it may take."""

from __future__ import annotations

import enum
from uuid import UUID

from msgspec import Struct

# One call to Clerk ends after so long, whatever happens (`clerk_backend`); a change it made happened within.
CALL_SECONDS = 20.0

# Two machines' clocks, and the moment between the intent's row and the call.
SKEW_SECONDS = 40.0

# A change may be an intent's until so long after it was written.
OPEN_SECONDS = CALL_SECONDS + SKEW_SECONDS

# Svix gives up on a message after a day and a half; a week is well beyond.
KEPT_DAYS = 7


class IntentKind(enum.StrEnum):
    """What is to be changed."""

    RENAME = "rename"
    INVITE = "invite"
    REVOKE = "revoke"
    CHANGE_ROLE = "change_role"
    REMOVE = "remove"


class Wish(Struct, frozen=True):
    """A change at Clerk: of what, and to what. `target` is a user's or invitation's id or a lower-case address, empty for the workspace."""

    kind: IntentKind
    target: str = ""
    wanted: str = ""


class Intent(Struct, frozen=True):
    """A wish that has been written down."""

    id: UUID
    wish: Wish
