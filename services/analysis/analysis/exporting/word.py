"""A report as DOCX: real headings, real tables whose first line is repeated, links from the summary to the findings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import docx
from docx.document import Document
from docx.oxml.ns import qn

from analysis.exporting import word_styles, words
from analysis.exporting.outline import Finding, Outline, Theme
from analysis.exporting.tables import Cell, Mood, Table
from analysis.exporting.word_bars import ACCENT, Bars
from analysis.exporting.word_xml import Element, Span, field, page_break, paragraph, table

SOFT = "5A626B"

# Of the text, between the margins of an A4 page.
_WIDE_MM = 166
_TWENTIETHS_A_MM = 56.7

_ID = re.compile(r"[A-Za-z]\w{0,30}", re.ASCII)

# Of every entry of the archive, so that the same report gives the same bytes; the earliest that a ZIP can tell.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def docx_of(outline: Outline) -> bytes:
    """The report as a DOCX: the same bytes for the same report."""
    document = docx.Document()
    word_styles.set_up(document)
    _tell_about(document, outline)
    writer = _Writer(document, outline)
    writer.write()
    file = BytesIO()
    document.save(file)
    return _timeless(file)


def _tell_about(document: Document, outline: Outline) -> None:
    told, created = document.core_properties, datetime.fromisoformat(outline.created).astimezone(UTC)
    # As long as the format lets them be.
    told.title, told.subject = outline.title[:255], outline.eyebrow
    told.author = told.last_modified_by = "Callmine"
    told.comments = told.keywords = told.category = ""
    told.language = "en"
    told.created = told.modified = created.replace(tzinfo=None)
    told.revision = 1


def _timeless(file: BytesIO) -> bytes:
    """The same archive with no times in it."""
    made = BytesIO()
    with ZipFile(file) as old, ZipFile(made, "w") as new:
        for name in old.namelist():
            entry = ZipInfo(name, _NO_TIME)
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o600 << 16
            new.writestr(entry, old.read(name))
    return made.getvalue()


class _Writer:
    """Writes one document from its beginning to its end."""

    def __init__(self, document: Document, outline: Outline) -> None:
        self._outline = outline
        self._bars = Bars(document)
        self._body = document.element.body
        self._last = self._body.find(qn("w:sectPr"))
        self._marks: dict[str, int] = {}
        for theme in outline.themes:
            for finding in theme.findings:
                if _ID.fullmatch(finding.id):
                    self._marks.setdefault(finding.id, len(self._marks) + 1)
        word_styles.footer(
            document, [Span(f"Callmine · {outline.eyebrow} · "), field("PAGE"), Span(" / "), field("NUMPAGES")]
        )

    def write(self) -> None:
        """All parts in order."""
        self._title_page()
        self._summary()
        self._charts()
        for each in (*self._outline.figures, *self._outline.tables):
            self._table(each)
        self._themes()
        if self._outline.calls.rows:
            self._table(self._outline.calls)
            self._rest(self._outline.calls_rest)
        self._failed()
        self._method()

    def _add(self, *elements: Element) -> None:
        for each in elements:
            self._last.addprevious(each)

    def _say(self, style: str, *content: Span | Element, rtl: bool = False) -> None:
        self._add(paragraph(style, content, rtl=rtl))

    def _head(self, text: str, level: int = 1) -> None:
        self._say(f"Heading{level}", Span(text), rtl=words.runs_left(text))

    def _title_page(self) -> None:
        outline = self._outline
        self._say("Subtitle", Span("Callmine", bold=True, color=ACCENT))
        self._say("Title", Span(outline.title), rtl=words.runs_left(outline.title))
        self._say("Subtitle", Span(outline.eyebrow))
        self._say("Caption", Span("Asked"))
        self._say("Normal", Span(outline.asked), rtl=words.runs_left(outline.asked))
        columns = [
            [
                paragraph("CellText", [Span(stat.label, color=SOFT)]),
                paragraph("Figure", [Span(stat.value)]),
                paragraph("CellText", [Span(stat.note, color=SOFT)]),
            ]
            for stat in outline.stats
        ]
        self._add(table("CallmineFigures", _widths([1] * len(columns)), [columns], header=False))
        self._say("Normal")
        for notice in outline.notices:
            self._say("Normal", Span(notice, bold=True))
        self._add(page_break())

    def _summary(self) -> None:
        self._head("Executive summary")
        for item in self._outline.summary:
            refs = [Span(f" {each}", color=ACCENT, half_points=15, anchor=self._anchor(each)) for each in item.ids]
            self._say("ListNumber", Span(item.text), *refs, rtl=item.rtl)
        if self._outline.summary_note:
            self._say("Caption", Span(self._outline.summary_note))

    def _anchor(self, finding_id: str) -> str:
        return finding_id if finding_id in self._marks else ""

    def _charts(self) -> None:
        outline = self._outline
        if not outline.theme_bars:
            return
        self._head("Themes at a glance")
        self._say("Caption", Span(outline.theme_caption))
        lines = [
            [
                [paragraph("CellText", [Span(bar.label)])],
                [paragraph("CellText", [self._bars.bar(72 * bar.part, ACCENT, bar.shown)])],
                [paragraph("CellText", [Span(bar.shown, bold=True)], right=True)],
            ]
            for bar in outline.theme_bars
        ]
        self._add(table("CallmineFigures", _widths([3.2, 4.6, 1.2]), lines, header=False))
        if len(outline.themes) > len(outline.theme_bars):
            self._say("Caption", Span(f"And {len(outline.themes) - len(outline.theme_bars)} more, below."))
        self._head("Sentiment")
        self._say("Caption", Span(outline.mood_caption))
        self._mood(outline.mood)

    def _mood(self, mood: Mood) -> None:
        if any(value for _, value in mood.parts):
            self._say("CellText", *self._bars.moods(mood, 120))
        self._say("Caption", Span(_mood_words(mood)))

    def _table(self, shown: Table) -> None:
        self._head(shown.title)
        if shown.note:
            self._say("Caption", Span(shown.note))
        widths = _widths([column.width for column in shown.columns])
        head = [
            [paragraph("CellText", [Span(column.name, bold=True, color=ACCENT)], right=column.kind == "number")]
            for column in shown.columns
        ]
        lines = [
            [
                self._cell(cell, column.kind, width / _TWENTIETHS_A_MM)
                for cell, column, width in zip(line, shown.columns, widths, strict=True)
            ]
            for line in shown.rows
        ]
        self._add(table("CallmineTable", widths, [head, *lines], header=True))

    def _cell(self, cell: Cell, kind: str, millimetres: float) -> Sequence[Element]:
        if cell.mood is not None:
            told = paragraph("CellText", [Span(_mood_words(cell.mood), color=SOFT, half_points=14)])
            bar = self._bars.moods(cell.mood, millimetres - 6)
            return [paragraph("CellText", bar), told] if bar else [told]
        shown = [paragraph("CellText", [Span(cell.text)], rtl=words.runs_left(cell.text), right=kind == "number")]
        if cell.small:
            small = Span(cell.small, color=SOFT, half_points=14)
            shown.append(paragraph("CellText", [small], rtl=words.runs_left(cell.small)))
        return shown

    def _themes(self) -> None:
        if self._outline.themes:
            self._add(page_break())
            self._head("Themes and what was said")
        for theme in self._outline.themes:
            self._theme(theme)

    def _theme(self, theme: Theme) -> None:
        self._head(theme.label, 2)
        self._say("Caption", Span(theme.line))
        self._mood(theme.mood)
        for finding in theme.findings:
            self._finding(finding)
        self._rest(theme.rest)

    def _finding(self, finding: Finding) -> None:
        number = self._marks.get(finding.id)
        mark = None if number is None else (number, finding.id)
        self._add(paragraph("Heading3", [Span(finding.claim)], rtl=finding.rtl, mark=mark))
        about = f"{finding.id} · {finding.sentiment} · {finding.about}"
        self._say("Caption", Span(about))
        for quote in finding.quotes:
            self._say("Quote", Span(quote.text), rtl=quote.rtl)
            said_by = ", ".join(part for part in (quote.speaker, quote.side) if part)
            self._say("QuoteSource", Span(f"{said_by} · {quote.at}"), rtl=quote.rtl)

    def _rest(self, told: str) -> None:
        if told:
            self._say("Caption", Span(told))

    def _failed(self) -> None:
        if not self._outline.failed:
            return
        self._head("Calls that could not be analysed")
        for name, reason in self._outline.failed:
            self._say("ListBullet", Span(f"{name}: ", bold=True), Span(reason))
        self._rest(self._outline.failed_rest)
        self._say("Caption", Span("They are not in the numbers and have not been charged."))

    def _method(self) -> None:
        self._head("What was asked")
        for part in self._outline.brief:
            self._say("Normal", Span(part), rtl=words.runs_left(part))
        lines = [
            [[paragraph("CellText", [Span(name, color=SOFT)])], [paragraph("CellText", [Span(value)])]]
            for name, value in self._outline.facts
        ]
        self._add(table("CallmineTable", _widths([1, 4]), lines, header=False))
        self._head("Method and limits")
        for name, told in self._outline.method:
            self._head(name, 3)
            self._say("Normal", Span(told))


def _mood_words(mood: Mood) -> str:
    return ", ".join(f"{value} {name}" for name, value in mood.parts if value) or "no findings"


def _widths(parts: Sequence[float]) -> list[int]:
    """Of columns, in twentieths of a point, for a table as wide as the text."""
    unit = _WIDE_MM * _TWENTIETHS_A_MM / sum(parts)
    return [round(part * unit) for part in parts]


__all__ = ["docx_of"]
