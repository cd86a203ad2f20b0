"""What a page shows of a report, worked out from the whole document: an oracle for what PostgreSQL takes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.domain.document import Wanted

Row = Mapping[str, Any]


def part(document: Row, wanted: Wanted) -> dict[str, Any]:
    """The document with the findings and calls that are wanted."""
    themes = [
        {**theme, "findings": _findings(document, theme, number, wanted)}
        for number, theme in enumerate(document["themes"], start=1)
    ]
    return {**document, "themes": themes, "calls": _page(document["calls"], wanted.calls_page, wanted.calls_size)}


def first_findings(document: Row, theme: Row, most: int) -> list[Row]:
    """Those that the summary cites, and the first others up to `most`."""
    cited = {name for item in document["summary"] for name in item["finding_ids"]}
    first = [item for item in theme["findings"] if item["id"] in cited]
    others = [item for item in theme["findings"] if item["id"] not in cited]
    return [*first, *others][: max(most, len(first))]


def _findings(document: Row, theme: Row, number: int, wanted: Wanted) -> Sequence[Row]:
    if number == wanted.theme:
        return _page(theme["findings"], wanted.theme_page, wanted.theme_size)
    return first_findings(document, theme, wanted.first_findings) if number <= wanted.first_themes else []


def _page(rows: Sequence[Row], page: int, size: int) -> Sequence[Row]:
    if not rows or not size:
        return []
    page = min(page, -(-len(rows) // size))
    return rows[(page - 1) * size : page * size]
