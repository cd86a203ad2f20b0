"""When a schedule fires: wall-clock times of a zone, right through its changes of clocks.

A time that a day does not have, because the clocks are put forward over it, is the first instant after the gap. A time that a day has
twice, because they are put back, is the first of the two. A day that a zone leaves out altogether gives way to the first instant after it.
"""

from __future__ import annotations

import enum
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

from core.errors import InvalidInput

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

# The days of one firing lie at most a month apart, and a gap moves one by less than two days.
_BACK = timedelta(days=3)
# A date near the calendar's end has no next one; nobody plans that far.
_LAST_YEAR = 9990


class Cadence(enum.StrEnum):
    """On which days a schedule fires."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Timing(Struct, frozen=True):
    """Wall-clock `at` on the days of the cadence. `weekdays` count from Monday, 0; `month_day` beyond a month's end is its last day."""

    cadence: Cadence
    at: time
    weekdays: tuple[int, ...] = ()
    month_day: int | None = None

    def falls_on(self, day: date) -> bool:
        """Whether there is a firing on that day of the zone's calendar."""
        if self.cadence is Cadence.MONTHLY:
            wanted = self.month_day or 1
            return day.day == min(wanted, monthrange(day.year, day.month)[1])
        return self.cadence is Cadence.DAILY or day.weekday() in self.weekdays

    @property
    def is_shortened(self) -> bool:
        """Whether some months do not have its day."""
        return self.cadence is Cadence.MONTHLY and (self.month_day or 1) > 28


class Missed(Struct, frozen=True):
    """Firings that nobody was there for and that are not made up for: how many, the first and the last."""

    count: int
    first: datetime
    last: datetime


class Due(Struct, frozen=True):
    """What a tick finds: the firing that takes place, those that were missed before it, and when the next one is."""

    planned_at: datetime
    missed: Missed | None
    next_at: datetime


def check_timing(timing: Timing) -> None:
    """Raise InvalidInput, naming what is wrong, for a timing that never fires or says two things."""
    if timing.at.second or timing.at.microsecond or timing.at.tzinfo is not None:
        raise InvalidInput("a schedule fires at a full minute")
    if any(not 0 <= day < len(WEEKDAYS) for day in timing.weekdays):
        raise InvalidInput(f"a weekday is one of {', '.join(WEEKDAYS)}")
    if timing.cadence is Cadence.WEEKDAYS and not timing.weekdays:
        raise InvalidInput("choose at least one weekday")
    if timing.cadence is Cadence.WEEKLY and len(timing.weekdays) != 1:
        raise InvalidInput("a weekly schedule has one weekday; for several, choose weekdays")
    if timing.cadence is Cadence.MONTHLY and not 1 <= (timing.month_day or 0) <= 31:
        raise InvalidInput("a monthly schedule has a day of the month, from 1 to 31")


def timing_of(cadence: Cadence, at: time, weekdays: Iterable[int], month_day: int | None) -> Timing:
    """The timing without what its cadence has no use for. Raises InvalidInput where something is missing or impossible."""
    by_week = cadence in {Cadence.WEEKDAYS, Cadence.WEEKLY}
    timing = Timing(
        cadence=cadence,
        at=at,
        weekdays=tuple(sorted(set(weekdays))) if by_week else (),
        month_day=month_day if cadence is Cadence.MONTHLY else None,
    )
    check_timing(timing)
    return timing


def weekday_of(text: str) -> int:
    """`mon` as 0, and so on; case does not matter. Raises InvalidInput."""
    day = text.strip().lower()
    if day not in WEEKDAYS:
        raise InvalidInput(f"a weekday is one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(day)


def time_of(text: str) -> time:
    """`09:30` as a time of day. Raises InvalidInput for anything else, and for times that no clock shows."""
    hours, colon, minutes = text.strip().partition(":")
    digits = hours.isascii() and hours.isdigit() and minutes.isascii() and minutes.isdigit()
    if not colon or not digits or len(hours) > 2 or len(minutes) != 2 or int(hours) > 23 or int(minutes) > 59:
        raise InvalidInput("a time is written as 09:30, from 00:00 to 23:59")
    return time(int(hours), int(minutes))


def check_zone(name: str) -> None:
    """Raise InvalidInput unless `name` is an IANA timezone that this machine knows."""
    if name not in available_timezones():
        raise InvalidInput("this is not a timezone: write one as Europe/Berlin, or leave it empty for the workspace's")


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When the zone's clocks show `at` on `day`, in UTC: the first time, or the first instant after a gap that swallows it."""
    shown = datetime.combine(day, at)
    first = shown.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == shown:
        return first
    return _end_of_gap(shown.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two at which the zone's clocks are put forward; whole seconds, as zones have them."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def firings_after(timing: Timing, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """All firings later than `after`, in order, in UTC. Two that fall onto one instant, as at the end of a left-out day, are one."""
    last = after
    day = (after - _BACK).astimezone(zone).date()
    while day.year < _LAST_YEAR:
        if timing.falls_on(day):
            instant = instant_of(day, timing.at, zone)
            if instant > last:
                last = instant
                yield instant
        day += _DAY


def next_firing(timing: Timing, zone: ZoneInfo, after: datetime) -> datetime:
    """The first firing later than `after`, in UTC."""
    return next(firings_after(timing, zone, after))


def firing_before(timing: Timing, zone: ZoneInfo, before: datetime) -> datetime:
    """The last firing earlier than `before`, in UTC."""
    day = (before + _BACK).astimezone(zone).date()
    while True:
        if timing.falls_on(day) and (instant := instant_of(day, timing.at, zone)) < before:
            return instant
        day -= _DAY


def due_at(timing: Timing, zone: ZoneInfo, planned_at: datetime, now: datetime) -> Due:
    """What is due at `now` where `planned_at` is the first firing that has not taken place.

    Only the newest firing takes place, however many were missed: nobody wants a burst of old reports.
    """
    count, first, last, newest = 0, planned_at, planned_at, planned_at
    for instant in firings_after(timing, zone, planned_at):
        if instant > now:
            return Due(newest, Missed(count, first, last) if count else None, instant)
        count, last, newest = count + 1, newest, instant
    raise InvalidInput("the schedule has no next firing")
