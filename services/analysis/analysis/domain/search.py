"""What somebody searches for among the findings of reports: the words, the filters, a place in the hits, and what is marked in a text.

    price                 words that begin so, in any order; all of them have to be there
    "too expensive"       these words beside each other
    -discount             not with this word
    price OR budget       one of the two

No language is assumed: words are compared as they are spelled, upper and lower case alike. In scripts without spaces between words
(Chinese, Japanese, Thai, …) a word is found wherever its characters stand beside each other.
"""

from __future__ import annotations

import base64
import re
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from analysis.domain.finding import Sentiment, Verdict
from analysis.domain.request import ReportId, RunId
from core.errors import InvalidInput

# Longer is no search but a text; each word costs a look into the index.
LONGEST_QUERY = 200
MOST_WORDS = 16

# Words with the same two letters at the beginning are too many to mean anything.
SHORTEST_PREFIX = 3

# As in the migration 0170: what stands without spaces between words.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_TOKEN = re.compile(r'(?P<not>(?<![^\s"])-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_ONE_UNSPACED = re.compile(rf"[{UNSPACED}]")

_LONG_AFTER = datetime(9999, 12, 31, tzinfo=UTC)
_LAST_ID = uuid.UUID(int=2**128 - 1)
_LAST_NUMBER = 2**31 - 1


class Piece(NamedTuple):
    """A piece of a text; `found` where it is what was searched for."""

    text: str
    found: bool


class _Operand(Struct, frozen=True):
    """Words beside each other. `begins`: the last one may go on; `either`: this or the one before."""

    words: tuple[str, ...]
    begins: bool
    wanted: bool
    either: bool

    @property
    def for_postgres(self) -> str:
        """As to_tsquery reads it. A word has letters, digits and their marks only: no quote or backslash can be in it."""
        text = f"'{' '.join(self.words)}'{':*' if self.begins else ''}"
        return text if self.wanted else f"!{text}"

    @property
    def pattern(self) -> str:
        """As a regular expression: what is to be marked."""
        first, last = self.words[0], self.words[-1]
        letter = _letter()
        start = "" if _ONE_UNSPACED.match(first) else rf"(?<![^\W_])(?<![{_marks()}])"
        end = "" if _ONE_UNSPACED.match(last) else f"{letter}*" if self.begins else f"(?!{letter})"
        between = "*" if all(_ONE_UNSPACED.match(word) for word in self.words) else "+"
        return start + rf"[\W_]{between}".join(map(re.escape, self.words)) + end


class Query(Struct, frozen=True):
    """What is searched for, read by `Query.parse`."""

    text: str
    _operands: tuple[_Operand, ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read what somebody has typed. Raises InvalidInput where it has no word to look for, or is too long."""
        text = " ".join(unicodedata.normalize("NFKC", text).replace("\x00", " ").split())
        if len(text) > LONGEST_QUERY:
            raise InvalidInput(f"a search has {LONGEST_QUERY} characters at most: leave some words out")
        operands = tuple(_operands(text))
        if not any(one.wanted for one in operands):
            raise InvalidInput("type a word to look for; one with a minus before it only leaves findings out")
        if sum(len(one.words) for one in operands) > MOST_WORDS:
            raise InvalidInput(f"a search has {MOST_WORDS} words at most: leave some out")
        return cls(text, operands)

    @property
    def for_postgres(self) -> str:
        """The query in the syntax of to_tsquery. Whatever was typed, it is well formed. OR binds closer than AND, as in a filter."""
        groups: list[list[str]] = []
        for one in self._operands:
            if one.either and groups:
                groups[-1].append(one.for_postgres)
            else:
                groups.append([one.for_postgres])
        return " & ".join(f"({' | '.join(group)})" for group in groups)

    def marked(self, text: str) -> list[Piece]:
        """`text` in pieces: those that were searched for, and what is between them. Together they are the text."""
        pattern = re.compile("|".join(one.pattern for one in self._operands if one.wanted), re.IGNORECASE)
        pieces, at = [], 0
        for found in pattern.finditer(text):
            if found.start() > at:
                pieces.append(Piece(text[at : found.start()], found=False))
            if found[0]:
                pieces.append(Piece(found[0], found=True))
            at = found.end()
        return [*pieces, Piece(text[at:], found=False)] if at < len(text) else pieces

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where in `text` that stands which was searched for: first character, and the one after the last."""
        places, at = [], 0
        for piece in self.marked(text):
            if piece.found:
                places.append((at, at + len(piece.text)))
            at += len(piece.text)
        return places


@cache
def _marks() -> str:
    """Signs that belong to the letter before them, as vowels of Hindi and Arabic: to Python they are neither letters nor digits."""
    return "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M"))


