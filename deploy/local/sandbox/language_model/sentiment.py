"""Whether sentences sound favourable: a count of charged words, a negated one counted the other way."""

from __future__ import annotations

from collections.abc import Sequence

from local.sandbox.language_model.documents import Sentiment
from local.sandbox.language_model.lexicon import NEGATIVE, NEGATORS, POSITIVE
from local.sandbox.language_model.words import stem, words_of

NEGATION_REACH = 3
"""So many words before a charged one are looked at for a negator."""
CLEAR_MAJORITY = 2
"""One side this many times the other is not mixed any more."""


def sentiment_of(texts: Sequence[str]) -> Sentiment:
    """The tone of the sentences taken together; one charged word among three sentences sets no tone."""
    good = bad = 0
    for text in texts:
        liked, disliked = _charges(words_of(text))
        good, bad = good + liked, bad + disliked
    if 2 * (good + bad) < len(texts):
        return "neutral"
    if good >= CLEAR_MAJORITY * bad and good > bad:
        return "positive"
    if bad >= CLEAR_MAJORITY * good and bad > good:
        return "negative"
    return "mixed"


def _charges(words: list[str]) -> tuple[int, int]:
    good = bad = 0
    for position, word in enumerate(words):
        base = stem(word)
        if base not in POSITIVE and base not in NEGATIVE:
            continue
        negated = any(before in NEGATORS for before in words[max(0, position - NEGATION_REACH) : position])
        if (base in POSITIVE) != negated:
            good += 1
        else:
            bad += 1
    return good, bad
