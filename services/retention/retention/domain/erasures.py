"""The request to erase a workspace, one report, or one person's data: its states, its terms, and what the services have reported. Pure.

    asked -> taken back
          -> erasing -> verifying -> completed

A day after it was asked for it can be taken back no more. Then all services are told to freeze the workspace and to erase it; when each has
reported that it did, all are asked to look for what is left, as often as it takes for all of them to find nothing. Of a report it is the
one service that has reports; the request may also end because there is no such report, or because the workspace is erased, and the report
with it. Of a person it goes in attempts (domain.people), and may also end because nothing is kept, or because the person is a member.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec.structs import replace

from core.errors import Conflict, InvalidInput
from retention.domain.business_days import IsHoliday, end_of_business_day

# What is promised: so many business days from the request.
BUSINESS_DAYS = 7

# Staff is told at the end of this business day that there is something to look after.
ALARM_DAY = 3

# For so long an admin can take a request back, whoever made it.
TAKE_BACK = timedelta(hours=24)

# What we aim at, from then on.
TARGET = timedelta(hours=24)

# For so long after the deadline the link to a request, and to its certificate, is good.
LINK_DAYS = 90

# The services that are told by message. Retention erases its own rows when they are done, as the last one.
TOLD = ("ingest", "analysis", "credential-vault", "audit")
ITSELF = "retention"

# The service that has reports, and is told of one.
OF_REPORTS = ("analysis",)

# So many letters and digits at the end of a report's id are enough to be typed.
TYPED = 8


class State(enum.StrEnum):
    """How far a request is."""

    ASKED = "asked"
    TAKEN_BACK = "taken_back"
    ERASING = "erasing"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    NOT_FOUND = "not_found"
    STILL_MEMBER = "still_member"
    WITH_WORKSPACE = "with_workspace"


class Stage(enum.StrEnum):
    """What a service reports of its part."""

    FROZEN = "frozen"
    ERASED = "erased"
    VERIFIED = "verified"


class Terms(msgspec.Struct, frozen=True):
    """When a request has to be done with, worked out when it is made: `zone` is the workspace's then, whose business days count."""

    asked_at: datetime
    zone: str
    take_back_until: datetime
    target_at: datetime
    alarm_at: datetime
    deadline: datetime

    @property
    def where(self) -> ZoneInfo:
        """The zone, to show times in."""
        return ZoneInfo(self.zone)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one service has reported: when, how many rows of which table and how many objects it erased; and how many rows it found left in
    the last verification that it answered, `attempt`, 0 where it has answered none. `providers`: how access to the customer's own systems
    was ended."""

    service: str
    frozen_at: datetime | None = None
    erased_at: datetime | None = None
    verified_at: datetime | None = None
    rows: Mapping[str, int] = msgspec.field(default_factory=dict)
    objects: int = 0
    attempt: int = 0
    left: Mapping[str, int] = msgspec.field(default_factory=dict)
    providers: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def stage(self) -> Stage | None:
        """How far it is; None before it has reported anything."""
        if self.verified_at is not None:
            return Stage.VERIFIED
        if self.erased_at is not None:
            return Stage.ERASED
        return Stage.FROZEN if self.frozen_at is not None else None

    @property
    def row_count(self) -> int:
        """All rows that were erased."""
        return sum(self.rows.values())


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a service. `rows`, `objects` and `providers` belong to ERASED; `left` and `attempt` to VERIFIED."""

    service: str
    stage: Stage
    at: datetime
    rows: Mapping[str, int] = msgspec.field(default_factory=dict)
    objects: int = 0
    left: Mapping[str, int] = msgspec.field(default_factory=dict)
    attempt: int = 0
    providers: Mapping[str, str] = msgspec.field(default_factory=dict)


class Scope(enum.StrEnum):
    """What is to be erased."""

    WORKSPACE = "workspace"
    REPORT = "report"
    PERSON = "person"


