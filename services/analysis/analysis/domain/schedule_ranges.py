"""The days that a firing asks about: whole days of the schedule's zone, up to and including the day before the firing.

The firing's own day is not over and is left out, so that no call is asked about in two firings of a schedule whose range is as long as its
cadence, and none is passed over.
"""

from __future__ import annotations

import enum
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from analysis.domain.request import LONGEST_RANGE_DAYS
from analysis.domain.schedule_times import Timing, firing_before

_DAY = timedelta(days=1)


class Range(enum.StrEnum):
    """A range of days that is counted back from the firing."""

    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_90_DAYS = "last_90_days"
    PREVIOUS_WEEK = "previous_week"
    PREVIOUS_MONTH = "previous_month"
    SINCE_LAST_FIRING = "since_last_firing"


_DAYS = {Range.LAST_7_DAYS: 7, Range.LAST_30_DAYS: 30, Range.LAST_90_DAYS: 90}


def days_of(chosen: Range, timing: Timing, zone: ZoneInfo, at: datetime, last: datetime | None) -> tuple[date, date]:
    """First and last day of the range for a firing planned `at`, both inclusive. A week is Monday to Sunday.

    `last`: when the last firing that was carried out was planned; None where there was none: the range then begins where the firing before
    `at` would have been.
    """
    today = at.astimezone(zone).date()
    if chosen in _DAYS:
        return today - _DAYS[chosen] * _DAY, today - _DAY
    if chosen is Range.PREVIOUS_WEEK:
        monday = today - today.weekday() * _DAY
        return monday - 7 * _DAY, monday - _DAY
    if chosen is Range.PREVIOUS_MONTH:
        end = today.replace(day=1) - _DAY
        return end.replace(day=1), end
    since = (last or firing_before(timing, zone, at)).astimezone(zone).date()
    # After a change of the time or the zone two firings may fall onto one day: the second asks about the day before, too.
    until = today - _DAY
    return max(min(since, until), until - (LONGEST_RANGE_DAYS - 1) * _DAY), until
