"""Puts into words what the chosen sentences show: who says what about which subject, with a fragment of their own words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from local.sandbox.language_model.documents import Sentiment, SpokenSentence
from local.sandbox.language_model.words import content_stems

LONGEST_FRAGMENT = 110
"""Characters of a sentence that a claim repeats."""

_CLAUSE_END = re.compile(r"(?<=[,;:\u2013\u2014])\s+")
_MANNER: dict[Sentiment, str] = {
    "positive": "speaks well of",
    "negative": "is critical about",
    "mixed": "sees two sides of",
    "neutral": "talks about",
}
_SELLER_MANNER: dict[Sentiment, str] = {
    "positive": "makes the case on",
    "negative": "concedes a difficulty with",
    "mixed": "weighs",
    "neutral": "explains",
}


def claim_text(
    subject: str, sentiment: Sentiment, said: Sequence[SpokenSentence], telling: frozenset[str], two_sided: bool
) -> str:
    """One sentence about ``said``, best evidence first. ``two_sided``: the call has both a seller and a customer."""
    lead = said[0]
    manner = _SELLER_MANNER if two_sided and lead.affiliation == "internal" else _MANNER
    claim = f"{_speaker(lead, two_sided)} {manner[sentiment]} {subject}: “{fragment(lead.text, telling)}”"
    others = [name for name in dict.fromkeys(sentence.speaker for sentence in said) if name != lead.speaker]
    if others:
        return f"{claim}; {joined(others)} {'speaks' if len(others) == 1 else 'speak'} to it too."
    return claim + "."


def _speaker(sentence: SpokenSentence, two_sided: bool) -> str:
    if two_sided and sentence.affiliation == "external":
        return f"{sentence.speaker}, for the customer,"
    if two_sided and sentence.affiliation == "internal":
        return f"{sentence.speaker}, for the seller,"
    return sentence.speaker


def fragment(sentence: str, telling: frozenset[str]) -> str:
    """A part of the sentence, word for word, that holds its telling words; with … where something is left out."""
    text = sentence.strip()
    if len(text) <= LONGEST_FRAGMENT:
        return text.rstrip(".")
    clauses = _CLAUSE_END.split(text)
    best = max(range(len(clauses)), key=lambda at: (len(telling & set(content_stems(clauses[at]))), -at))
    start = text.find(clauses[best])
    cut = text[start : start + LONGEST_FRAGMENT]
    if start + len(cut) < len(text):
        cut = cut.rsplit(" ", 1)[0].rstrip(",;:") + " …"
    return ("… " if start else "") + cut.rstrip(".")


def joined(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
