"""The numbers in a sentence, and whether what it rests on has them.

A number is told where the findings that the sentence cites have it, in a claim or a quote, with the same unit ("15 %", "$64k" and
"$64,000", "Q3", a plain 12), or where it counts what the report counts: beside the word for it ("7 calls", "3 findings"), alone in
brackets, or as a pair with the number of calls ("7 of 18"). A count of some other theme is not told, nor is a count that stands
beside another word: seven calls are no seven weeks.

Digits of every script are read, and English number words; "one" only before a measure, since it mostly is no number. Number words of other
languages are not recognised: the model is asked to write numbers in digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

_UNITS: Final = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_SMALL: Final = {word: number for number, word in enumerate(_UNITS.split(), start=2)} | {
    word: 10 * number
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_MEASURES: Final = r"(?:second|minute|hour|day|week|month|quarter|year|percent|per cent|times|dollar|euro|pound)"
_WORD: Final = "|".join((*_SMALL, *_SCALES))
_WORDS: Final = re.compile(
    rf"\b(?:one(?=[ -](?:{'|'.join(_SCALES)}|{_MEASURES})s?\b)|{_WORD})(?:(?:[ -]|[ ]and[ ])(?:one|{_WORD})\b)*\b",
    re.IGNORECASE,
)

# Letters that make one word with a digit beside them; what stands beside a digit in Chinese or Japanese is a word of its own.
_LETTERS: Final = "A-Za-zÀ-ÖØ-öø-ÿ\u0370-\u052f"
_CURRENCY: Final = {
    "$": "$",
    "usd": "$",
    "dollar": "$",
    "€": "€",
    "eur": "€",
    "euro": "€",
    "£": "£",
    "gbp": "£",
    "pound": "£",
    "¥": "¥",
    "yen": "¥",
    "jpy": "¥",
    "₹": "₹",
    "inr": "₹",
    "₩": "₩",
    "₽": "₽",
    "₺": "₺",
}
_TIMES: Final = {
    "k": 1_000,
    "tsd": 1_000,
    "m": 1_000_000,
    "mn": 1_000_000,
    "mio": 1_000_000,
    "bn": 1_000_000_000,
} | _SCALES
_FIGURE: Final = re.compile(
    rf"""
    (?P<prefix>[{_LETTERS}]*)-?(?:(?P<sign>[$€£¥₹₩₽₺])[ ]?)?
    (?P<number>\d{{1,3}}(?:[,.'\u2019 ]\d{{3}})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?)
    (?P<scale>[ ]?(?:k|tsd|mn|mio|m|bn|thousand|million|billion)(?![{_LETTERS}]))?
    (?P<suffix>[ ]?(?:%|per[ ]?cent\b|pct\b|Prozent\b|pour[ ]cent\b|por[ ]ciento\b|por[ ]cento\b|per[ ]cento\b|procent\b)
        |[ ]?(?:[$€£¥₹₩₽₺]|(?:dollar|euro|pound|yen|usd|eur|gbp|jpy|inr)s?(?![{_LETTERS}]))|[{_LETTERS}]+)?
    """,
    re.VERBOSE | re.IGNORECASE,
)

# Words that say how many without a digit: they must stand in what is cited.
_VAGUE: Final = re.compile(
    r"\b(?:hundreds|thousands|millions|billions|dozens?|twice|thrice|doubled?|doubling|tripled?|halved?|half"
    r"|(?:a|one|two)[ -]thirds?|(?:a|one|three)[ -]quarters?(?= of))\b",
    re.IGNORECASE,
)
_SHARES: Final = re.compile(
    r"\b(?P<how>half|most|majority|all|every|each)(?: of)?(?: the| these| our)?(?: \w+)? (?:calls?|conversations?)\b",
    re.IGNORECASE,
)

_CALLS: Final = (
    r"calls?|conversations?|gespräche?n?|anrufe?n?|telefonate?n?|appels?|conversations|llamadas?|conversaciones|chamadas?|conversas?"
    r"|chiamat[ae]|conversazion[ei]|gesprek(?:ken)?|samtal|opkald|rozm[oó]w\w*|звонк\w*|разговор\w*|通|件|次"
)
_COUNTED: Final = {
    "calls": re.compile(rf"[\s)]*(?:[\w'\u2019-]+ ){{0,2}}?(?:{_CALLS})(?![{_LETTERS}])", re.IGNORECASE),
    "findings": re.compile(r"\s*(?:[\w'\u2019-]+ )?(?:findings?|claims?|points?)\b", re.IGNORECASE),
    "quotes": re.compile(r"\s*(?:[\w'\u2019-]+ )?(?:quotes?|quotations?)\b", re.IGNORECASE),
    "themes": re.compile(r"\s*(?:[\w'\u2019-]+ )?(?:themes?|topics?)\b", re.IGNORECASE),
    "accounts": re.compile(
        r"\s*(?:[\w'\u2019-]+ )?(?:customers?|buyers?|prospects?|accounts?|compan(?:y|ies))\b", re.IGNORECASE
    ),
}
_OF: Final = re.compile(
    r"\s*(?:/|of|out of|in|von|der|de|des|sur|di|su|van|av|af|z|из)(?: (?:the|all|den|les|las|los|os|as|le))?\s*",
    re.IGNORECASE,
)
_MEASURED: Final = re.compile(rf"\s*{_MEASURES}s?\b", re.IGNORECASE)

# What may stand between the two numbers of a pair, in a language that is not known here.
_LONGEST_GAP: Final = 10


class Counts(Struct, frozen=True):
    """What the report counts of the themes that a sentence is about: calls, findings, quotes, themes, accounts. `whole`: all calls."""

    whole: int
    calls: frozenset[int]
    themes_calls: frozenset[int]
    findings: frozenset[int]
    quotes: frozenset[int]
    themes: frozenset[int]
    accounts: frozenset[int]

    def of(self, kind: str) -> frozenset[int]:
        """The numbers that may stand beside one kind of word."""
        known: frozenset[int] = getattr(self, kind)
        return known


class _Figure(Struct, frozen=True):
    """A number as it stands in a text: what it may mean ("1.200" is 1200 or 1.2), its unit, and where it begins and ends."""

    values: frozenset[Decimal]
    unit: str
    start: int
    end: int


class Evidence(Struct, frozen=True):
    """What one sentence rests on: the report's counts and the words of what it cites."""

    counts: Counts
    _figures: frozenset[tuple[Decimal, str]]
    _words: frozenset[str]

    @classmethod
    def of(cls, counts: Counts, texts: Iterable[str]) -> Evidence:
        """Read the cited `texts`: labels, claims and quotes."""
        folded = [_folded(text) for text in texts]
        figures = {
            (value, found.unit) for text in folded for found in _figures(_counted(text)) for value in found.values
        }
        words = {found[0].casefold() for text in folded for found in _VAGUE.finditer(text)}
        return cls(counts, frozenset(figures), frozenset(words))

    def tells(self, text: str) -> bool:
        """Whether every number in the sentence is told."""
        folded = _folded(text)
        if not self._tells_words(folded):
            return False
        plain = _counted(folded)
        figures = list(_figures(plain))
        paired: set[int] = set()
        for place in range(len(figures) - 1):
            verdict = self._pair(plain, figures[place], figures[place + 1])
            if verdict is False:
                return False
            if verdict:
                paired |= {place, place + 1}
        return all(place in paired or self._tells(plain, figure) for place, figure in enumerate(figures))

    def _pair(self, text: str, one: _Figure, other: _Figure) -> bool | None:
        """Whether two numbers are calls of all calls: True, False for a pair that is wrong, None for no pair."""
        gap = text[one.end : other.start]
        if one.unit or other.unit:
            return None
        whole, known = Decimal(self.counts.whole), {Decimal(number) for number in self.counts.themes_calls}
        if _OF.fullmatch(gap) and whole in other.values and _COUNTED["calls"].match(text, other.end):
            return bool(one.values & known)
        if len(gap) > _LONGEST_GAP or re.search(r"[.;:!?。]", gap) or _MEASURED.match(text, other.end):
            return None
        right = (whole in other.values and one.values & known) or (whole in one.values and other.values & known)
        return True if right else None

    def _tells(self, text: str, figure: _Figure) -> bool:
        if not figure.unit:
            for kind, noun in _COUNTED.items():
                if noun.match(text, figure.end):
                    return any(Decimal(number) in figure.values for number in self.counts.of(kind))
            alone = text[figure.start - 1 : figure.start] == "(" and text[figure.end : figure.end + 1] == ")"
            if alone and any(Decimal(number) in figure.values for number in self.counts.themes_calls):
                return True
        if figure.unit == "%" and figure.values & self._percents():
            return True
        return any((value, figure.unit) in self._figures for value in figure.values)

    def _percents(self) -> set[Decimal]:
        """The shares of the themes, in whole percent and with one digit more."""
        whole = self.counts.whole or 1
        exact = [Decimal(100 * calls) / whole for calls in self.counts.themes_calls]
        return {value.quantize(Decimal(digits)) for value in exact for digits in ("1", "0.1")}

    def _tells_words(self, text: str) -> bool:
        """Whether words that say how many are right: of calls by the counts, of anything else because the cited texts have them."""
        shares = list(_SHARES.finditer(text))
        if not all(self._tells_share(found["how"].casefold()) for found in shares):
            return False
        inside = [found.span() for found in shares]
        return all(
            found[0].casefold() in self._words or any(start <= found.start() < end for start, end in inside)
            for found in _VAGUE.finditer(text)
        )

    def _tells_share(self, how: str) -> bool:
        twice = [2 * calls - self.counts.whole for calls in self.counts.themes_calls]
        if how == "half":
            return any(rest == 0 for rest in twice)
        if how in {"most", "majority"}:
            return any(rest > 0 for rest in twice)
        return self.counts.whole in self.counts.themes_calls


def _folded(text: str) -> str:
    """The text with digits of all scripts as 0 to 9, and signs of one meaning as one."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in folded)


def _counted(text: str) -> str:
    """The text with English number words as digits."""
    return _WORDS.sub(lambda found: str(_number_of(found[0])), text)


def _number_of(words: str) -> int:
    total, current = 0, 0
    for word in re.findall(r"[a-z]+", words.casefold()):
        if word == "hundred":
            current = max(1, current) * 100
        elif word in _SCALES:
            total, current = total + max(1, current) * _SCALES[word], 0
        elif word != "and":
            current += _SMALL.get(word, 1)
    return total + current


def _figures(text: str) -> Iterator[_Figure]:
    for found in _FIGURE.finditer(text):
        times = _TIMES.get((found["scale"] or "").strip().casefold(), 1)
        values = frozenset(value * times for value in _values(found["number"]))
        yield _Figure(values, _unit(found), found.start("number"), found.end())


def _values(number: str) -> Sequence[Decimal]:
    groups = re.split(r"[,.'\u2019 ]", number)
    whole = Decimal("".join(groups))
    if len(groups) == 1:
        return (whole,)
    fraction = Decimal("".join(groups[:-1]) + "." + groups[-1])
    thousands = all(len(group) == 3 for group in groups[1:])
    if not thousands or " " in number:
        return (fraction,) if not thousands else (whole,)
    return (whole, fraction) if len(groups) == 2 else (whole,)


def _unit(found: re.Match[str]) -> str:
    suffix = (found["suffix"] or "").strip().casefold()
    if suffix and (
        suffix == "%" or re.fullmatch(r"per ?cent|pct|prozent|pour cent|por ciento|por cento|per cento|procent", suffix)
    ):
        return "%"
    sign = found["sign"] or suffix.removesuffix("s")
    if sign in _CURRENCY and not found["prefix"]:
        return _CURRENCY[sign]
    return f"{found['prefix'].casefold()}{found['sign'] or ''}{suffix}"
