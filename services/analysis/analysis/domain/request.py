"""What a person asks: the brief, the calls it is asked of, the model, and the most calls to spend on it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NewType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from core.errors import InvalidInput

RunId = NewType("RunId", uuid.UUID)
PreviewId = NewType("PreviewId", uuid.UUID)
ReportId = NewType("ReportId", uuid.UUID)

# About 2,500 tokens: a page and a half of instructions, small beside any transcript.
LONGEST_BRIEF = 10_000

# Scale's monthly quota: the largest that a plan has.
MOST_CALLS = 5_000

# Gong keeps years of calls; a longer range is most often a slip of the keyboard.
LONGEST_RANGE_DAYS = 3 * 366

# Before anybody recorded a call this way: a slip of the keyboard too, and days near the calendar's first cannot be moved to UTC.
EARLIEST_YEAR = 1990

# A day: no recorded call is longer.
LONGEST_CALL_MINUTES = 24 * 60

# As the contract's int32 has it.
MOST_EMPLOYEES = 2**31 - 1

# How a call came about, in ingest's words.
DIRECTIONS = ("inbound", "outbound", "conference", "unknown")

# Filters are typed by people: more, or longer, is not a filter.
MOST_CHOICES = 50
LONGEST_CHOICE = 200


class CallFilter(Struct, frozen=True):
    """Which calls are meant. `until` is exclusive; None means no bound; amounts are in the deal's own currency."""

    since: datetime
    until: datetime
    stages: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    amount_min: float | None = None
    amount_max: float | None = None
    employees_min: int | None = None
    employees_max: int | None = None
    directions: tuple[str, ...] = ()
    seconds_min: int | None = None
    seconds_max: int | None = None
    title_words: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()


class Question(Struct, frozen=True):
    """A request as the person made it, checked. Dates are days in `timezone`, both inclusive."""

    brief: str
    first_day: date
    last_day: date
    timezone: str
    model: str
    max_calls: int
    stages: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    amount_min: float | None = None
    amount_max: float | None = None
    employees_min: int | None = None
    employees_max: int | None = None
    directions: tuple[str, ...] = ()
    minutes_min: int | None = None
    minutes_max: int | None = None
    title_words: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()

    @property
    def filter(self) -> CallFilter:
        """The calls meant, with the days turned into instants."""
        zone = zone_of(self.timezone)
        return CallFilter(
            since=datetime.combine(self.first_day, time.min, zone).astimezone(UTC),
            until=datetime.combine(self.last_day + timedelta(days=1), time.min, zone).astimezone(UTC),
            stages=self.stages,
            owners=self.owners,
            amount_min=self.amount_min,
            amount_max=self.amount_max,
            employees_min=self.employees_min,
            employees_max=self.employees_max,
            directions=self.directions,
            seconds_min=_seconds(self.minutes_min),
            seconds_max=_seconds(self.minutes_max),
            title_words=self.title_words,
            participants=self.participants,
        )

    @property
    def title(self) -> str:
        """The brief's first line, short enough for a list."""
        line = self.brief.strip().splitlines()[0].strip()
        return line if len(line) <= 90 else f"{line[:89].rstrip()}…"


def check(question: Question, now: datetime) -> None:
    """Raise InvalidInput, naming what is wrong, unless the question can be asked at `now`."""
    # Spaces that are as wide as nothing are no brief either.
    if not any(character.isalnum() for character in question.brief):
        raise InvalidInput("the brief is empty: write what you want to know of your calls")
    if len(question.brief) > LONGEST_BRIEF:
        raise InvalidInput(f"the brief has {len(question.brief):,} characters; {LONGEST_BRIEF:,} are allowed")
    _check_days(question, now.astimezone(zone_of(question.timezone)).date())
    if not 1 <= question.max_calls <= MOST_CALLS:
        raise InvalidInput(f"max_calls must be from 1 to {MOST_CALLS:,}")
    _check_range("amount", question.amount_min, question.amount_max)
    _check_range("company size", question.employees_min, question.employees_max, MOST_EMPLOYEES)
    _check_range("length in minutes", question.minutes_min, question.minutes_max, LONGEST_CALL_MINUTES)
    _check_choices("deal stage", question.stages)
    _check_choices("owner", question.owners)
    _check_choices("title word", question.title_words)
    _check_choices("participant", question.participants)
    if any(not any(character.isalnum() for character in word) for word in question.title_words):
        raise InvalidInput("a title word needs a letter or a digit")
    if not set(question.directions) <= set(DIRECTIONS):
        raise InvalidInput(f"a direction is one of {', '.join(DIRECTIONS)}")