class Call(msgspec.Struct, frozen=True):
    """A call, by the id that its provider gave it."""

    provider: str
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose data is to be erased, and how far the request's attempt is.

    `email` is empty once the request has ended, and where the ledger alone knows of it. `user_ids` are all that are known; `calls` those
    that this attempt's search has found and no earlier one, `more` whether the next one has others, `is_new` whether anything was found.
    `found_attempt` and `told_attempt`: the last attempt whose search is answered, and of which all services were told. `ledger`: SHA-256 of
    each entry, by its attempt.
    """

    email: str = field(default="", repr=False)
    user_ids: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    more: bool = False
    is_new: bool = False
    found_attempt: int = -1
    told_attempt: int = 0
    calls_found: int = 0
    rows_by_address: int = 0
    ledger: Mapping[int, str] = field(default_factory=dict)


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """A request, of a whole workspace where it names no report and no person.

    `asked_by` and `ticket` are empty once it has ended; `attempt` is the last verification that was asked for, or a person's attempt;
    `completed_at` is when it ended, in whichever way but by being taken back.
    """

    id: uuid.UUID
    state: State
    terms: Terms
    by_staff: bool
    report_id: uuid.UUID | None = None
    person: Person | None = None
    asked_by: str = ""
    ticket: str = ""
    started_at: datetime | None = None
    payments_ended_at: datetime | None = None
    erased_at: datetime | None = None
    attempt: int = 0
    completed_at: datetime | None = None
    taken_back_at: datetime | None = None

    @property
    def scope(self) -> Scope:
        """What is to be erased."""
        if self.person is not None:
            return Scope.PERSON
        return Scope.WORKSPACE if self.report_id is None else Scope.REPORT

    @property
    def holds(self) -> bool:
        """Whether it is under way, or done: no other one is made beside it."""
        return self.state in {State.ASKED, State.ERASING, State.VERIFYING, State.COMPLETED}

    def can_be_taken_back(self, now: datetime) -> bool:
        """Whether an admin may still change their mind."""
        return self.state is State.ASKED and now < self.terms.take_back_until

    def is_late(self, now: datetime) -> bool:
        """Whether it was not, or is not, completed within what is promised."""
        if self.state in {State.TAKEN_BACK, State.NOT_FOUND, State.STILL_MEMBER}:
            return False
        return (self.completed_at or now) > self.terms.deadline


def terms_of(asked_at: datetime, timezone: str, begins_at: datetime, is_holiday: IsHoliday) -> Terms:
    """The terms of a request that reached us at `asked_at` and was entered at `begins_at`, from when on it can be taken back.

    The days count from when it reached us. An unknown zone is read as UTC.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        timezone, zone = "UTC", ZoneInfo("UTC")
    until = begins_at + TAKE_BACK
    return Terms(
        asked_at=asked_at,
        zone=timezone,
        take_back_until=until,
        target_at=until + TARGET,
        alarm_at=end_of_business_day(asked_at, ALARM_DAY, zone, is_holiday),
        deadline=end_of_business_day(asked_at, BUSINESS_DAYS, zone, is_holiday),
    )


def link_ends_at(terms: Terms) -> datetime:
    """When the link to the request ends."""
    return terms.deadline + timedelta(days=LINK_DAYS)


def check_name(typed: str, name: str) -> None:
    """Raise InvalidInput unless somebody has typed the workspace's name, and Conflict where it is not known yet."""
    if not name:
        raise Conflict("This workspace is still being set up. Try again in a moment.")
    if " ".join(typed.split()) != " ".join(name.split()):
        raise InvalidInput(
            "This is not the workspace's name. Type it exactly as it is shown, capital letters included."
        )


def check_report(typed: str, report_id: uuid.UUID) -> None:
    """Raise InvalidInput unless somebody has typed the end of the report's id, or all of it."""
    if typed.strip().lower() not in {str(report_id), str(report_id)[-TYPED:]}:
        raise InvalidInput(
            f"This is not the end of the report's id. Type its last {TYPED} letters and digits, as they are shown."
        )


def with_receipt(part: Part, receipt: Receipt) -> Part:
    """The part with one more report. The same reports in any order, and however often, come to the same.

    A later stage says that the earlier ones are behind it. Of counts the larger one holds: whoever erases again finds less.
    """
    frozen = _earliest(part.frozen_at, receipt.at)
    if receipt.stage is Stage.FROZEN:
        return replace(part, frozen_at=frozen)
    if receipt.stage is Stage.ERASED:
        names = sorted({*part.rows, *receipt.rows})
        rows = {name: max(part.rows.get(name, 0), receipt.rows.get(name, 0)) for name in names}
        erased = _earliest(part.erased_at, receipt.at)
        objects, providers = max(part.objects, receipt.objects), {**receipt.providers, **part.providers}
        return replace(part, frozen_at=frozen, erased_at=erased, rows=rows, objects=objects, providers=providers)
    left = {name: count for name, count in sorted(receipt.left.items()) if count}
    if receipt.attempt > part.attempt:
        return replace(part, attempt=receipt.attempt, left=left, verified_at=None if left else receipt.at)
    if receipt.attempt < part.attempt or (left and not part.left):
        return part
    # Looked for twice: what the second look did not find is not there any more.
    if not left:
        return replace(part, left=left, verified_at=_earliest(part.verified_at, receipt.at))
    return replace(part, left={name: max(left.get(name, 0), part.left.get(name, 0)) for name in {**left, **part.left}})


def is_erased(parts: Sequence[Part], told: Sequence[str] = TOLD) -> bool:
    """Whether each of the services that are told has reported that it has erased its part."""
    erased = {one.service for one in parts if one.erased_at is not None}
    return erased.issuperset(told)


class Verdict(enum.Enum):
    """What the answers to a verification come to."""

    WAITING = "not all have answered"
    LEFT = "somebody has found something"
    NOTHING_LEFT = "nobody has found anything"


def judge(parts: Sequence[Part], attempt: int, told: Sequence[str] = TOLD) -> Verdict:
    """What the services that are told have answered to verification number `attempt`."""
    answered = [one for one in parts if one.service in told and one.attempt == attempt]
    if len(answered) < len(told):
        return Verdict.WAITING
    return Verdict.LEFT if any(one.left or one.verified_at is None for one in answered) else Verdict.NOTHING_LEFT


def _earliest(known: datetime | None, told: datetime) -> datetime:
    return min(known, told) if known else told
