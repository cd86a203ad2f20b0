"""Firings beside the oracle, for a few zones; `make prove P=schedules` has the many."""

from __future__ import annotations

from datetime import UTC, datetime, time
from random import Random
from zoneinfo import ZoneInfo

import pytest

from analysis.domain.schedule_times import Cadence, Timing, firings_after
from chaos.schedules import Case, compare, draw, total, walk
from chaos.schedules.mutants import CASE, MUTANTS


def test_firings_are_those_of_the_oracle() -> None:
    found = total(compare(case, firings_after) for case in draw(Random(6), zones=4, years=1, timings=8))
    assert found.problems == ()
    assert found.firings > 1_000


@pytest.mark.parametrize(
    ("zone", "year", "jumps"),
    [
        ("Europe/Berlin", 2026, 2),
        ("Pacific/Apia", 2011, 3),  # summer time twice, and a day left out
        ("Africa/Casablanca", 2026, 2),
        ("Asia/Tehran", 2022, 2),
        ("Australia/Lord_Howe", 2026, 2),
        ("Asia/Kolkata", 2026, 0),
    ],
)
def test_odd_years_of_odd_zones(zone: str, year: int, jumps: int) -> None:
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    clocks = [time(0), time(1, 45), time(2), time(2, 15), time(2, 30), time(3), time(9)]
    found = compare(Case(zone, begin, end, [Timing(Cadence.DAILY, clock) for clock in clocks]), firings_after)
    assert found.problems == ()
    assert found.jumps == jumps


@pytest.mark.parametrize("name", MUTANTS)
def test_the_oracle_tells_what_is_wrong(name: str) -> None:
    assert compare(CASE, MUTANTS[name]).problems
    assert compare(CASE, firings_after).problems == ()


def test_the_walk_sees_each_change_of_clocks() -> None:
    begin, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    before, after = walk(ZoneInfo("Europe/Berlin"), begin, end)
    assert after.minute - before.minute == before.length
    assert after.shown - before.shown == before.length + 60
