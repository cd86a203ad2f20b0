"""What may be asked, and how days become instants."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.domain.request import MOST_CALLS, Question, as_document, check, from_document
from core.errors import InvalidInput

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD = Question("Why do we lose?", date(2026, 10, 25), date(2026, 11, 23), "UTC", "openai/small", 50)


@pytest.mark.parametrize(
    "changes",
    [
        {"brief": ""},
        {"brief": " \n "},
        {"brief": "x" * 10_001},
        {"first_day": date(2026, 11, 24)},
        {"last_day": date(2026, 11, 24)},
        {"first_day": date(2020, 1, 1)},
        {"max_calls": 0},
        {"max_calls": MOST_CALLS + 1},
        {"amount_min": 2.0, "amount_max": 1.0},
        {"amount_min": -1.0},
        {"amount_max": float("nan")},
        {"amount_max": float("inf")},
        {"employees_min": 2, "employees_max": 1},
        {"stages": ("x",) * 51},
        {"owners": ("x" * 201,)},
        {"employees_max": 2**31},
        {"minutes_min": 2, "minutes_max": 1},
        {"minutes_min": -1},
        {"minutes_max": 24 * 60 + 1},
        {"directions": ("sideways",)},
        {"title_words": ("renewal", "!!")},
        {"title_words": ("x",) * 51},
        {"participants": ("x" * 201,)},
    ],
)
def test_what_cannot_be_asked(changes: dict[str, object]) -> None:
    check(GOOD, NOW)
    with pytest.raises(InvalidInput):
        check(replace(GOOD, **changes), NOW)


def test_today_is_the_workspaces_today() -> None:
    tokyo = replace(GOOD, timezone="Asia/Tokyo", last_day=date(2026, 11, 24))
    check(tokyo, datetime(2026, 11, 23, 16, tzinfo=UTC))
    with pytest.raises(InvalidInput):
        check(tokyo, datetime(2026, 11, 23, 14, tzinfo=UTC))


def test_a_day_lasts_23_hours_where_the_clocks_go_forward() -> None:
    spring = replace(GOOD, timezone="Europe/Berlin", first_day=date(2026, 3, 29), last_day=date(2026, 3, 29))
    assert spring.filter.until - spring.filter.since == timedelta(hours=23)


def test_an_unknown_timezone_is_utc() -> None:
    for name in ("Nowhere/Land", "", "../etc"):
        assert replace(GOOD, timezone=name).filter.since == datetime(2026, 10, 25, tzinfo=UTC)


@given(
    st.text(min_size=1, max_size=300),
    st.lists(st.text(min_size=1, max_size=9), max_size=3),
    st.none() | st.floats(0, 1e9),
)
def test_a_question_survives_the_database(brief: str, stages: list[str], amount: float | None) -> None:
    question = replace(GOOD, brief=brief, stages=tuple(stages), amount_min=amount, employees_max=9)
    question = replace(
        question, directions=("inbound",), minutes_max=30, title_words=tuple(stages), participants=("x",)
    )
    assert from_document(json.loads(json.dumps(as_document(question)))) == question


def test_a_question_of_an_earlier_release_sets_none_of_the_later_conditions() -> None:
    later = ("directions", "minutes_min", "minutes_max", "title_words", "participants")
    document = {name: value for name, value in as_document(GOOD).items() if name not in later}
    assert len(document) == 12
    assert from_document(document) == GOOD


def test_minutes_become_seconds() -> None:
    found = replace(GOOD, minutes_min=0, minutes_max=30).filter
    assert (found.seconds_min, found.seconds_max) == (0, 1800)
    assert (GOOD.filter.seconds_min, GOOD.filter.seconds_max) == (None, None)


def test_the_title_is_one_short_line() -> None:
    assert replace(GOOD, brief="\n First line \nSecond").title == "First line"
    assert len(replace(GOOD, brief="x" * 500).title) == 90