def _letter() -> str:
    return rf"(?:[^\W_{UNSPACED}]|[{_marks()}])"


@cache
def word_pattern() -> re.Pattern[str]:
    """A word, made with the first search, or before it: looking through all signs takes longer than all else of this module."""
    return re.compile(rf"[{UNSPACED}]|{_letter()}+")


def _operands(text: str) -> Iterator[_Operand]:
    either = False
    for token in _TOKEN.finditer(text):
        if token["word"] == "OR" and not token["not"]:
            either = True
            continue
        typed = token["word"] if token["word"] is not None else token["phrase"]
        words = tuple(word_pattern().findall(typed))
        if words:
            begins = token["word"] is not None and len(words[-1]) >= SHORTEST_PREFIX and not token["not"]
            yield _Operand(words, begins, wanted=not token["not"], either=either)
        either = False


class FindingFilter(Struct, frozen=True):
    """Which findings are meant besides their words; days are those of the calls, inclusive, in the workspace's timezone."""

    run_id: RunId | None = None
    report_id: ReportId | None = None
    theme: str = ""
    rep: str = ""
    sentiment: Sentiment | None = None
    verdict: Verdict | None = None
    first_day: date | None = None
    last_day: date | None = None

    def since(self, zone: ZoneInfo) -> datetime | None:
        """When the first day begins."""
        return _begins(self.first_day, zone)

    def until(self, zone: ZoneInfo) -> datetime | None:
        """When the last day has ended."""
        return _begins(self.last_day + timedelta(days=1), zone) if self.last_day and self.last_day < date.max else None


def _begins(day: date | None, zone: ZoneInfo) -> datetime | None:
    # Of a day at the ends of the calendar no moment can be told in other zones.
    if day is None or day.year < 2:
        return None
    return datetime.combine(day, time.min, zone)


class Place(NamedTuple):
    """A place among the hits, which are in falling order of it: the latest calls come first."""

    called_at: datetime
    report_id: uuid.UUID
    number: int

    @classmethod
    def parse(cls, cursor: str) -> Place:
        """Read what `cursor` gave; the beginning for an empty text. Raises InvalidInput."""
        if not cursor:
            return cls(_LONG_AFTER, _LAST_ID, _LAST_NUMBER)
        try:
            moment, report, number = base64.urlsafe_b64decode(cursor.encode("ascii")).decode("ascii").split("|")
            place = cls(datetime.fromisoformat(moment), uuid.UUID(report), int(number))
            if place.called_at.tzinfo is None or not 0 < place.number <= _LAST_NUMBER:
                raise ValueError
            place.called_at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise InvalidInput("The page cursor is not one of ours: start again from the first page.") from None
        return place

    def cursor(self) -> str:
        """The place as text, for the next page."""
        text = f"{self.called_at.astimezone(UTC).isoformat()}|{self.report_id}|{self.number}"
        return base64.urlsafe_b64encode(text.encode()).decode()


class SaidQuote(Struct, frozen=True):
    """A quote of a hit."""

    text: str
    speaker: str
    affiliation: str
    sentence_id: str
    start_ms: int


class Hit(Struct, frozen=True):
    """A finding of a report that has the words."""

    place: Place
    run_id: RunId
    reported_at: datetime
    finding_id: str
    theme_number: int
    place_in_theme: int
    theme: str
    claim: str
    sentiment: str
    quotes: Sequence[SaidQuote]
    call_id: str
    call_title: str
    account: str
    rep: str
    verdict: str

    @property
    def report_id(self) -> ReportId:
        """The report that has it."""
        return ReportId(self.place.report_id)

    @property
    def called_at(self) -> datetime:
        """When the call began."""
        return self.place.called_at


class Hits(Struct, frozen=True):
    """A page of hits; `next` is the cursor of the page after, empty on the last."""

    query: Query
    hits: Sequence[Hit]
    next: str
