"""What is read out of a typed search, what is marked, and how a place in the hits is written down."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.domain.search import FindingFilter, Place, Query
from core.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("price", "('price':*)"),
        ("  too   high ", "('too':*) & ('high':*)"),
        ('"too high" plan', "('too high') & ('plan':*)"),
        ("price -discount", "('price':*) & (!'discount')"),
        ('price -"too high"', "('price':*) & (!'too high')"),
        ("price OR budget now", "('price':* | 'budget':*) & ('now':*)"),
        ("e-mail", "('e mail':*)"),
        ("price/quality", "('price quality':*)"),
        ("कीमत", "('कीमत':*)"),
        ("ｐｒｉｃｅ", "('price':*)"),  # noqa: RUF001
        ("it", "('it')"),
        ("価格", "('価 格')"),
        ("O'Brien\\x", "('O Brien x')"),
        ('"open end', "('open end')"),
        ("OR price OR", "('price':*)"),
        ("a:*B & (c | !d)", "('a B') & ('c') & ('d')"),
    ],
)
def test_a_search_is_read(typed: str, read: str) -> None:
    assert Query.parse(typed).for_postgres == read


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_search_or_told(typed: str) -> None:
    try:
        read = Query.parse(typed).for_postgres
    except InvalidInput:
        return
    inside = "".join(read.split("'")[1::2])
    assert not set(inside) & set("\\&|!():*<>")
    assert set("".join(read.split("'")[::2])) <= set(":*!|&() ")


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("price", "Our PRICES and the price.", ["PRICES", "price"]),
        ("price", "reprice", []),
        ('"too high"', "Too, high. And too highly", ["Too, high"]),
        ("価格", "この価格は高い価、格", ["価格", "価、格"]),
        ("price -plan", "price plan", ["price"]),
        ("it", "it item", ["it"]),
        ("कीमत", "कीमतें और कीमत", ["कीमतें", "कीमत"]),
        ("e-mail", "e-mails, email", ["e-mails"]),
        ("price", "", []),
    ],
)
def test_what_was_searched_for_is_marked(typed: str, text: str, marked: list[str]) -> None:
    query = Query.parse(typed)
    assert [text[start:end] for start, end in query.places(text)] == marked
    assert "".join(piece.text for piece in query.marked(text)) == text


@given(st.text(max_size=30), st.text(max_size=80))
def test_marking_changes_no_character(typed: str, text: str) -> None:
    try:
        query = Query.parse(typed)
    except InvalidInput:
        return
    assert "".join(piece.text for piece in query.marked(text)) == text


def test_a_place_is_written_and_read() -> None:
    place = Place(datetime(2026, 3, 1, 9, 5, 7, 123456, timezone(timedelta(hours=2))), uuid.UUID(int=7), 12)
    assert Place.parse(place.cursor()) == place
    assert Place.parse("") > place


@pytest.mark.parametrize("days", [(None, None), (date(1, 1, 1), date(9999, 12, 31))])
def test_days_at_the_ends_of_the_calendar_filter_by_nothing(days: tuple[date | None, date | None]) -> None:
    chosen = FindingFilter(first_day=days[0], last_day=days[1])
    zone = ZoneInfo("Pacific/Kiritimati")
    assert (chosen.since(zone), chosen.until(zone)) == (None, None)


def test_days_are_the_zone_s_own_and_inclusive() -> None:
    chosen = FindingFilter(first_day=date(2026, 3, 29), last_day=date(2026, 3, 29))
    zone = ZoneInfo("Europe/Berlin")
    since, until = chosen.since(zone), chosen.until(zone)
    assert since is not None
    assert until is not None
    # A day with a change to summer time has 23 hours.
    assert until.astimezone(UTC) - since.astimezone(UTC) == timedelta(hours=23)
