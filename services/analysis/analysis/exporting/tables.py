"""The tables of a printed report: who said how much of what, over time, and the calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.exporting import words
from analysis.exporting.values import Fields, amount, count, fields, rows, text


@dataclass(frozen=True, slots=True)
class Mood:
    """How many findings there are of each sentiment."""

    positive: int
    mixed: int
    neutral: int
    negative: int

    @property
    def parts(self) -> list[tuple[str, int]]:
        """By name, in the order in which they are drawn."""
        return [
            ("positive", self.positive),
            ("mixed", self.mixed),
            ("neutral", self.neutral),
            ("negative", self.negative),
        ]


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` is text, number or mood; `width` is its part of the table's width."""

    name: str
    kind: str
    width: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with what stands below it in smaller letters, or the sentiment of some findings."""

    text: str = ""
    small: str = ""
    mood: Mood | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `note` stands under its title."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def mood_of(sentiment: Fields) -> Mood:
    """The counts of a document's `sentiment`."""
    return Mood(
        count(sentiment, "positive"),
        count(sentiment, "mixed"),
        count(sentiment, "neutral"),
        count(sentiment, "negative"),
    )


_BREAKDOWNS = (
    ("reps", "By rep", "Rep"),
    ("segments", "By segment", "Segment"),
    ("stages", "By deal stage", "Stage"),
    ("outcomes", "By outcome", "Outcome"),
)


def breakdowns(document: Fields) -> list[Table]:
    """Who and what the calls are of. A column that no row has a value for is left out."""
    return [_breakdown(title, name, rows(document, key)) for key, title, name in _BREAKDOWNS]


def _breakdown(title: str, name: str, found: Sequence[Fields]) -> Table:
    shares = any(amount(row, "share") is not None for row in found)
    measured = any(_measures(row) for row in found)
    columns = [
        Column(name, "text", 2.6),
        Column("Calls", "number", 0.8),
        *([Column("Share", "number", 0.9)] if shares else []),
        Column("Findings", "number", 1.1),
        Column("Sentiment of findings", "mood", 4.4),
        *([Column("Conversation", "text", 3.4)] if measured else []),
    ]
    lines = []
    for row in found:
        share = amount(row, "share")
        lines.append(
            [
                Cell(words.line(text(row, "name")) or "Not known"),
                Cell(words.number(count(row, "calls"))),
                *([Cell("" if share is None else words.percent(share))] if shares else []),
                Cell(words.number(count(row, "findings"))),
                Cell(mood=mood_of(fields(row, "sentiment"))),
                *([Cell(_measures(row))] if measured else []),
            ]
        )
    return Table(title, columns, lines)


_MEASURES = (
    ("talk_share", "Talk share of the rep"),
    ("longest_monologue_ms", "Longest monologue"),
    ("questions", "Questions asked"),
    ("interactivity", "Interactivity"),
)
_SHORT = {
    "talk_share": "talk share {}",
    "longest_monologue_ms": "longest monologue {}",
    "questions": "{} questions",
    "interactivity": "interactivity {}",
}


def measures_of(document: Fields) -> Table:
    """How the conversations went, counted without a model."""
    found = _shown(fields(document, "measures"))
    lines = [[Cell(label), Cell(found[key])] for key, label in _MEASURES if key in found]
    columns = [Column("Measure", "text", 3), Column("All calls", "number", 1)]
    return Table("Conversations", columns, lines, "Counted from the transcripts, without a model")


def _shown(measures: Fields) -> dict[str, str]:
    """The measures that are known, written out."""
    found = {}
    for key, _ in _MEASURES:
        value = amount(measures, key)
        if value is not None:
            found[key] = _written(key, value)
    return found


def _written(key: str, value: float) -> str:
    if key == "talk_share":
        return words.percent(value)
    return words.clock(value) if key == "longest_monologue_ms" else words.number(round(value, 1))


def _measures(row: Fields) -> str:
    """A row's measures in one line; version 1 has the talk share alone."""
    shown = _shown({**row, **fields(row, "measures")})
    told = ", ".join(_SHORT[key].format(value) for key, value in shown.items())
    return told[:1].upper() + told[1:]


_VERDICTS = ("yes", "partly", "no", "unclear")


def verdicts_table(document: Fields) -> Table:
    """What the calls say to the brief as a whole."""
    verdicts = fields(document, "verdicts")
    known = [name for name in _VERDICTS if name in verdicts] + [name for name in verdicts if name not in _VERDICTS]
    lines = [[Cell(words.line(name).capitalize()), Cell(words.number(count(verdicts, name)))] for name in known]
    columns = [Column("Verdict", "text", 3), Column("Calls", "number", 1)]
    return Table("Verdicts", columns, lines, "Whether a call says what was asked")


def periods_table(document: Fields) -> Table:
    """The calls over time."""
    periods = fields(document, "periods")
    unit = text(periods, "unit")
    columns = [
        Column(f"{unit.capitalize() or 'Period'} from", "text", 1.4),
        Column("Calls", "number", 0.8),
        Column("Findings", "number", 0.9),
        Column("Calls by theme", "text", 5),
    ]
    lines = []
    for row in rows(periods, "rows"):
        themes = fields(row, "themes")
        told = ", ".join(f"{words.line(label)} {words.number(count(themes, label))}" for label in themes)
        lines.append(
            [
                Cell(words.line(text(row, "start"))),
                Cell(words.number(count(row, "calls"))),
                Cell(words.number(count(row, "findings"))),
                Cell(told),
            ]
        )
    return Table("Over time", columns, lines)


_SOURCES = {"gong": "Gong", "hubspot": "HubSpot"}


def calls_table(calls: Sequence[Fields]) -> Table:
    """Every call of the report, with what the model made of it."""
    columns = [
        Column("Call", "text", 5),
        Column("Account", "text", 2),
        Column("Rep", "text", 1.9),
        Column("Verdict", "text", 1.2),
        Column("Findings", "number", 1.1),
    ]
    return Table("Calls in this report", columns, [_call(call) for call in calls])


def _call(call: Fields) -> list[Cell]:
    dropped = count(call, "quotes_dropped")
    told = [
        words.line(text(call, "summary")),
        f"{words.plural(dropped, 'quote')} dropped." if dropped else "",
        _sentence(_measures(call)),
    ]
    source = _SOURCES.get(text(call, "deal_source"), "")
    segment = words.line(text(call, "segment"))
    return [
        Cell(words.line(text(call, "title")) or text(call, "call_id"), " ".join(part for part in told if part)),
        Cell(
            words.line(text(call, "account")),
            ", ".join(part for part in (segment, f"deal from {source}" if source else "") if part),
        ),
        Cell(words.line(text(call, "rep"))),
        Cell(words.line(text(call, "verdict"))),
        Cell(words.number(count(call, "findings"))),
    ]


def _sentence(words_of: str) -> str:
    return f"{words_of}." if words_of else ""
