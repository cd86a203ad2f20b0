"""Whether a quote is really in the transcript, word for word.

The model names a sentence and gives a text. The text must stand in that sentence, or run over it in the adjacent sentences of the same
speaker joined by a space; otherwise the quote is dropped, also where the same words stand elsewhere: two people may have said them, and
which of them was meant nobody could tell. Who spoke and when is always taken from the transcript, never from the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from analysis.domain.transcript import Affiliation, Sentence, turns

# A quote of fewer characters proves nothing: it would be found somewhere by chance.
SHORTEST_QUOTE = 8

# Longer ones are passages; no single sentence of a real transcript was longer.
LONGEST_QUOTE = 4_000


class ClaimedQuote(Struct, frozen=True):
    """What the model says was said."""

    sentence_id: str
    text: str


class Quote(Struct, frozen=True):
    """What was said: verbatim, with the place, the speaker and the time of the transcript."""

    sentence_id: str
    text: str
    speaker: str
    affiliation: Affiliation
    start_ms: int


class _Turn(Struct, frozen=True):
    """The joined text of one speaker's adjacent sentences, and where each of them begins in it."""

    sentences: tuple[Sentence, ...]
    text: str
    starts: tuple[int, ...]

    @classmethod
    def of(cls, sentences: tuple[Sentence, ...]) -> _Turn:
        starts, at = [], 0
        for sentence in sentences:
            starts.append(at)
            at += len(sentence.text) + 1
        return cls(sentences, " ".join(sentence.text for sentence in sentences), tuple(starts))

    def places(self, text: str) -> Iterator[tuple[Sentence, ...]]:
        """The sentences that each occurrence of `text` covers."""
        at = self.text.find(text)
        while at >= 0:
            if self._whole_words(at, at + len(text)):
                yield self._covered(at, at + len(text))
            at = self.text.find(text, at + 1)

    def _whole_words(self, start: int, end: int) -> bool:
        """Half a word is not a quote: "art" was not said where "start" was."""
        cut_before = start > 0 and self.text[start].isalnum() and self.text[start - 1].isalnum()
        cut_after = end < len(self.text) and self.text[end - 1].isalnum() and self.text[end].isalnum()
        return not (cut_before or cut_after)

    def _covered(self, start: int, end: int) -> tuple[Sentence, ...]:
        return tuple(
            sentence
            for sentence, begin in zip(self.sentences, self.starts, strict=True)
            if begin < end and start < begin + len(sentence.text)
        )


@dataclass(frozen=True, slots=True)
class QuoteCheck:
    """Checks quotes against one transcript."""

    _turn_of: dict[str, _Turn] = field(repr=False)

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> QuoteCheck:
        """Prepare the transcript's `sentences`."""
        prepared = (_Turn.of(turn) for turn in turns(sentences))
        return cls({sentence.id: turn for turn in prepared for sentence in turn.sentences})

    def verify(self, claimed: ClaimedQuote) -> Quote | None:
        """The quote with the transcript's speaker and time, or None when it is not verbatim where the model says."""
        text, turn = claimed.text.strip(), self._turn_of.get(claimed.sentence_id)
        if turn is None or not self._long_enough(text, claimed.sentence_id):
            return None
        for covered in turn.places(text):
            if any(sentence.id == claimed.sentence_id for sentence in covered):
                first = covered[0]
                return Quote(first.id, text, first.speaker, first.affiliation, first.start_ms)
        return None

    def _long_enough(self, text: str, sentence_id: str) -> bool:
        """Short quotes count only when they are all of the sentence named ("Too dear.")."""
        if len(text) >= SHORTEST_QUOTE:
            return len(text) <= LONGEST_QUOTE
        turn = self._turn_of.get(sentence_id)
        return (
            bool(text)
            and turn is not None
            and any(sentence.id == sentence_id and sentence.text.strip() == text for sentence in turn.sentences)
        )
