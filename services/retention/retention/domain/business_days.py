"""Business days in a workspace's zone. Pure: which days are holidays is told from outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

IsHoliday = Callable[[date], bool]

_DAY = timedelta(days=1)
_SATURDAY = 5


def is_business_day(day: date, is_holiday: IsHoliday) -> bool:
    """Whether `day` is Monday to Friday and no holiday."""
    return day.weekday() < _SATURDAY and not is_holiday(day)


def business_day_after(day: date, count: int, is_holiday: IsHoliday) -> date:
    """The `count`-th business day after `day`, which itself does not count, whatever day it is."""
    while count > 0:
        day += _DAY
        count -= is_business_day(day, is_holiday)
    return day


def end_of_business_day(moment: datetime, count: int, zone: ZoneInfo, is_holiday: IsHoliday) -> datetime:
    """The end, in UTC, of the `count`-th business day after the day that it is in `zone` at `moment`.

    A day ends where the next one begins; where clocks are put forward at midnight, that is with the first time that there is.
    """
    last = business_day_after(moment.astimezone(zone).date(), count, is_holiday)
    return _beginning(last + _DAY, zone)


def _beginning(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day, in UTC.

    Where clocks are put forward over midnight, its time counted by the clock before is the moment of the change; where they are put back
    to it, the first of the two midnights counts.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)
