"""When a schedule fires, by an oracle that looks at a zone's clock every minute and knows nothing of how firings are computed.

A time of day comes on a day at the first minute at which the clock shows it, or anything later: that is the end of a gap that swallows it,
and the first of two where it is shown twice. What the days are is read off a calendar, day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from random import Random
from zoneinfo import ZoneInfo, available_timezones

from analysis.domain.schedule_times import Cadence, Timing

Fire = Callable[[Timing, ZoneInfo, datetime], Iterator[datetime]]

_MINUTE, _DAY, _DAY_MINUTES = 60, timedelta(days=1), 1440

# Since 1972 no zone is off by a part of a minute. What comes after the rules of today's tables is computed by them.
EARLIEST, LATEST = 1975, 2035

# Most zones change their clocks between midnight and four.
_NEAR_CHANGES = (time(0), time(0, 30), time(1), time(1, 30), time(2), time(2, 30), time(3), time(3, 1), time(23, 59))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Minutes in which a zone's clock goes on without a jump: from `minute` of UTC on it shows `shown`, both counted from the epoch."""

    minute: int
    shown: int
    length: int


def walk(zone: ZoneInfo, begin: datetime, end: datetime) -> list[Stretch]:
    """The zone's clock, looked at every minute."""
    first, last = int(begin.timestamp()) // _MINUTE, int(end.timestamp()) // _MINUTE
    found: list[Stretch] = []
    since, since_shown, before = first, _shown(first, zone), _shown(first, zone) - 1
    for minute in range(first, last):
        shown = _shown(minute, zone)
        if shown != before + 1:
            found.append(Stretch(since, since_shown, minute - since))
            since, since_shown = minute, shown
        before = shown
    return [*found, Stretch(since, since_shown, last - since)]


def _shown(minute: int, zone: ZoneInfo) -> int:
    clock = datetime.fromtimestamp(minute * _MINUTE, zone)
    return clock.toordinal() * _DAY_MINUTES + clock.hour * 60 + clock.minute


def expected(timing: Timing, stretches: Sequence[Stretch]) -> list[datetime]:
    """All firings within the walk. Two that come at one minute are one."""
    last = stretches[-1]
    end = last.shown + last.length
    found: list[int] = []
    place = 0
    for day in _days(stretches[0].shown // _DAY_MINUTES, end // _DAY_MINUTES):
        if not _is_due(timing, day):
            continue
        target = day.toordinal() * _DAY_MINUTES + timing.at.hour * 60 + timing.at.minute
        while place < len(stretches) and stretches[place].shown + stretches[place].length <= target:
            place += 1
        if place == len(stretches):
            break
        stretch = stretches[place]
        minute = stretch.minute + max(0, target - stretch.shown)
        if minute > stretches[0].minute and (not found or minute != found[-1]):
            found.append(minute)
    return [datetime.fromtimestamp(minute * _MINUTE, UTC) for minute in found]


def _days(first: int, last: int) -> Iterator[date]:
    return (date.fromordinal(number) for number in range(first, last + 1))


def _is_due(timing: Timing, day: date) -> bool:
    match timing.cadence:
        case Cadence.DAILY:
            return True
        case Cadence.MONTHLY:
            assert timing.month_day is not None
            ends = (day + _DAY).day == 1
            return day.day == timing.month_day or (ends and day.day < timing.month_day)
        case _:
            return day.weekday() in timing.weekdays


@dataclass(frozen=True, slots=True)
class Case:
    """A zone, the years to look at, and timings to try."""

    zone: str
    begin: datetime
    end: datetime
    timings: Sequence[Timing]


def draw(rng: Random, zones: int, years: int, timings: int) -> list[Case]:
    """So many zones, each with years of its own and timings of every cadence."""
    names = rng.sample(sorted(available_timezones() - {"localtime"}), zones)
    return [_case(rng, name, years, timings) for name in names]


def _case(rng: Random, zone: str, years: int, timings: int) -> Case:
    begin = datetime(
        rng.randint(EARLIEST, LATEST), rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23), tzinfo=UTC
    )
    return Case(zone, begin, begin + timedelta(days=round(365.25 * years)), [_timing(rng, n) for n in range(timings)])


def _timing(rng: Random, number: int) -> Timing:
    cadence = list(Cadence)[number % len(Cadence)]
    clock = rng.choice(_NEAR_CHANGES) if rng.random() < 0.6 else time(rng.randint(0, 23), rng.randint(0, 59))
    if cadence is Cadence.MONTHLY:
        return Timing(cadence, clock, (), rng.choice([1, 15, 28, 29, 30, 31]))
    days = {Cadence.DAILY: 0, Cadence.WEEKLY: 1, Cadence.WEEKDAYS: rng.randint(1, 6)}[cadence]
    return Timing(cadence, clock, tuple(sorted(rng.sample(range(7), days))))


@dataclass(frozen=True, slots=True)
class Compared:
    """What one case came to: `jumps` are the changes of clocks in its years."""

    firings: int
    jumps: int
    problems: tuple[str, ...]


def compare(case: Case, fire: Fire) -> Compared:
    """The firings of `fire` beside those of the oracle."""
    zone = ZoneInfo(case.zone)
    stretches = walk(zone, case.begin, case.end)
    firings, problems = 0, []
    for timing in case.timings:
        wanted = expected(timing, stretches)
        got = list(takewhile(lambda instant: instant < case.end, fire(timing, zone, case.begin)))
        firings += len(wanted)
        if got != wanted:
            problems.append(f"{case.zone}, {_told(timing)}: {_first_difference(got, wanted)}")
    return Compared(firings, len(stretches) - 1, tuple(problems))


def _told(timing: Timing) -> str:
    days = timing.month_day or ",".join(map(str, timing.weekdays)) or "every day"
    return f"{timing.cadence} {days} {timing.at:%H:%M}"


def _first_difference(got: Sequence[datetime], wanted: Sequence[datetime]) -> str:
    for one, other in zip(got, wanted, strict=False):
        if one != other:
            return f"fires at {one.isoformat()} and not at {other.isoformat()}"
    return f"fires {len(got):,} times and not {len(wanted):,}"


def total(found: Iterable[Compared]) -> Compared:
    """All of them together."""
    cases = list(found)
    problems = tuple(problem for one in cases for problem in one.problems)
    return Compared(sum(one.firings for one in cases), sum(one.jumps for one in cases), problems)
