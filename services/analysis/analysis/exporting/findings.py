"""The findings of a report as CSV: one line a quote, for spreadsheets (RFC 4180; UTF-8 with a mark at its beginning, which Excel needs).

A spreadsheet takes a cell that begins with `=` and some other characters for a formula. Such a cell gets an apostrophe in front, which
spreadsheets read as "this is text". The JSON holds every text as it is.
"""

from __future__ import annotations

import csv
import io

from analysis.exporting import words
from analysis.exporting.values import Fields, count, rows, text

COLUMNS = (
    "report_id",
    "theme",
    "theme_calls",
    "finding_id",
    "claim",
    "sentiment",
    "call_id",
    "call_title",
    "account",
    "rep",
    "segment",
    "verdict",
    "quote",
    "speaker",
    "affiliation",
    "sentence_id",
    "start_ms",
    "at",
)

# OWASP's list of what begins a formula, and the full-width forms that Excel takes for them.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_MARK = "\ufeff"


def csv_of(document: Fields) -> bytes:
    """The quotes of a published document, in its order; a finding without a quote has one line without."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    calls = {text(call, "call_id"): call for call in rows(document, "calls")}
    for theme in rows(document, "themes"):
        for finding in rows(theme, "findings"):
            call = calls.get(text(finding, "call_id"), {})
            for quote in rows(finding, "quotes") or [{}]:
                line = _line(text(document, "report_id"), theme, finding, call, quote)
                writer.writerow([_cell(line[column]) for column in COLUMNS])
    return (_MARK + file.getvalue()).encode("utf-8", "replace")


def _line(report_id: str, theme: Fields, finding: Fields, call: Fields, quote: Fields) -> dict[str, str | int]:
    said = bool(quote)
    return {
        "report_id": report_id,
        "theme": text(theme, "label"),
        "theme_calls": count(theme, "calls"),
        "finding_id": text(finding, "id"),
        "claim": text(finding, "claim"),
        "sentiment": text(finding, "sentiment"),
        "call_id": text(finding, "call_id"),
        "call_title": text(finding, "call_title"),
        "account": text(finding, "account"),
        "rep": text(finding, "rep"),
        "segment": text(call, "segment"),
        "verdict": text(call, "verdict"),
        "quote": text(quote, "text"),
        "speaker": text(quote, "speaker"),
        "affiliation": text(quote, "affiliation"),
        "sentence_id": text(quote, "sentence_id"),
        "start_ms": count(quote, "start_ms") if said else "",
        "at": words.clock(count(quote, "start_ms")) if said else "",
    }


def _cell(value: str | int) -> str | int:
    """Safe in a spreadsheet. Spaces, and what is not seen, do not hide what follows them from a spreadsheet."""
    if isinstance(value, int):
        return value
    shown = value.replace("\x00", "")
    seen = words.printable(shown).lstrip(" \u00a0\u200b\ufeff")
    return f"'{shown}" if shown.startswith(_FORMULA) or seen.startswith(_FORMULA) else shown
