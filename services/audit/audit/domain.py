"""What an audit entry is. Pure."""

from __future__ import annotations

import base64
import binascii
import enum
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import InvalidInput


class EntryType(enum.StrEnum):
    """The fourteen types, and no fifteenth."""

    INTEGRATION_CONNECTED = "integration.connected"
    INTEGRATION_DISCONNECTED = "integration.disconnected"
    MEMBER_INVITED = "member.invited"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    BILLING_PLAN_CHANGED = "billing.plan_changed"
    BILLING_ADDON_PURCHASED = "billing.addon_purchased"
    BILLING_PAYMENT_FAILED = "billing.payment_failed"
    SCHEDULE_CREATED = "schedule.created"
    SCHEDULE_EDITED = "schedule.edited"
    SCHEDULE_DELETED = "schedule.deleted"
    REPORT_EXPORTED = "report.exported"
    WORKSPACE_UPDATED = "workspace.updated"

    @classmethod
    def parse(cls, text: str) -> EntryType:
        """The type called `text`. Raises InvalidInput."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput("There is no such type of audit entry: choose one from the list.") from None


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a diff; None where the field was, or is, not there."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to which thing, when, and what it changed."""

    id: uuid.UUID
    type: EntryType
    actor_kind: str
    actor_id: str
    actor_email: str
    source: str
    target_kind: str
    target_id: str
    diff: tuple[Change, ...]
    occurred_at: datetime


# Later than any entry: the first page is what lies after this.
_LATEST = datetime.max.replace(tzinfo=UTC)
_HIGHEST = uuid.UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log, newest first. A page is what lies after one, so that arriving entries neither shift nor repeat it."""

    occurred_at: datetime = _LATEST
    id: uuid.UUID = _HIGHEST

    @classmethod
    def parse(cls, cursor: str) -> Position:
        """Read what `cursor` gave; the newest place for an empty text. Raises InvalidInput."""
        if not cursor:
            return cls()
        try:
            time, _, entry = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
            return cls(datetime.fromisoformat(time).astimezone(UTC), uuid.UUID(entry))
        except (ValueError, binascii.Error, OverflowError):
            raise InvalidInput("The page cursor is not one of ours: start again from the first page.") from None

    def cursor(self) -> str:
        """The position as text for a URL."""
        return base64.urlsafe_b64encode(f"{self.occurred_at.isoformat()}|{self.id}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, and where the next page begins; None on the last one."""

    entries: tuple[Entry, ...]
    next: Position | None
