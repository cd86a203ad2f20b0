"""Scores sentences against weighted query terms (Okapi BM25; Robertson and Zaragoza 2009, usual k1 and b)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

K1 = 1.2
B = 0.75


@dataclass(frozen=True, slots=True)
class SentenceIndex:
    """Term statistics of one transcript; a sentence is a document."""

    counts: tuple[Counter[str], ...]
    document_frequency: Counter[str]
    average_length: float

    def rarity(self, term: str) -> float:
        """Inverse document frequency: high for a term few sentences have, 0 for one that none has."""
        having = self.document_frequency[term]
        if not having:
            return 0.0
        return math.log(1.0 + (len(self.counts) - having + 0.5) / (having + 0.5))

    def score(self, position: int, query: Mapping[str, float]) -> float:
        """BM25 of the sentence at ``position`` for the weighted terms of ``query``."""
        counts = self.counts[position]
        length = sum(counts.values())
        damping = K1 * (1.0 - B + B * length / self.average_length)
        return sum(
            weight * self.rarity(term) * counts[term] * (K1 + 1.0) / (counts[term] + damping)
            for term, weight in query.items()
            if counts[term]
        )


def index_sentences(stems: Sequence[Sequence[str]]) -> SentenceIndex:
    """The index over sentences given as their content stems."""
    counts = tuple(Counter(sentence) for sentence in stems)
    frequency: Counter[str] = Counter()
    for sentence in counts:
        frequency.update(sentence.keys())
    total = sum(len(sentence) for sentence in stems)
    return SentenceIndex(counts, frequency, max(1.0, total / max(1, len(stems))))
