"""Masks personal data before a question leaves for a model, and puts it back into the answer.

An e-mail address, a phone number, a card number or a very long row of digits is replaced by a placeholder such as `[EMAIL-A]`; the same
text has the same placeholder everywhere in one question. Who is asked sees that it is the same person's address, not which one. Putting
back is exact, character for character, so that quotes stay verbatim.

A text that has the form of a placeholder already is replaced like an address (`[TEXT-A]`): whatever has that form on its way to a model
was made here.

What is recognised is what is written: `someone at acme dot com` and spelled-out digits are not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from phonenumbers import PhoneNumberMatcher

Span = tuple[int, int]
Finder = Callable[[str], list[Span]]

_PLACEHOLDER: Final = re.compile(r"\[(?:EMAIL|PHONE|CARD|NUMBER|TEXT)-[A-Z]+\]", re.ASCII | re.IGNORECASE)

# RFC 5322's atext with the dot and any alphabet; quoted local parts and addresses without a dot in the domain are not looked for.
# Possessive, and tried only where a run of such characters begins: linear in the text.
_LOCAL: Final = r"[\w.!#$%&'*+/=?^`{|}~-]"
_EMAIL: Final = re.compile(rf"(?<!{_LOCAL}){_LOCAL}++@[\w-]++(?:\.[\w-]++)++")

# Digits, and up to four signs between two groups of them that may stand inside a number: what libphonenumber takes, and more.
_DIGITS: Final = re.compile(r"\d+")
_RUN: Final = re.compile(r"[+\uff0b(\uff08]?\d++(?:[^\w,;:%$\u00a3\u00a5\u20ac]{1,4}\d++)*+")

# Two phone numbers, or a card with its date and code, have fewer. A longer run of digits is masked whole, since looking for
# numbers inside takes time in proportion to it, hundreds of times as much as reading it.
_MOST_DIGITS = 32

# ISO/IEC 7812: what cards have.
_SHORTEST_CARD, _LONGEST_CARD = 13, 19

_CARD_GAP: Final = re.compile(r"[ .\u00a0\u2009\u202f\u2010-\u2013-]{1,2}")

# No phone number that is valid in any of the countries below has fewer.
_SHORTEST_PHONE = 7

# What no country takes for a phone number has been tried with all of them, which takes milliseconds. After so many in one question
# those that follow are masked without a look.
_MOST_FRUITLESS = 300

# A number with "+" is one where it can be one of any country; without, where it is valid as it is written in one of these.
_NATIONAL: Final = (
    *("US", "GB", "CA", "AU", "IE", "NZ", "IN", "SG", "ZA", "DE", "AT", "CH", "FR", "BE"),
    *("NL", "ES", "PT", "IT", "DK", "SE", "NO", "FI", "PL", "BR", "MX", "JP"),
)


class Phones(NamedTuple):
    """What finds phone numbers, and where it looks: a country, None for any, and how sure it has to be."""

    matcher: type[PhoneNumberMatcher]
    regions: tuple[tuple[str | None, int], ...]


@cache
def load_phones() -> Phones:
    """What libphonenumber knows of all countries: needed for the first question that is masked."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    national = ((region, Leniency.VALID) for region in _NATIONAL)
    return Phones(PhoneNumberMatcher, ((None, Leniency.POSSIBLE), *national))


class Mask:
    """The mask of one question; with `on` False nothing is masked."""

    def __init__(self, *, on: bool) -> None:
        self.on = on
        self._placeholders: dict[str, str] = {}
        self._originals: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._fruitless: set[str] = set()
        self._finders: tuple[tuple[str, Finder], ...] = (
            ("TEXT", _placeholders),
            ("EMAIL", _emails),
            ("NUMBER", _long_numbers),
            ("CARD", _cards),
            ("PHONE", self._phones),
        )

    def hide(self, text: str) -> str:
        """`text` with placeholders for personal data."""
        return "".join(self._hidden(text)) if self.on else text

    def show(self, text: str) -> str:
        """`text` with the data in place of the placeholders that this mask has given; others are left."""
        return _PLACEHOLDER.sub(lambda found: self._originals.get(found[0].upper(), found[0]), text)

    def kinds_in(self, document: str) -> dict[str, int]:
        """How many placeholders of each kind are in what is sent. Whatever has their form was made here."""
        if not self.on or not self._originals:
            return {}
        return dict(Counter(found[0][1 : found[0].index("-")].lower() for found in _PLACEHOLDER.finditer(document)))

    def _hidden(self, text: str) -> Iterator[str]:
        """What lies between two placeholders is looked at again: cut off from its neighbours it may read differently."""
        waiting = [(text, "")]
        while waiting:
            piece, kind = waiting.pop()
            if kind:
                yield self._placeholder(kind, piece)
                continue
            for kind, find in self._finders:
                if spans := find(piece):
                    waiting.extend(reversed(_cut(piece, spans, kind)))
                    break
            else:
                yield piece

    def _phones(self, text: str) -> list[Span]:
        spans: list[Span] = []
        for (start, end), groups in _runs(text, _SHORTEST_PHONE):
            # The sign before and after it counts: an amount of money is no phone number.
            before = max(0, start - 1)
            place = text[before : end + 1]
            if place in self._fruitless or _is_date(text, groups):
                continue
            if len(self._fruitless) >= _MOST_FRUITLESS:
                spans.append((start, end))
            elif found := _phones_in(place):
                spans += [(max(start, before + first), min(end, before + last)) for first, last in found]
            else:
                self._fruitless.add(place)
        return spans

    def _placeholder(self, kind: str, text: str) -> str:
        if text not in self._placeholders:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            made = f"[{kind}-{_letters(number)}]"
            self._placeholders[text] = made
            self._originals[made] = text
        return self._placeholders[text]


