"""How a report is laid out: everything can be reached, and a page stays a page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analysis.http.reading import MOST_FINDINGS, MOST_THEMES, part_of, shown_themes, timeline


def theme(label: str, first: int, findings: int) -> dict[str, object]:
    return {"label": label, "calls": findings, "findings": [{"id": f"f{n}"} for n in range(first, first + findings)]}


def test_findings_that_the_summary_cites_are_shown_first_and_never_hidden() -> None:
    cited = [f"f{n}" for n in range(100, 140)]
    document = {
        "summary": [{"sentence": "…", "finding_ids": cited[:20]}, {"sentence": "…", "finding_ids": cited[20:]}],
        "themes": [theme("Price", 1, 200), theme("Timing", 201, 3)],
    }
    price, timing = shown_themes(document)
    assert [item["id"] for item in price.findings] == cited
    assert (price.hidden, len(timing.findings), timing.hidden) == (160, 3, 0)
    document["summary"] = [{"sentence": "…", "finding_ids": ["f150"]}]
    price, _ = shown_themes(document)
    assert [item["id"] for item in price.findings][:3] == ["f150", "f1", "f2"]
    assert len(price.findings) == MOST_FINDINGS


def test_only_the_largest_themes_are_shown_in_full() -> None:
    document = {"summary": [], "themes": [theme(f"Theme {n}", n, 1) for n in range(100)]}
    assert [shown.number for shown in shown_themes(document)] == list(range(1, MOST_THEMES + 1))


@given(st.integers(0, 230), st.integers(-3, 9))
def test_pages_hold_every_row_once(rows: int, page: int) -> None:
    listed = [{"id": n} for n in range(rows)]
    asked = part_of(listed, page, 50)
    assert 1 <= asked.page <= asked.pages
    assert [row for n in range(asked.pages) for row in part_of(listed, n + 1, 50).rows] == listed
    assert asked.total == rows


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
