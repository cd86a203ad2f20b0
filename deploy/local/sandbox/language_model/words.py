"""Words and their stems: enough morphology to match ``pricing`` with ``price``."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_SHORTEST_STEM = 3
_SUFFIXES = ("ations", "ation", "ments", "ment", "ingly", "ings", "ities", "ity", "edly", "ness", "ing", "ied", "ies")
_ENDINGS = ("ers", "ed", "es", "er", "ly", "s")

_STOPWORD_LIST = """a about above after again all also am an and any are as at be because been before being both but by can could did
    do does doing don't done down each few for from further get gets getting go goes going got had has have having he her
    here hers him his how i i'd i'll i'm i've if in into is isn't it it's its just know let let's like lot made make many
    may me might more most much must my no nor not now of off oh okay ok on once one only or other our ours out over own
    really right said same say says she should so some such sure than that that's the their theirs them then there there's
    these they they're thing things think this those through to too uh um under until up us very was we we'll we're we've
    well were what what's when where which while who whom why will with would yeah yes yet you you'd you'll you're you've
    your yours"""
STOPWORDS = frozenset(_STOPWORD_LIST.split())


def words_of(text: str) -> list[str]:
    """All words of the text in lower case, in order."""
    return [match.group().lower().replace("\u2019", "'") for match in _WORD.finditer(text)]


def content_stems(text: str) -> list[str]:
    """The stems of all words that carry meaning, in order, repeats kept."""
    return [stem(word) for word in words_of(text) if word not in STOPWORDS and len(word) > 1]


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The stem of one lower-case word. Light: related forms of a word meet, unrelated words rarely do."""
    base = word.removesuffix("'s")
    for suffix in (*_SUFFIXES, *_ENDINGS):
        if base.endswith(suffix) and len(base) - len(suffix) >= _SHORTEST_STEM and not base.endswith("ss"):
            base = base[: -len(suffix)]
            break
    if len(base) > _SHORTEST_STEM and base[-1] == base[-2] and base[-1] not in "aeiouls":
        base = base[:-1]
    return base[:-1] if base[-1] in "ey" and len(base) > _SHORTEST_STEM else base
