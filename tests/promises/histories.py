"""Made-up histories of the register: companies are listed, some too hastily, and services start on all kinds of days and are asked to send.

What may be sent is judged by a rule of its own, from the day on which an entry first stood in the file: nothing within 30 days of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from core.clock import SystemClock
from egress import Destination, NotInRegister, Register

PROMISED_DAYS = 30
_BEGINS = date(2027, 1, 1)
_DAYS = 400


@dataclass(frozen=True, slots=True)
class Found:
    """What histories came to. `early` are admissions before the day; `late` are refusals when nothing stood in the way any more."""

    histories: int
    listed: int
    hasty: int
    hasty_refused: int
    starts: int
    early: int
    late: int


class _On(SystemClock):
    """The machine's clock, on another day and at any time of it."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment


def simulate(seed: int, count: int) -> Found:
    """Play `count` histories; the choices all come from `seed`."""
    rng = Random(seed)
    totals = [0] * 6
    for _ in range(count):
        totals = [one + more for one, more in zip(totals, _history(rng), strict=True)]
    return Found(count, *totals)


def _history(rng: Random) -> tuple[int, int, int, int, int, int]:
    entries: list[dict[str, object]] = []
    first: dict[str, date] = {}
    hasty = hasty_refused = early = late = starts = 0
    day = _BEGINS
    while (day := day + timedelta(days=rng.randrange(1, 25))) < _BEGINS + timedelta(days=_DAYS):
        if rng.random() < 0.4:
            wait, name = rng.choice([30, 30, 31, 45, 60, 0, 1, 29]), f"company-{len(entries)}-{hasty}"
            register = _read([*entries, _entry(name, day, wait)])
            hasty += wait < PROMISED_DAYS
            hasty_refused += register is None
            if register is not None:
                entries, first = [*entries, _entry(name, day, wait)], {**first, name: day}
        register = _read(entries)
        for name in rng.sample(sorted(first), min(len(first), 3)):
            starts += 1
            admitted = register is not None and _starts(register, name, day, rng)
            early += admitted and day < first[name] + timedelta(days=PROMISED_DAYS)
            late += not admitted and day >= first[name] + timedelta(days=60)
    return len(first), hasty, hasty_refused, starts, early, late


def _entry(name: str, day: date, wait: int) -> dict[str, object]:
    return {
        "name": name,
        "company": name,
        "kind": "sub-processor",
        "purpose": "something",
        "data": ["briefs"],
        "hosts": [f"api.{name}.example"],
        "listed_on": day,
        "in_effect_from": day + timedelta(days=wait),
    }


def _read(entries: list[dict[str, object]]) -> Register | None:
    """The register with `entries`, as a build would read it; None where it is refused."""
    try:
        return Register.of({"data_classes": {"briefs": "questions"}, "recipients": entries})
    except ValueError:
        return None


def _starts(register: Register, name: str, day: date, rng: Random) -> bool:
    """Whether the guard of a service that starts on `day` lets it send there: the same judgement as `Egress` asks for at its start."""
    moment = datetime(day.year, day.month, day.day, rng.randrange(24), rng.randrange(60), tzinfo=UTC)
    place = Destination(name=name, base_url=f"https://api.{name}.example")
    try:
        register.admit(place, _On(moment).now().date())
    except NotInRegister:
        return False
    return True
