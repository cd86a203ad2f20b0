"""A report as it is printed: the parts that PDF and DOCX have in common, in order, with all numbers and times written out.

Made from a stored document of any version (see `analysis.domain.document`); what a document does not have is left out. Every text is
printable: see `words.printable`. Of a long report a part is printed: see `printed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analysis.domain.request import zone_of
from analysis.exporting import method, printed, words
from analysis.exporting.tables import (
    Mood,
    Table,
    breakdowns,
    calls_table,
    measures_of,
    mood_of,
    periods_table,
    verdicts_table,
)
from analysis.exporting.values import Fields, amount, count, fields, rows, text, texts

# On the title page; the whole brief stands under "What was asked".
LONGEST_ASKED = 420

# Themes in the chart, as on the page; the sections after it have them all.
MOST_BARS = 12


@dataclass(frozen=True, slots=True)
class Stat:
    """A headline figure."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the summary and the findings that it cites."""

    text: str
    ids: Sequence[str]
    rtl: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart; `part` is its length, 0 to 1."""

    label: str
    shown: str
    part: float


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody said. `at` is the place in the call."""

    text: str
    speaker: str
    side: str
    at: str
    rtl: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim about one call with its quotes."""

    id: str
    claim: str
    sentiment: str
    about: str
    quotes: Sequence[Quote]
    rtl: bool


@dataclass(frozen=True, slots=True)
class Theme:
    """Findings that belong together; `rest` tells of those that are not printed."""

    label: str
    line: str
    mood: Mood
    findings: Sequence[Finding]
    rest: str


@dataclass(frozen=True, slots=True)
class Outline:
    """The whole; `created` is ISO 8601. `figures` are tables of two columns, which fit side by side."""

    title: str
    eyebrow: str
    created: str
    asked: str
    brief: Sequence[str]
    stats: Sequence[Stat]
    notices: Sequence[str]
    summary: Sequence[Sentence]
    summary_note: str
    theme_bars: Sequence[Bar]
    theme_caption: str
    mood: Mood
    mood_caption: str
    figures: Sequence[Table]
    tables: Sequence[Table]
    themes: Sequence[Theme]
    calls: Table
    calls_rest: str
    failed: Sequence[tuple[str, str]]
    failed_rest: str
    facts: Sequence[tuple[str, str]]
    method: Sequence[tuple[str, str]]


def outline_of(document: Fields) -> Outline:
    """What is printed of a published document: one with its id and date."""
    question, numbers = fields(document, "question"), fields(document, "numbers")
    themes = [_theme(theme, some, count(numbers, "calls_analysed")) for theme, some in printed.chosen(document)]
    calls, failed = rows(document, "calls"), rows(document, "failed_calls")
    created = datetime.fromisoformat(text(document, "created_at")).astimezone(zone_of(text(question, "timezone")))
    return Outline(
        title=words.line(text(document, "headline")) or "Report",
        eyebrow=f"Report of {words.day(created)}",
        created=created.isoformat(),
        asked=_short(text(question, "brief")),
        brief=words.paragraphs(text(question, "brief")),
        stats=_stats(numbers),
        notices=_notices(document, numbers),
        summary=[_sentence(item) for item in rows(document, "summary")],
        summary_note=_summary_note(document, numbers),
        theme_bars=_theme_bars(rows(document, "themes")),
        theme_caption=f"Calls in which each theme comes up, of {words.number(count(numbers, 'calls_analysed'))}",
        mood=_total(themes),
        mood_caption=f"How the {words.plural(count(numbers, 'findings'), 'finding')} speak of what was asked",
        figures=_filled(measures_of(document), verdicts_table(document)),
        tables=_filled(*breakdowns(document), periods_table(document)),
        themes=themes,
        calls=calls_table(calls[: printed.MOST_CALLS]),
        calls_rest=printed.rest(len(calls), printed.MOST_CALLS, "call"),
        failed=[(_name(call), words.line(text(call, "reason"))) for call in failed[: printed.MOST_CALLS]],
        failed_rest=printed.rest(len(failed), printed.MOST_CALLS, "call"),
        facts=method.facts(document, words.minute(created)),
        method=method.notes(document),
    )


def _short(brief: str) -> str:
    whole = words.line(brief)
    return whole if len(whole) <= LONGEST_ASKED else f"{whole[: LONGEST_ASKED - 1].rstrip()}…"


def _stats(numbers: Fields) -> list[Stat]:
    dropped = count(numbers, "quotes_dropped")
    return [
        Stat(
            "Calls analysed",
            words.number(count(numbers, "calls_analysed")),
            f"of {words.plural(count(numbers, 'calls_matching'), 'call')} that matched",
        ),
        Stat("Themes", words.number(count(numbers, "themes")), "ranked by calls"),
        Stat("Findings", words.number(count(numbers, "findings")), "each with its source"),
        Stat(
            "Quotes verified",
            words.number(count(numbers, "quotes")),
            f"word for word, {words.number(dropped)} dropped" if dropped else "word for word, none dropped",
        ),
    ]


def _notices(document: Fields, numbers: Fields) -> list[str]:
    told = []
    left_out = fields(document, "left_out")
    if document.get("partial"):
        calls = words.plural(count(left_out, "calls"), "call")
        reason = words.line(text(left_out, "reason"))
        told.append(f"This is a partial report: {calls} left out{f' ({reason})' if reason else ''}.")
    if failed := count(numbers, "calls_failed"):
        told.append(f"{words.plural(failed, 'call')} could not be analysed; the numbers are about the others.")
    return told


def _summary_note(document: Fields, numbers: Fields) -> str:
    if not rows(document, "summary"):
        return "None of the calls says anything about the brief."
    if text(document, "summary_written_by") == "counts":
        return "The model could not write this summary, so it only states the counts."
    if removed := count(numbers, "sentences_removed"):
        return f"{words.plural(removed, 'sentence')} that cited no finding {'was' if removed == 1 else 'were'} removed."
    return ""


def _sentence(item: Fields) -> Sentence:
    sentence = words.line(text(item, "sentence"))
    return Sentence(sentence, texts(item, "finding_ids"), words.runs_left(sentence))


def _theme_bars(themes: Sequence[Fields]) -> list[Bar]:
    largest = max((count(theme, "calls") for theme in themes), default=0)
    return [
        Bar(
            words.line(text(theme, "label")), _calls_and_share(theme), count(theme, "calls") / largest if largest else 0
        )
        for theme in themes[:MOST_BARS]
    ]


def _calls_and_share(theme: Fields) -> str:
    share = amount(theme, "share")
    calls = words.number(count(theme, "calls"))
    return calls if share is None else f"{calls} ({words.percent(share)})"


def _total(themes: Sequence[Theme]) -> Mood:
    return Mood(
        sum(theme.mood.positive for theme in themes),
        sum(theme.mood.mixed for theme in themes),
        sum(theme.mood.neutral for theme in themes),
        sum(theme.mood.negative for theme in themes),
    )


def _filled(*tables: Table) -> list[Table]:
    return [table for table in tables if table.rows]


def _theme(theme: Fields, some: Sequence[Fields], calls_analysed: int) -> Theme:
    total = len(rows(theme, "findings"))
    share = amount(theme, "share")
    calls = f"In {words.number(count(theme, 'calls'))} of {words.plural(calls_analysed, 'call')}"
    part = "" if share is None else f" ({words.percent(share)})"
    line = f"{calls}{part}, {words.plural(total, 'finding')}"
    return Theme(
        label=words.line(text(theme, "label")),
        line=line,
        mood=mood_of(fields(theme, "sentiment")),
        findings=[_finding(item) for item in some],
        rest=printed.rest(total, len(some), "finding"),
    )


def _finding(item: Fields) -> Finding:
    claim = words.line(text(item, "claim"))
    rep, account = words.line(text(item, "rep")), words.line(text(item, "account"))
    about = [words.line(text(item, "call_title")) or text(item, "call_id"), account, f"Rep {rep}" if rep else ""]
    return Finding(
        id=words.line(text(item, "id")),
        claim=claim,
        sentiment=words.line(text(item, "sentiment")),
        about=" · ".join(part for part in about if part),
        quotes=[_quote(quote) for quote in rows(item, "quotes")],
        rtl=words.runs_left(claim),
    )


_SIDES = {"internal": "our side", "external": "customer"}


def _quote(quote: Fields) -> Quote:
    said = words.line(text(quote, "text"))
    return Quote(
        text=said,
        speaker=words.line(text(quote, "speaker")) or "Unknown speaker",
        side=_SIDES.get(text(quote, "affiliation"), ""),
        at=words.clock(count(quote, "start_ms")),
        rtl=words.runs_left(said),
    )


def _name(call: Fields) -> str:
    return words.line(text(call, "title")) or text(call, "call_id")
