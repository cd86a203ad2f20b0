"""API keys as their owners see them."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime, timedelta

from msgspec import Struct

from core.errors import InvalidInput
from ingest.domain.members import Diff, Role

LONGEST_NAME = 100

# More than a company has programs; a loop that makes keys ends here.
MOST_USABLE = 50

LONGEST_DAYS = 3650
DEFAULT_DAYS = 90


class KeyState(enum.StrEnum):
    """Whether a key opens anything."""

    USABLE = "usable"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(Struct, frozen=True):
    """A key, without itself: it was shown once and is kept by nobody here."""

    id: uuid.UUID
    name: str
    scopes: tuple[str, ...]
    role: Role
    created_by: str
    created_by_email: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    expired: bool
    sequence: int

    @property
    def state(self) -> KeyState:
        """Whether it opens anything."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expired else KeyState.USABLE


class KeyWish(Struct, frozen=True):
    """What somebody wants a key for: what it is called, what it may do and in which role, for how many days (None: without end)."""

    name: str
    scopes: tuple[str, ...]
    role: Role
    days: int | None

    def expiry(self, now: datetime) -> datetime | None:
        """When a key that is made now expires."""
        return None if self.days is None else now + timedelta(days=self.days)


def valid_key_name(text: str) -> str:
    """A name with single spaces. Raises InvalidInput."""
    name = " ".join(text.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"A key's name has 1 to {LONGEST_NAME} printable characters: say what uses the key.")
    return name


def created_diff(key: ApiKey) -> list[Diff]:
    """The audit entry's diff of a new key: what it may do, never the key."""
    return [
        Diff("api_key", None, key.name),
        Diff("api_key_scopes", None, list(key.scopes)),
        Diff("api_key_expires_at", None, key.expires_at.isoformat() if key.expires_at else None),
    ]


def revoked_diff(key: ApiKey) -> list[Diff]:
    """The audit entry's diff of a key that was taken back."""
    return [Diff("api_key", key.name, None), Diff("api_key_scopes", list(key.scopes), None)]
