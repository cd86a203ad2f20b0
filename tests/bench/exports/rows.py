"""The rows: each format at two sizes."""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Mapping

import docx
from unit.analysis.documents import document

from analysis.exporting.__main__ import made
from analysis.exporting.formats import Format
from analysis.exporting.outline import outline_of
from analysis.exporting.press import ProcessPress
from bench.exports import memory
from bench.harness import Contestant, Row, paired

_BOUND_SECONDS = 1.0
_BOUND_CALLS = 100

# The largest plan's month, which one run may ask of.
_MOST_CALLS = 5_000


async def run(quick: bool) -> list[Row]:
    """A row for each format and size, one for python-docx by itself, and what each maker holds at most."""
    rows = []
    for calls in (_BOUND_CALLS, 1_000):
        report = document(calls)
        rounds = (5 if quick else 15) if calls == _BOUND_CALLS else (1 if quick else 3)
        rows += [await _row(report, kind, calls, rounds) for kind in Format]
    largest = document(_MOST_CALLS)
    rows += [await memory.row(largest, kind, _MOST_CALLS) for kind in Format]
    return [*rows, await _plain_row(document(_BOUND_CALLS), 3 if quick else 9)]


async def _row(report: Mapping[str, object], kind: Format, calls: int, rounds: int) -> Row:
    cpu: list[float] = []
    sizes: set[int] = set()

    async def ours() -> float:
        before, began = _of_children(), time.perf_counter()
        file = await ProcessPress().make(report, kind)
        spent = time.perf_counter() - began
        cpu.append(_of_children() - before)
        sizes.add(len(file))
        return spent

    times = await paired(rounds, {"ours": ours, "alternative": _in_this_process(report, kind)})
    return {
        "row": f"{kind.label}, {calls:,} calls",
        "unit": "s",
        "ours": round(times["ours"], 3),
        "alternative": round(times["alternative"], 3),
        "bound": _BOUND_SECONDS if calls == _BOUND_CALLS else None,
        "cpu": round(sorted(cpu)[len(cpu) // 2], 3),
        "kilobytes": round(max(sizes) / 1024),
    }


def _in_this_process(report: Mapping[str, object], kind: Format) -> Contestant:
    async def alternative() -> float:
        began = time.perf_counter()
        made(report, kind, None)
        return time.perf_counter() - began

    return alternative


def _of_children() -> float:
    """Processor time of processes that this one has waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


async def _plain_row(report: Mapping[str, object], rounds: int) -> Row:
    async def plain() -> float:
        began = time.perf_counter()
        _by_the_library_alone(report)
        return time.perf_counter() - began

    times = await paired(rounds, {"ours": _in_this_process(report, Format.DOCX), "alternative": plain})
    return {
        "row": f"python-docx alone, {_BOUND_CALLS} calls",
        "unit": "s",
        "ours": round(times["ours"], 3),
        "alternative": round(times["alternative"], 3),
    }


def _by_the_library_alone(report: Mapping[str, object]) -> bytes:
    """The texts and tables of the report as its documentation shows it, without links, bars and styles of cells."""
    outline, written = outline_of(report), docx.Document()
    written.add_heading(outline.title, 0)
    for shown in (*outline.figures, *outline.tables, outline.calls):
        written.add_heading(shown.title, 1)
        table = written.add_table(rows=1, cols=len(shown.columns))
        for cell, column in zip(table.rows[0].cells, shown.columns, strict=True):
            cell.text = column.name
        for line in shown.rows:
            for cell, value in zip(table.add_row().cells, line, strict=True):
                cell.text = f"{value.text}\n{value.small}"
    for theme in outline.themes:
        written.add_heading(theme.label, 2)
        for finding in theme.findings:
            written.add_heading(finding.claim, 3)
            for quote in finding.quotes:
                written.add_paragraph(quote.text, style="Quote")
                written.add_paragraph(f"{quote.speaker} · {quote.at}", style="Caption")
    file = io.BytesIO()
    written.save(file)
    return file.getvalue()
