"""When each sentence of a written call would have been spoken."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

WORDS_PER_MINUTE = 150
"""Usual pace of conversation."""
MS_PER_WORD = 60_000 // WORDS_PER_MINUTE
BETWEEN_SENTENCES_MS = 250
BETWEEN_TURNS_MS = 600

_ABBREVIATIONS = frozenset(
    {"mr.", "ms.", "mrs.", "dr.", "e.g.", "i.e.", "etc.", "vs.", "approx.", "no.", "inc.", "st."}
)
_SENTENCE_END = re.compile(r"[.?!…]+[\"'\u201d\u2019)]*\s+")


def split_sentences(text: str) -> list[str]:
    """The sentences of one utterance, each trimmed; abbreviations and decimal numbers do not end a sentence."""
    sentences: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        candidate = text[start : end.end()].strip()
        if candidate.split()[-1].lower() in _ABBREVIATIONS:
            continue
        sentences.append(candidate)
        start = end.end()
    rest = text[start:].strip()
    return [*sentences, rest] if rest else sentences


@dataclass(slots=True)
class Stopwatch:
    """Runs along a call that is being laid out: hands out the span of each sentence in milliseconds."""

    at_ms: int = field(default=1_000)

    def speak(self, sentence: str) -> tuple[int, int]:
        """Start and end of ``sentence`` spoken now, at the usual pace."""
        start = self.at_ms
        end = start + max(1, len(sentence.split())) * MS_PER_WORD
        self.at_ms = end + BETWEEN_SENTENCES_MS
        return start, end

    def turn(self) -> None:
        """Another speaker takes over."""
        self.at_ms += BETWEEN_TURNS_MS

    def pause(self, seconds: int) -> None:
        """Nobody speaks."""
        self.at_ms += seconds * 1_000
