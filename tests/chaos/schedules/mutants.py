"""Wrong ways to compute firings, each of which people have shipped: the oracle has to tell them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from analysis.domain.schedule_times import Cadence, Timing, next_firing
from chaos.schedules import Case, Fire

_DAY = timedelta(days=1)

Instant = Callable[[date, time, ZoneInfo], datetime]


def _by_days(instant: Instant) -> Fire:
    def fire(timing: Timing, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        day = after.astimezone(zone).date() - _DAY
        while True:
            if timing.falls_on(day) and (found := instant(day, timing.at, zone)) > after:
                yield found
            day += _DAY

    return fire


def _second_of_two(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).replace(fold=1).astimezone(UTC)


def _moved_by_the_gap(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


def _by_24_hours(timing: Timing, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    found = next_firing(timing, zone, after)
    while True:
        yield found
        found += _DAY


def _gap_left_out(timing: Timing, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    for found in _by_days(_moved_by_the_gap)(timing, zone, after):
        if found.astimezone(zone).time() == timing.at:
            yield found


def _both_of_two(timing: Timing, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    for found in _by_days(_moved_by_the_gap)(timing, zone, after):
        yield found
        again = found + timedelta(hours=1)
        if again.astimezone(zone).time() == timing.at:
            yield again


def _by_utc(timing: Timing, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    del zone
    return _by_days(_moved_by_the_gap)(timing, ZoneInfo("UTC"), after)


MUTANTS: Mapping[str, Fire] = {
    "the second of two": _by_days(_second_of_two),
    "moved by the gap": _by_days(_moved_by_the_gap),
    "24 hours later": _by_24_hours,
    "left out in a gap": _gap_left_out,
    "both of two": _both_of_two,
    "by UTC": _by_utc,
}

# Both changes of a year, at a time of day that is in either.
CASE = Case(
    "Europe/Berlin",
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    [Timing(Cadence.DAILY, time(2, 30))],
)
