"""How a report's document is laid out for reading: what is shown at once, page by page, and as a picture. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from analysis.domain.document import Wanted
from analysis.domain.request import Question, from_document
from analysis.domain.search import Hit, SaidQuote

Document = Mapping[str, object]
Row = Mapping[str, object]

# What one page shows of a report on thousands of calls; the rest is a click away.
MOST_THEMES: Final = 30
MOST_FINDINGS: Final = 25
MOST_CALLS: Final = 100
FINDINGS_A_PAGE: Final = 50

# Of numbers in an address: PostgreSQL's integers end, and no list is that long.
_LARGEST: Final = 1_000_000

# A report's first page.
OPENED: Final = Wanted(first_themes=MOST_THEMES, first_findings=MOST_FINDINGS, calls_size=MOST_CALLS)

MOST_THEMES_DRAWN: Final = 6
_HEIGHT: Final = 40
_LEAST_HEIGHT: Final = 2.0
# Of a column's place, in percent; the rest is the gap to the next one.
_FILLED: Final = 76


class ShownTheme(Struct, frozen=True):
    """A theme on the report's page: its place from 1 on, the findings shown, those the summary cites first, and how many there are."""

    number: int
    theme: Row
    findings: Sequence[Row]
    total: int


class Column(Struct, frozen=True):
    """One period of one line of the picture: its place and width in percent, heights in pixels, and what it says."""

    x: float
    width: float
    height: float
    part: float
    says: str


class Line(Struct, frozen=True):
    """One line of the picture: all calls, or one theme of them. `number` is the theme's, 0 for all calls."""

    name: str
    number: int
    calls: int
    columns: tuple[Column, ...]


class Timeline(Struct, frozen=True):
    """Calls over time: the unit, the periods' names, a line for all calls and one for each of the largest themes, and the numbers."""

    unit: str
    names: tuple[str, ...]
    lines: tuple[Line, ...]
    numbers: tuple[tuple[str, tuple[int, ...]], ...]
    height: int = _HEIGHT


class Part(Struct, frozen=True):
    """One page of a longer list. `page` counts from 1."""

    rows: Sequence[Row]
    page: int
    pages: int
    total: int


def rows_of(document: Document, name: str) -> Sequence[Row]:
    """The rows of one of the document's lists."""
    rows = document.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def question_of(document: Document) -> Question:
    """What was asked, and of which calls."""
    return from_document(_map(document.get("question")))


def of_theme(number: int, page: int) -> Wanted:
    """A page of all findings of one theme."""
    return Wanted(theme=min(number, _LARGEST), theme_page=_page(page), theme_size=FINDINGS_A_PAGE)


def of_calls(page: int) -> Wanted:
    """A page of all calls."""
    return Wanted(calls_page=_page(page), calls_size=MOST_CALLS)


def shown_themes(document: Document, findings: Sequence[int]) -> tuple[ShownTheme, ...]:
    """The largest themes with the findings that the document, a part of the whole, has of them; `findings` each has in all."""
    themes = rows_of(document, "themes")[:MOST_THEMES]
    return tuple(
        ShownTheme(number, theme, rows_of(theme, "findings"), total)
        for number, (theme, total) in enumerate(zip(themes, findings, strict=False), start=1)
    )


def part_of(rows: Sequence[Row], total: int, page: int, size: int) -> Part:
    """One page of `total` rows; a number that is none of the pages is the nearest one, as it was when its `rows` were read."""
    pages = max(1, -(-total // size))
    return Part(rows, min(_page(page), pages), pages, total)


def _page(number: int) -> int:
    return min(max(number, 1), _LARGEST)


def timeline(document: Document) -> Timeline | None:
    """Calls over time and the part of them in which each of the largest themes comes up; None where there are no two periods."""
    told = document.get("periods")
    periods = rows_of(told, "rows") if isinstance(told, Mapping) else []
    if len(periods) < 2 or not isinstance(told, Mapping):
        return None
    unit = str(told.get("unit"))
    names = tuple(_name(unit, str(row.get("start"))) for row in periods)
    totals = tuple(_whole(row.get("calls")) for row in periods)
    lines, numbers = [_line("All calls", 0, totals, totals, names)], [("All calls", totals)]
    for number, theme in enumerate(rows_of(document, "themes")[:MOST_THEMES_DRAWN], start=1):
        label = str(theme.get("label"))
        counts = tuple(_whole(_map(row.get("themes")).get(label)) for row in periods)
        lines.append(_line(label, number, counts, totals, names))
        numbers.append((label, counts))
    return Timeline(unit, names, tuple(lines), tuple(numbers))


def _line(name: str, number: int, counts: Sequence[int], totals: Sequence[int], names: Sequence[str]) -> Line:
    place, largest = 100 / len(totals), max(1, *totals)
    columns = tuple(
        Column(
            x=round(at * place + place * (100 - _FILLED) / 200, 3),
            width=round(place * _FILLED / 100, 3),
            height=_tall(total, largest),
            part=_tall(count, largest),
            says=f"{names[at]}: {count} of {total} calls" if number else f"{names[at]}: {total} calls",
        )
        for at, (count, total) in enumerate(zip(counts, totals, strict=True))
    )
    return Line(name, number, sum(counts), columns)


def _tall(count: int, largest: int) -> float:
    """A column's height; one call among thousands can still be seen."""
    return round(max(_LEAST_HEIGHT, _HEIGHT * count / largest), 1) if count else 0.0


def _name(unit: str, start: str) -> str:
    try:
        day = date.fromisoformat(start)
    except ValueError:
        return start
    return f"{day:%b %Y}" if unit == "month" else f"{day:%-d %b}"


def _texts(value: object) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _map(value: object) -> Row:
    return value if isinstance(value, Mapping) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def report_href(hit: Hit) -> str:
    """Where a finding stands in its report."""
    page = (hit.place_in_theme - 1) // FINDINGS_A_PAGE + 1
    return f"/reports/{hit.report_id}?theme={hit.theme_number}&page={page}#{segment(hit.finding_id)}"


def quote_href(hit: Hit, said: SaidQuote) -> str:
    """Where a quote stands in the transcript of its call."""
    return f"/reports/{hit.report_id}/calls/{segment(hit.call_id)}#{segment(said.sentence_id)}"


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")