def _cut(text: str, spans: Sequence[Span], kind: str) -> list[tuple[str, str]]:
    """The spans with their kind, and the rest between them with none."""
    ends = [0, *(place for span in spans for place in span), len(text)]
    pieces = [(text[start:end], kind if number % 2 else "") for number, (start, end) in enumerate(pairwise(ends))]
    return [(piece, what) for piece, what in pieces if piece]


def _letters(number: int) -> str:
    """A, B, …, Z, AA, AB, …: a digit could be taken for part of a number that follows."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _placeholders(text: str) -> list[Span]:
    return [found.span() for found in _PLACEHOLDER.finditer(text)] if "[" in text else []


def _emails(text: str) -> list[Span]:
    return [found.span() for found in _EMAIL.finditer(text)] if "@" in text else []


def _runs(text: str, least: int) -> Iterator[tuple[Span, list[Span]]]:
    """Where digits stand close together, at least so many: the whole place, and its groups of digits."""
    if sum(map(str.isdecimal, text)) < least:
        return
    for run in _RUN.finditer(text):
        groups = [found.span() for found in _DIGITS.finditer(text, *run.span())]
        if sum(end - start for start, end in groups) >= least:
            yield run.span(), groups


def _long_numbers(text: str) -> list[Span]:
    return [span for span, _ in _runs(text, _MOST_DIGITS + 1)]


def _cards(text: str) -> list[Span]:
    spans: list[Span] = []
    for _, groups in _runs(text, _SHORTEST_CARD):
        first = 0
        while first < len(groups):
            size = _card_groups(text, groups[first:])
            if size:
                spans.append((groups[first][0], groups[first + size - 1][1]))
            first += size or 1
    return spans


def _card_groups(text: str, groups: Sequence[Span]) -> int:
    """How many of the groups, from the first on, are a card number; the longest counts. 0 where none is."""
    digits, size = "", 0
    for number, (start, end) in enumerate(groups, start=1):
        digits += text[start:end]
        if len(digits) > _LONGEST_CARD or (number > 1 and not _CARD_GAP.fullmatch(text, groups[number - 2][1], start)):
            break
        if len(digits) >= _SHORTEST_CARD and _passes_luhn(digits):
            size = number
    return size


def _passes_luhn(digits: str) -> bool:
    """The check sum of ISO/IEC 7812-1, annex B: from the right each second digit counts twice, as the sum of its own digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and any(digit != digits[0] for digit in digits)


def _is_date(text: str, groups: Sequence[Span]) -> bool:
    """Whether the groups are years, or a year with a day and a month: eight digits are a phone number somewhere."""
    parts = [text[start:end] for start, end in groups]
    years = [part for part in parts if len(part) == 4 and part[:2] in {"19", "20"}]
    return bool(years) and all(part in years or (len(part) <= 2 and int(part) <= 31) for part in parts)


def _phones_in(place: str) -> list[Span]:
    """What the country finds that accounts for most of the digits; what is left is looked at again."""
    digits, best, most = sum(map(str.isdecimal, place)), list[Span](), 0
    phones = load_phones()
    for region, leniency in phones.regions:
        found = [(match.start, match.end) for match in phones.matcher(place, region, leniency)]
        covered = sum(str.isdecimal(sign) for start, end in found for sign in place[start:end])
        if covered > most:
            best, most = found, covered
        if most == digits:
            break
    return best
