"""What a grant of staff access is, and in which state. No I/O."""

from __future__ import annotations

import enum
import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from contracts.registry import STAFFED
from contracts.staff import LONGEST_GRANT, Reason
from core.errors import InvalidInput

LONGEST_MINUTES = int(LONGEST_GRANT.total_seconds() // 60)

# Who asked an hour ago asks again: an approval is of what is needed now. The same hour stands in `staff_grant_approve`.
APPROVABLE = timedelta(minutes=60)

# A ticket's number, as trackers write them: no words, so that nothing of a customer's stands in it.
_TICKET = re.compile(r"[A-Za-z0-9#][A-Za-z0-9._/-]{1,59}")


class State(enum.StrEnum):
    """Where a grant stands."""

    ASKED = "asked"
    LAPSED = "lapsed"
    OPEN = "open"
    ENDED = "ended"
    EXPIRED = "expired"


class Terms(Struct, frozen=True, kw_only=True):
    """What is asked for, and what an approval is of. Raises InvalidInput."""

    staff: str
    service: str
    reason: Reason
    ticket: str
    minutes: int

    def __post_init__(self) -> None:
        if self.service not in STAFFED:
            raise InvalidInput(
                f"nothing of {self.service or 'no service'} is open to staff: choose {', '.join(STAFFED)}"
            )
        if not _TICKET.fullmatch(self.ticket):
            raise InvalidInput(
                "name the ticket by its number, such as SUP-412: letters, digits and # . _ / -, 2 to 60 of them"
            )
        if not 1 <= self.minutes <= LONGEST_MINUTES:
            raise InvalidInput(
                f"a grant lasts 1 to {LONGEST_MINUTES} minutes: ask for less, and again if it takes longer"
            )


class Decision(Struct, frozen=True, kw_only=True):
    """Who approved or ended a grant, and when. `by_staff`: an address of ours; otherwise the user id of an admin of the workspace."""

    by: str
    at: datetime
    by_staff: bool = True


class Access(Struct, frozen=True, kw_only=True):
    """A grant as it is at `seen_at`, by the database's clock."""

    id: uuid.UUID
    terms: Terms
    asked_at: datetime
    seen_at: datetime
    approved: Decision | None = None
    ended: Decision | None = None

    @property
    def expires_at(self) -> datetime | None:
        """When it is over by itself; None while nobody has approved it."""
        return self.approved.at + timedelta(minutes=self.terms.minutes) if self.approved else None

    @property
    def closed_at(self) -> datetime | None:
        """When it stopped opening anything, or will; None for one that never opened anything."""
        if self.expires_at is None:
            return None
        return min(self.expires_at, self.ended.at) if self.ended else self.expires_at

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.expires_at is None:
            waits = self.ended is None and self.seen_at < self.asked_at + APPROVABLE
            return State.ASKED if waits else State.LAPSED
        if self.ended is not None and self.ended.at < self.expires_at:
            return State.ENDED
        return State.OPEN if self.seen_at < self.expires_at else State.EXPIRED


class Count(Struct, frozen=True):
    """How often something was read under a grant, and how many rows were shown in all."""

    reads: str
    asked: int
    rows: int


class Statement(Struct, frozen=True, kw_only=True):
    """One statement under a grant. `outcome` is shown, withheld or failed; None where it broke off, which shows nothing."""

    id: uuid.UUID
    question: str
    reads: str
    about: str
    staff: str
    asked_at: datetime
    outcome: str | None
    rows: int


class AccessPage(Struct, frozen=True):
    """Grants, newest first, what was read under each, and the id to go on before; None on the last page."""

    found: Sequence[Access]
    counts: dict[uuid.UUID, list[Count]]
    next: uuid.UUID | None
