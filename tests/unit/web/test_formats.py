"""How pages write numbers, times and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from web import formats


def test_times_are_shown_in_utc() -> None:
    moment = datetime(2026, 3, 14, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    assert formats.moment(moment) == "13 Mar 2026, 23:05 UTC"
    assert formats.day(moment) == "13 Mar 2026"
    assert formats.iso(moment) == "2026-03-13T23:05:00Z"


def test_times_are_shown_in_a_zone_with_its_name_or_its_distance() -> None:
    moment = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert formats.moment(moment, berlin) == "29 Mar 2026, 01:59 CET"
    assert formats.moment(moment + timedelta(minutes=1), berlin) == "29 Mar 2026, 03:00 CEST"
    assert formats.moment(moment, ZoneInfo("America/Sao_Paulo")) == "28 Mar 2026, 21:59 UTC-03"
    assert formats.day(moment, ZoneInfo("America/Sao_Paulo")) == "28 Mar 2026"


def test_a_time_without_a_zone_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="zone"):
        formats.moment(datetime(2026, 3, 14, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize(
    ("seconds", "place", "length"),
    [(0, "0:00", "0 s"), (45.4, "0:45", "45 s"), (245, "4:05", "4 min"), (3845, "1:04:05", "1 h 04 min")],
)
def test_places_and_lengths(seconds: float, place: str, length: str) -> None:
    assert (formats.clock(seconds), formats.duration(seconds)) == (place, length)


def test_numbers_and_counts() -> None:
    assert (formats.number(1234567), formats.number(1234.5), formats.number(3.0)) == ("1,234,567", "1,234.5", "3")
    assert (formats.plural(1, "call"), formats.plural(1200, "call")) == ("1 call", "1,200 calls")
    assert formats.plural(2, "entry", "entries") == "2 entries"


def test_a_share_stays_between_nothing_and_all() -> None:
    assert [formats.percent(*pair) for pair in ((1, 4), (9, 4), (-1, 4), (1, 0))] == [25, 100, 0, 0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('"member"', "member"),
        ('"Zoë"', "Zoë"),
        ("12", "12"),
        ("true", "true"),
        ("plain words", "plain words"),
        ("", ""),
    ],
)
def test_json_values_lose_their_quotes(value: str, shown: str) -> None:
    assert formats.plain(value) == shown
