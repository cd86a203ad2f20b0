"""How numbers, times and durations are written on pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo


def moment(value: datetime, zone: tzinfo = UTC) -> str:
    """`14 Mar 2026, 09:05 UTC`, or as it is in `zone`: `14 Mar 2026, 10:05 CET`. Raises ValueError for a time without a zone."""
    there = _in(value, zone)
    name = there.tzname() or ""
    # Many zones have no abbreviation but their distance from UTC.
    return f"{there:%-d %b %Y, %H:%M} {f'UTC{name}' if name[:1] in {'+', '-'} else name}"


def day(value: datetime, zone: tzinfo = UTC) -> str:
    """`14 Mar 2026`, the day in `zone`."""
    return f"{_in(value, zone):%-d %b %Y}"


def iso(value: datetime) -> str:
    """`2026-03-14T09:05:00Z`, for a time element's datetime."""
    return f"{_in(value, UTC):%Y-%m-%dT%H:%M:%SZ}"


def number(value: float) -> str:
    """`12,345` or `12,345.5`."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def clock(seconds: float) -> str:
    """A place in a call: `4:05`, or `1:04:05` from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """A length: `45 s`, `12 min`, `1 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def percent(part: float, whole: float) -> float:
    """`part` of `whole` in percent, 0 to 100; 0 where there is no whole."""
    return max(0.0, min(100.0, 100 * part / whole)) if whole > 0 else 0.0


def plural(count: int, one: str, many: str = "") -> str:
    """`1 call`, `12 calls`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def plain(value: str) -> str:
    """A JSON value as people write it: a text without its quotes, anything else, and what is no JSON, as it is."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, str) else value


def _in(value: datetime, zone: tzinfo) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time on a page needs a zone")
    return value.astimezone(zone)


FILTERS: Mapping[str, Callable[..., object]] = {
    "moment": moment,
    "day": day,
    "iso": iso,
    "number": number,
    "clock": clock,
    "duration": duration,
    "percent": percent,
    "plural": plural,
    "plain": plain,
}