def _check_days(question: Question, today: date) -> None:
    if question.first_day > question.last_day:
        raise InvalidInput("the date range is reversed: the first day is after the last")
    if question.last_day > today:
        raise InvalidInput("the date range ends in the future; the last day can be today at the latest")
    if question.first_day.year < EARLIEST_YEAR:
        raise InvalidInput(f"the date range begins before {EARLIEST_YEAR}; no call was recorded then")
    if (question.last_day - question.first_day).days > LONGEST_RANGE_DAYS:
        raise InvalidInput("the date range is longer than three years; choose a shorter one")


def _check_range(what: str, low: float | None, high: float | None, most: float = 1e15) -> None:
    if any(bound is not None and not 0 <= bound <= most for bound in (low, high)):
        raise InvalidInput(f"the {what} must be a number from zero to {most:,.0f}")
    if low is not None and high is not None and low > high:
        raise InvalidInput(f"the {what} range is reversed: the smallest is larger than the largest")


def _check_choices(what: str, choices: Sequence[str]) -> None:
    if len(choices) > MOST_CHOICES or any(len(choice) > LONGEST_CHOICE for choice in choices):
        raise InvalidInput(f"at most {MOST_CHOICES} values of {what}, each up to {LONGEST_CHOICE} characters")


def zone_of(name: str) -> ZoneInfo:
    """The timezone called `name`; UTC when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def as_document(question: Question) -> dict[str, object]:
    """The question as plain values, for the database and the export."""
    return {
        "brief": question.brief,
        "first_day": question.first_day.isoformat(),
        "last_day": question.last_day.isoformat(),
        "timezone": question.timezone,
        "model": question.model,
        "max_calls": question.max_calls,
        "stages": list(question.stages),
        "owners": list(question.owners),
        "amount_min": question.amount_min,
        "amount_max": question.amount_max,
        "employees_min": question.employees_min,
        "employees_max": question.employees_max,
        "directions": list(question.directions),
        "minutes_min": question.minutes_min,
        "minutes_max": question.minutes_max,
        "title_words": list(question.title_words),
        "participants": list(question.participants),
    }


def from_document(document: Mapping[str, object]) -> Question:
    """The question that `as_document` wrote, in this or an earlier release: what is not there sets no condition."""
    return Question(
        brief=str(document["brief"]),
        first_day=date.fromisoformat(str(document["first_day"])),
        last_day=date.fromisoformat(str(document["last_day"])),
        timezone=str(document["timezone"]),
        model=str(document["model"]),
        max_calls=int(str(document["max_calls"])),
        stages=_texts(document["stages"]),
        owners=_texts(document["owners"]),
        amount_min=_number(document["amount_min"]),
        amount_max=_number(document["amount_max"]),
        employees_min=_whole(document["employees_min"]),
        employees_max=_whole(document["employees_max"]),
        directions=_texts(document.get("directions")),
        minutes_min=_whole(document.get("minutes_min")),
        minutes_max=_whole(document.get("minutes_max")),
        title_words=_texts(document.get("title_words")),
        participants=_texts(document.get("participants")),
    )


def _seconds(minutes: int | None) -> int | None:
    return None if minutes is None else 60 * minutes


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


def _whole(value: object) -> int | None:
    return None if value is None else int(str(value))
