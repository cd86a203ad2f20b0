"""What a brief asks for, as far as words tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.sandbox.language_model.lexicon import BRIEF_FILLER, CUSTOMER_WORDS, SELLER_WORDS, THEMES, Theme
from local.sandbox.language_model.words import content_stems, stem, words_of

THEME_TERM_WEIGHT = 0.4
"""A word the lexicon adds counts less than one the brief itself uses."""


@dataclass(frozen=True, slots=True)
class Focus:
    """The themes a brief asks for, its own words that belong to no theme, and whose words it wants."""

    themes: tuple[Theme, ...]
    own_terms: tuple[tuple[str, str], ...]
    about_customer: bool
    about_seller: bool

    @property
    def is_open(self) -> bool:
        """A brief that names nothing to look for: whatever stands out answers it."""
        return not self.themes and not self.own_terms

    def query(self) -> Mapping[str, float]:
        """Weighted terms to rank sentences by."""
        terms = {term: THEME_TERM_WEIGHT for theme in self.themes or THEMES for term in theme.telling}
        return terms | {term: 1.0 for term, _ in self.own_terms}


def read_brief(brief: str) -> Focus:
    """The focus of a brief. Own terms come as (stem, word) in the order of the brief, each once."""
    stems = frozenset(content_stems(brief))
    themes = tuple(theme for theme in THEMES if theme.is_asked_by(stems))
    covered = BRIEF_FILLER.union(*(theme.telling | theme.asked_by | theme.supporting for theme in themes))
    own = {stem(word): word for word in words_of(brief) if stem(word) in stems - covered}
    heard = {stem(word) for word in words_of(brief)}
    return Focus(themes, tuple(own.items()), bool(heard & CUSTOMER_WORDS), bool(heard & SELLER_WORDS))
