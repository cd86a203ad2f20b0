"""What is looked for: texts, in each form in which they may be stored."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

# Shorter ones would be found by chance.
SHORTEST = 8

# Of a form; what begins so is then compared as a whole.
_PREFIX = 6


class BadNeedles(Exception):
    """The file of needles is none."""


@dataclass(frozen=True, slots=True)
class Needles:
    """Texts by names: `gone` must not be found anywhere, `kept` each somewhere."""

    gone: Mapping[str, str]
    kept: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Needles:
        """Read `{"gone": {name: text}, "kept": {name: text}}`. Raises BadNeedles."""
        try:
            read = json.loads(text)
            found = cls(*({str(name): str(one) for name, one in read[kind].items()} for kind in ("gone", "kept")))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise BadNeedles('the needles are no JSON such as {"gone": {"name": "text"}, "kept": {}}') from None
        short = [name for name, one in {**found.gone, **found.kept}.items() if len(one) < SHORTEST]
        if short or not found.gone:
            raise BadNeedles(
                f"there is nothing to look for, or it is shorter than {SHORTEST} characters: {', '.join(short)}"
            )
        return found


def forms(needle: str) -> Iterator[bytes]:
    """The bytes that a text may be stored as: itself, in UTF-16, within JSON, in hex, in base64 at any place.

    In base64 the last character may be shared with what follows: texts that differ in their last letter alone are not told apart there.
    """
    raw = needle.encode()
    yield raw
    yield needle.encode("utf-16-le")
    yield needle.encode("utf-16-be")
    yield json.dumps(needle)[1:-1].encode()
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # The first and the last characters depend on what stands beside it.
            encoded = encode(bytes(before) + raw)
            yield encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]


class Search:
    """Finds all needles in one pass over some bytes."""

    def __init__(self, needles: Mapping[str, str]) -> None:
        """`needles` are texts by names."""
        self._names: dict[bytes, str] = {}
        for name, needle in needles.items():
            for form in forms(needle):
                self._names.setdefault(form, name)
        self._by_prefix: dict[bytes, list[bytes]] = {}
        for form in sorted(self._names, key=len, reverse=True):
            self._by_prefix.setdefault(form[:_PREFIX], []).append(form)
        self.longest = max(map(len, self._names), default=0)

    def found(self, content: bytes) -> Counter[str]:
        """How often each needle is in `content`, in whatever form. One that begins within another is found too.

        Takes as long for thousands of needles as for one: each place is looked up, not compared.
        """
        counts: Counter[str] = Counter()
        beginnings, last = self._by_prefix, len(content) - _PREFIX + 1
        for place in [one for one in range(last) if content[one : one + _PREFIX] in beginnings]:
            for form in beginnings[content[place : place + _PREFIX]]:
                if content.startswith(form, place):
                    counts[self._names[form]] += 1
        return counts


def total(counts: Iterable[Counter[str]]) -> Counter[str]:
    """Counts added up."""
    added: Counter[str] = Counter()
    for one in counts:
        added += one
    return added
