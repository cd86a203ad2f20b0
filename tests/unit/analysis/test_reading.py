"""How a report is laid out: everything can be reached, and a page stays a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.http.reading import MOST_THEMES, of_calls, of_theme, part_of, shown_themes, timeline


def theme(label: str, first: int, findings: int) -> dict[str, object]:
    return {"label": label, "calls": findings, "findings": [{"id": f"f{n}"} for n in range(first, first + findings)]}


def test_only_the_largest_themes_are_shown_in_full() -> None:
    document = {"summary": [], "themes": [theme(f"Theme {n}", n, 1) for n in range(100)]}
    shown = shown_themes(document, [7] * 100)
    assert [one.number for one in shown] == list(range(1, MOST_THEMES + 1))
    assert {(len(one.findings), one.total) for one in shown} == {(1, 7)}


@given(st.integers(0, 230), st.integers(-3, 9))
def test_a_page_says_where_it_stands(rows: int, page: int) -> None:
    asked = part_of([], rows, page, 50)
    assert 1 <= asked.page <= asked.pages
    assert (asked.pages - 1) * 50 < max(rows, 1) <= asked.pages * 50
    assert asked.total == rows


@pytest.mark.parametrize("number", [-(10**30), -1, 0, 1, 7, 10**30])
def test_any_number_in_an_address_is_one_that_postgresql_knows(number: int) -> None:
    wanted = (of_theme(max(number, 1), number), of_calls(number))
    assert all(1 <= one.theme_page <= 2**31 - 1 and 1 <= one.calls_page <= 2**31 - 1 for one in wanted)
    assert wanted[0].theme <= 2**31 - 1


def test_the_picture_says_what_the_periods_say() -> None:
    rows = [
        {"start": "2026-11-02", "calls": 4, "themes": {"Price": 2}},
        {"start": "2026-11-09", "calls": 0, "themes": {}},
        {"start": "2026-11-16", "calls": 8, "themes": {"Price": 8, "Timing": 1}},
    ]
    drawn = timeline(
        {"periods": {"unit": "week", "rows": rows}, "themes": [theme("Price", 1, 10), theme("Timing", 11, 1)]}
    )
    assert drawn is not None
    assert drawn.names == ("2 Nov", "9 Nov", "16 Nov")
    assert drawn.numbers == (("All calls", (4, 0, 8)), ("Price", (2, 0, 8)), ("Timing", (0, 0, 1)))
    price = drawn.lines[1]
    assert [(column.height, column.part) for column in price.columns] == [(20.0, 10.0), (0.0, 0.0), (40.0, 40.0)]
    assert price.columns[0].says == "2 Nov: 2 of 4 calls"
    assert all(column.x >= 0 and column.x + column.width <= 100 for line in drawn.lines for column in line.columns)


def test_there_is_no_picture_of_one_period_or_none() -> None:
    one = {"periods": {"unit": "day", "rows": [{"start": "2026-11-02", "calls": 4, "themes": {}}]}, "themes": []}
    assert timeline(one) is None
    assert timeline({"periods": {"unit": "month", "rows": []}}) is None
    assert timeline({}) is None
