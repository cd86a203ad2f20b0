"""Schedules in the words of the pages."""

from __future__ import annotations

from analysis.domain.schedule import SkipReason
from analysis.domain.schedule_ranges import Range
from analysis.domain.schedule_times import Cadence, Timing

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORKING = (0, 1, 2, 3, 4)

RANGES = {
    Range.LAST_7_DAYS: "the last 7 days",
    Range.LAST_30_DAYS: "the last 30 days",
    Range.LAST_90_DAYS: "the last 90 days",
    Range.PREVIOUS_WEEK: "the previous week",
    Range.PREVIOUS_MONTH: "the previous month",
    Range.SINCE_LAST_FIRING: "the days since the last firing",
}

SKIPPED = {
    SkipReason.NO_QUOTA: "no quota: all analysed calls were used up",
    SkipReason.TOO_FEW_LEFT: "no quota: fewer analysed calls were left than the run may use",
    SkipReason.MODEL_NOT_IN_PLAN: "the plan did not include its model",
    SkipReason.STILL_UNDER_WAY: "the run before it was still under way",
    SkipReason.GONG_NOT_CONNECTED: "Gong was not connected",
    SkipReason.NOT_ASKABLE: "its question could not be asked; look at it and save it again",
}


def cadence_words(timing: Timing) -> str:
    """`Every Monday at 09:00`; without the zone, which stands beside it."""
    return f"{_days(timing)} at {timing.at:%H:%M}"


def _days(timing: Timing) -> str:
    if timing.cadence is Cadence.DAILY:
        return "Every day"
    if timing.cadence is Cadence.MONTHLY:
        return f"Every month on the {ordinal(timing.month_day or 1)}"
    if timing.weekdays == _WORKING:
        return "Monday to Friday"
    names = [DAY_NAMES[day] for day in timing.weekdays]
    return "Every " + (names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}")


def ordinal(number: int) -> str:
    """`1st`, `22nd`, `31st`."""
    ending = "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def calendar_note(timing: Timing) -> str:
    """What to know of a day that some months do not have; empty where all have it."""
    if not timing.is_shortened:
        return ""
    day = ordinal(timing.month_day or 1)
    return f"In a month without a {day} it fires on the last day of the month."


def range_words(chosen: Range) -> str:
    """`the last 7 days`."""
    return RANGES[chosen]
