"""The words of a text, by which diffs are searched: the same function makes them for the log and for the question."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from audit.domain.entry import Change

_WORD = re.compile(r"[^\W_]+")

# Longer runs (hashes, encoded data) are found by their beginning.
LONGEST_WORD = 40

# Of one entry. A diff of short texts has some ten; one that has more is still shown whole, and found by these.
MOST_WORDS_KEPT = 200


def words_of(text: str) -> frozenset[str]:
    """The words of `text`: runs of letters and digits, without case and compatibility forms, cut to LONGEST_WORD characters."""
    # Of ASCII the rest makes the same, in ten times the time.
    folded = text.lower() if text.isascii() else _folded(text)
    return frozenset(word[:LONGEST_WORD] for word in _WORD.findall(folded))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def diff_words(diff: Iterable[Change]) -> frozenset[str]:
    """The words by which an entry with this diff is found: of its fields and of both sides; the first MOST_WORDS_KEPT."""
    texts = [text for change in diff for text in (change.field, change.before, change.after) if text]
    # At once, since a call for each text takes longer than the few words in it.
    whole = "\n".join(texts)
    folded = whole.lower() if whole.isascii() else "\n".join(map(_folded, texts))
    found = dict.fromkeys([word[:LONGEST_WORD] for word in _WORD.findall(folded)])
    return frozenset(found if len(found) <= MOST_WORDS_KEPT else list(found)[:MOST_WORDS_KEPT])
