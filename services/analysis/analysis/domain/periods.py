"""How a report's calls and themes lie in time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from analysis.domain.report import Digest

# The longest range of days told day by day, and week by week: at most 16 days, 19 weeks, or
# 37 months, since three years can be asked about.
MOST_DAYS: Final = 16
MOST_WEEKS_DAYS: Final = 126


class Period(Struct, frozen=True):
    """A day, a week from Monday on, or a month: its first day, and what falls into it. `themes`: calls by label, none that has none."""

    start: date
    calls: int
    findings: int
    themes: Mapping[str, int]


class Periods(Struct, frozen=True):
    """The whole range that was asked about, the periods without a call included. `unit` is day, week or month."""

    unit: str
    rows: tuple[Period, ...]


def periods(totals: Digest, first_day: date, last_day: date, zone: ZoneInfo) -> Periods:
    """Sort the calls into periods by their day in `zone`.

    A call counts where it began; one outside the range (Gong chooses by the time that was scheduled) in the period nearest to it.
    """
    unit = _unit((last_day - first_day).days + 1)
    start_of: dict[str, date] = {}
    calls, findings = Counter[date](), Counter[date]()
    for call in totals.calls:
        day = _day(call.started_at, zone, first_day)
        start = start_of[call.call_id] = _start(unit, min(max(day, first_day), last_day))
        calls[start] += 1
        findings[start] += len(call.findings)
    themes: dict[date, Counter[str]] = defaultdict(Counter)
    for theme in totals.themes:
        for call_id in dict.fromkeys(item.call_id for item in theme.findings):
            themes[start_of[call_id]][theme.label] += 1
    rows = (
        Period(start, calls[start], findings[start], dict(themes.get(start, {})))
        for start in _starts(unit, first_day, last_day)
    )
    return Periods(unit, tuple(rows))


def _unit(days: int) -> str:
    if days <= MOST_DAYS:
        return "day"
    return "week" if days <= MOST_WEEKS_DAYS else "month"


def _day(moment: datetime | None, zone: ZoneInfo, otherwise: date) -> date:
    return moment.astimezone(zone).date() if moment else otherwise


def _start(unit: str, day: date) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _starts(unit: str, first_day: date, last_day: date) -> Sequence[date]:
    starts, at = [], _start(unit, first_day)
    while at <= last_day:
        starts.append(at)
        # From the first of a month 31 days lead into the next one.
        at = _start(unit, at + timedelta(days={"day": 1, "week": 7, "month": 31}[unit]))
    return starts
