"""What a channel is told of a report, taken from its document. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.slack.messages import MOST_THEMES, PostedReport


def posted_report(document: Mapping[str, object], title: str, *, scheduled: bool) -> PostedReport:
    """Title, days, numbers and the names of the largest themes of a stored document; nothing else of it."""
    numbers, question = _mapping(document.get("numbers")), _mapping(document.get("question"))
    themes = document.get("themes")
    rows = [row for row in themes if isinstance(row, Mapping)] if isinstance(themes, list) else []
    first, last = question.get("first_day"), question.get("last_day")
    return PostedReport(
        title=title,
        days=f"{first}" if first == last else f"{first} to {last}",
        analysed=_number(numbers.get("calls_analysed")),
        matching=_number(numbers["calls_matching"]) if numbers.get("calls_matching") is not None else None,
        findings=_number(numbers.get("findings")),
        quotes=_number(numbers.get("quotes_verified")),
        theme_count=len(rows),
        themes=[(str(row.get("label", "")), _number(row.get("calls"))) for row in rows[:MOST_THEMES]],
        scheduled=scheduled,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
