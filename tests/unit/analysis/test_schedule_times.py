"""When schedules fire: small cases by hand. The oracle for whole years is in tests/chaos/prove_schedules.py."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from analysis.domain.schedule_times import (
    Cadence,
    Timing,
    check_zone,
    due_at,
    firing_before,
    firings_after,
    instant_of,
    next_firing,
    time_of,
    timing_of,
    weekday_of,
)
from core.errors import InvalidInput

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NINE = time(9)
DAILY = Timing(Cadence.DAILY, NINE)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(zone: ZoneInfo, *instants: datetime) -> list[str]:
    return [f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}" for instant in instants]


@pytest.mark.parametrize(
    ("zone", "day", "clock", "instant"),
    [
        ("Europe/Berlin", date(2026, 3, 29), time(1, 59), "2026-03-29T00:59"),
        ("Europe/Berlin", date(2026, 3, 29), time(2, 0), "2026-03-29T01:00"),  # a gap: 03:00 is the first moment after
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), "2026-03-29T01:00"),
        ("Europe/Berlin", date(2026, 3, 29), time(3, 0), "2026-03-29T01:00"),
        ("Europe/Berlin", date(2026, 10, 25), time(2, 0), "2026-10-25T00:00"),  # twice: the first
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), "2026-10-25T00:30"),
        ("Europe/Berlin", date(2026, 10, 25), time(3, 0), "2026-10-25T02:00"),
        ("America/New_York", date(2026, 3, 8), time(2, 30), "2026-03-08T07:00"),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 10), "2026-10-03T15:30"),  # half an hour forward
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), "2026-04-04T14:45"),  # half an hour back
        ("Africa/Cairo", date(2026, 4, 24), time(0, 0), "2026-04-23T22:00"),  # the day begins at one
        ("Pacific/Apia", date(2011, 12, 30), time(9, 0), "2011-12-30T10:00"),  # a day that was left out
        ("Asia/Kolkata", date(2026, 6, 1), time(0, 0), "2026-05-31T18:30"),
    ],
)
def test_a_wall_clock_time_is_one_instant(zone: str, day: date, clock: time, instant: str) -> None:
    assert instant_of(day, clock, ZoneInfo(zone)) == at(instant)


def test_a_daily_schedule_keeps_its_time_of_day_over_a_change_of_clocks() -> None:
    found = islice(firings_after(DAILY, BERLIN, at("2026-03-28T00:00")), 3)
    assert shown(BERLIN, *found) == ["2026-03-28 09:00 CET", "2026-03-29 09:00 CEST", "2026-03-30 09:00 CEST"]


def test_a_time_that_is_there_twice_fires_once() -> None:
    nightly = Timing(Cadence.DAILY, time(2, 30))
    found = islice(firings_after(nightly, BERLIN, at("2026-10-24T12:00")), 2)
    assert shown(BERLIN, *found) == ["2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"]
    assert next_firing(nightly, BERLIN, at("2026-10-25T00:30")) == at("2026-10-26T01:30")


def test_two_days_that_end_at_one_instant_fire_once() -> None:
    midnight = Timing(Cadence.DAILY, time(0))
    apia = ZoneInfo("Pacific/Apia")
    found = islice(firings_after(midnight, apia, at("2011-12-29T09:00")), 3)
    assert shown(apia, *found) == ["2011-12-29 00:00 -10", "2011-12-31 00:00 +14", "2012-01-01 00:00 +14"]


def test_weekdays_and_weeks() -> None:
    working = timing_of(Cadence.WEEKDAYS, NINE, [4, 0, 0], None)
    found = islice(firings_after(working, NEW_YORK, at("2026-11-27T15:00")), 3)
    assert shown(NEW_YORK, *found) == ["2026-11-30 09:00 EST", "2026-12-04 09:00 EST", "2026-12-07 09:00 EST"]
    weekly = timing_of(Cadence.WEEKLY, NINE, [6], None)
    assert shown(NEW_YORK, next_firing(weekly, NEW_YORK, at("2026-10-31T00:00"))) == ["2026-11-01 09:00 EST"]


@pytest.mark.parametrize(
    ("day", "dates"),
    [
        (31, ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]),
        (30, ["2028-01-30", "2028-02-29", "2028-03-30", "2028-04-30", "2028-05-30"]),
        (29, ["2028-01-29", "2028-02-29", "2028-03-29", "2028-04-29", "2028-05-29"]),
        (1, ["2028-01-01", "2028-02-01", "2028-03-01", "2028-04-01", "2028-05-01"]),
    ],
)
def test_a_day_that_a_month_does_not_have_is_its_last(day: int, dates: list[str]) -> None:
    monthly = timing_of(Cadence.MONTHLY, NINE, [], day)
    found = islice(firings_after(monthly, BERLIN, at("2027-12-31T12:00")), 5)
    assert [f"{one.astimezone(BERLIN):%Y-%m-%d}" for one in found] == dates
    assert monthly.is_shortened == (day > 28)


def test_the_firing_before_and_the_next_one_meet() -> None:
    moment = at("2026-03-29T01:00")
    nightly = Timing(Cadence.DAILY, time(2, 30))
    assert firing_before(nightly, BERLIN, moment) == at("2026-03-28T01:30")
    assert firing_before(nightly, BERLIN, moment + timedelta(seconds=1)) == moment
    assert next_firing(nightly, BERLIN, moment - timedelta(seconds=1)) == moment
    assert next_firing(nightly, BERLIN, moment) == at("2026-03-30T00:30")


def test_what_is_due_in_time_misses_nothing() -> None:
    planned = at("2026-06-01T07:00")
    due = due_at(DAILY, BERLIN, planned, planned + timedelta(seconds=1))
    assert (due.planned_at, due.missed, due.next_at) == (planned, None, planned + timedelta(days=1))


@pytest.mark.parametrize(("days", "missed"), [(1, 1), (2, 2), (30, 30)])
def test_only_the_newest_of_many_takes_place(days: int, missed: int) -> None:
    planned = at("2026-06-01T07:00")
    due = due_at(DAILY, BERLIN, planned, planned + timedelta(days=days, hours=1))
    assert due.planned_at == planned + timedelta(days=days)
    assert due.missed is not None
    assert (due.missed.count, due.missed.first) == (missed, planned)
    assert due.missed.last == planned + timedelta(days=days - 1)
    assert due.next_at == planned + timedelta(days=days + 1)


@pytest.mark.parametrize(
    "text", ["", "9", "24:00", "9:60", "-1:00", "09:0", "09:000", "9.30", "٠٩:٣٠", "09:30:00", "noon"]
)
def test_an_impossible_time_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"a time is written as 09:30"):
        time_of(text)


def test_a_time_is_read() -> None:
    assert (time_of("00:00"), time_of(" 9:05 "), time_of("23:59")) == (time(0), time(9, 5), time(23, 59))


@pytest.mark.parametrize(
    ("cadence", "weekdays", "month_day", "words"),
    [
        (Cadence.WEEKDAYS, [], None, "at least one weekday"),
        (Cadence.WEEKLY, [], None, "one weekday"),
        (Cadence.WEEKLY, [0, 1], None, "one weekday"),
        (Cadence.WEEKDAYS, [7], None, "a weekday is one of mon"),
        (Cadence.MONTHLY, [], None, "from 1 to 31"),
        (Cadence.MONTHLY, [], 0, "from 1 to 31"),
        (Cadence.MONTHLY, [], 32, "from 1 to 31"),
    ],
)
def test_an_impossible_timing_is_told(cadence: Cadence, weekdays: list[int], month_day: int | None, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        timing_of(cadence, NINE, weekdays, month_day)


def test_what_a_cadence_has_no_use_for_is_left_out() -> None:
    assert timing_of(Cadence.DAILY, NINE, [1], 31) == DAILY
    assert timing_of(Cadence.MONTHLY, NINE, [1], 31) == Timing(Cadence.MONTHLY, NINE, (), 31)


def test_weekdays_and_zones_have_names() -> None:
    assert (weekday_of("Mon"), weekday_of("sun ")) == (0, 6)
    with pytest.raises(InvalidInput):
        weekday_of("monday")
    check_zone("America/Argentina/Buenos_Aires")
    for name in ("Mars/Base", "", "../etc/passwd", "Europe/", "CEST"):
        with pytest.raises(InvalidInput, match="not a timezone"):
            check_zone(name)
