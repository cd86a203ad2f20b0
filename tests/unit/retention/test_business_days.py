"""Seven business days: against an oracle that shares nothing with what it checks, over 50 years and 20 zones."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from retention.domain.business_days import end_of_business_day
from retention.federal import is_federal_holiday

FIRST, YEARS = 2026, 50
ZONES = (
    "UTC", "America/New_York", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu", "America/St_Johns", "America/Santiago",
    "America/Havana", "America/Asuncion", "Europe/London", "Europe/Berlin", "Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "Asia/Kolkata",
    "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Kiritimati",
)  # fmt: skip


def _ordinal(year: int, month: int, day: int) -> int:
    """Days since 1 January of the year 1, by the Julian day formula of Fliegel and Van Flandern (CACM 11, 1968)."""
    a = (month - 14) // 12 if month >= 14 else -((14 - month) // 12)
    julian = (
        1461 * (year + 4800 + a) // 4
        + 367 * (month - 2 - 12 * a) // 12
        - 3 * ((year + 4900 + a) // 100) // 4
        + day
        - 32075
    )
    return julian - 1721425


def _nth(year: int, month: int, weekday: int, number: int) -> int:
    """The `number`-th of a weekday (0: Monday) in a month; the last one for -1."""
    if number > 0:
        first = _ordinal(year, month, 1)
        return first + (weekday - (first - 1)) % 7 + 7 * (number - 1)
    last = _ordinal(year + month // 12, month % 12 + 1, 1) - 1
    return last - ((last - 1) - weekday) % 7


def _observed(year: int, month: int, day: int) -> int:
    """On a Saturday: the day before is closed (5 U.S.C. 6103(b)). On a Sunday: the day after (Executive Order 11582)."""
    found = _ordinal(year, month, day)
    return found + {5: -1, 6: 1}.get((found - 1) % 7, 0)


def _closed(year: int) -> set[int]:
    """5 U.S.C. 6103(a), as it stands since 2021."""
    fixed = [(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)]
    moving = [(1, 0, 3), (2, 0, 3), (5, 0, -1), (9, 0, 1), (10, 0, 2), (11, 3, 4)]
    return {_observed(year, *one) for one in fixed} | {_nth(year, *one) for one in moving}


@cache
def _open_days() -> list[int]:
    closed = set[int]().union(*(_closed(year) for year in range(FIRST - 1, FIRST + YEARS + 3)))
    days = range(_ordinal(FIRST - 1, 12, 1), _ordinal(FIRST + YEARS + 1, 3, 1))
    return [day for day in days if (day - 1) % 7 < 5 and day not in closed]


def _first_second(zone: ZoneInfo, ordinal: int) -> int:
    """The first second at which it is the `ordinal`-th day or a later one in `zone`, found by halving."""
    middle = (ordinal - _ordinal(1970, 1, 1)) * 86_400
    low, high = middle - 15 * 3600, middle + 15 * 3600
    while high - low > 1:
        between = (low + high) // 2
        here = datetime.fromtimestamp(between, zone)
        low, high = (low, between) if _ordinal(here.year, here.month, here.day) >= ordinal else (between, high)
    return high


@pytest.mark.parametrize("name", ZONES)
def test_deadlines_are_those_of_the_oracle(name: str) -> None:
    """At a second that is drawn of every fifth day, another fifth in the next zone: the third or the seventh business day."""
    zone, open_days = ZoneInfo(name), _open_days()
    ends: dict[int, datetime] = {}
    rng = random.Random(name)
    begin, days = datetime(FIRST, 1, 1, tzinfo=UTC), (date(FIRST + YEARS, 1, 1) - date(FIRST, 1, 1)).days
    for number in range(ZONES.index(name) % 5, days, 5):
        moment = begin + timedelta(days=number, seconds=rng.randrange(86_400))
        here = moment.astimezone(zone)
        place = bisect_right(open_days, _ordinal(here.year, here.month, here.day))
        count = 7 if number % 4 else 3
        last = open_days[place + count - 1]
        if last not in ends:
            ends[last] = datetime.fromtimestamp(_first_second(zone, last + 1), UTC)
        assert end_of_business_day(moment, count, zone, is_federal_holiday) == ends[last], moment


@pytest.mark.parametrize(
    ("moment", "zone", "end"),
    [
        # Thanksgiving on Thursday the 26th does not count.
        ("2026-11-20T18:00:00Z", "America/New_York", "2026-12-03T05:00:00Z"),
        # The same moment is Saturday already.
        ("2026-11-20T18:00:00Z", "Pacific/Auckland", "2026-12-02T11:00:00Z"),
        # Independence Day 2026 is a Saturday: Friday the 3rd is closed.
        ("2026-06-30T12:00:00Z", "UTC", "2026-07-11T00:00:00Z"),
        # New Year's Day 2028 is a Saturday: the last day of 2027 is closed.
        ("2027-12-23T12:00:00Z", "UTC", "2028-01-06T00:00:00Z"),
        # Clocks go from midnight to one in Cairo at the end of the seventh day.
        ("2026-04-14T12:00:00Z", "Africa/Cairo", "2026-04-23T22:00:00Z"),
    ],
)
def test_known_deadlines(moment: str, zone: str, end: str) -> None:
    found = end_of_business_day(datetime.fromisoformat(moment), 7, ZoneInfo(zone), is_federal_holiday)
    assert found == datetime.fromisoformat(end)
