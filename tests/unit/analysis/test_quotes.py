"""A quote counts only when it was said, word for word, by one speaker; who and when come from the transcript."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.domain.quotes import SHORTEST_QUOTE, ClaimedQuote, QuoteCheck
from analysis.domain.transcript import Affiliation, Sentence

WORDS = [
    "price",
    "is",
    "higher",
    "than",
    "we",
    "planned",
    "for",
    "honestly",
    "finance",
    "must",
    "agree",
    "timing",
    "start",
    "art",
]


def sentence(number: int, speaker: str, text: str) -> Sentence:
    return Sentence(
        f"s{number}", speaker, f"Speaker {speaker}", Affiliation.EXTERNAL, number * 1000, number * 1000 + 900, text
    )


TRANSCRIPT = (
    sentence(1, "a", "Thanks for making the time today."),
    sentence(2, "b", "Honestly, the price is high."),
    sentence(3, "b", "Finance would have to agree."),
    sentence(4, "a", "Finance would have to agree."),
    sentence(5, "a", "Sure."),
    sentence(6, "b", "Let us start in May, then."),
)
CHECK = QuoteCheck.of(TRANSCRIPT)


@pytest.mark.parametrize(
    ("sentence_id", "text", "found"),
    [
        ("s2", "Honestly, the price is high.", "s2"),
        ("s2", "the price is high", "s2"),
        ("s2", "  the price is high  ", "s2"),
        ("s2", "the price is high. Finance would have to agree.", "s2"),
        ("s3", "the price is high. Finance would have to agree.", "s2"),
        ("s3", "Finance would have to agree.", "s3"),
        ("s4", "Finance would have to agree.", "s4"),
        ("s5", "Sure.", "s5"),
    ],
)
def test_what_was_said_is_found_where_it_was_said(sentence_id: str, text: str, found: str) -> None:
    quote = CHECK.verify(ClaimedQuote(sentence_id, text))
    assert quote is not None
    assert quote.sentence_id == found
    origin = next(each for each in TRANSCRIPT if each.id == found)
    assert (quote.speaker, quote.start_ms) == (origin.speaker, origin.start_ms)


@pytest.mark.parametrize(
    ("sentence_id", "text"),
    [
        pytest.param("s1", "Finance would have to agree.", id="two people said it"),
        pytest.param("s1", "Honestly, the price is high.", id="somebody else said it"),
        pytest.param("s3", "Honestly, the price is high.", id="said just before"),
        pytest.param("s999", "Honestly, the price is high.", id="no such sentence"),
        pytest.param("", "Honestly, the price is high.", id="no sentence"),
    ],
)
def test_words_under_another_sentence_are_not_a_quote(sentence_id: str, text: str) -> None:
    assert CHECK.verify(ClaimedQuote(sentence_id, text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Honestly, the price is too high.",
        "honestly, the price is high.",
        "Honestly the price is high.",
        "Honestly, the price … high.",
        "Thanks for making the time today. Honestly, the price is high.",
        "onestly, the price is hig",
        "tart in May, then",
        "Finance would have to agree. Finance would have to agree.",
        "Sure",
        "price",
    ],
)
def test_what_was_not_said_so_is_not_a_quote(text: str) -> None:
    for sentence_id in ("s2", "s5", "s999"):
        assert CHECK.verify(ClaimedQuote(sentence_id, text)) is None


def transcripts() -> st.SearchStrategy[tuple[Sentence, ...]]:
    spoken = st.lists(st.sampled_from(WORDS), min_size=3, max_size=9).map(
        lambda words: " ".join(words).capitalize() + "."
    )
    lines = st.lists(st.tuples(st.sampled_from("abc"), spoken), min_size=1, max_size=12)
    return lines.map(lambda said: tuple(sentence(n, who, text) for n, (who, text) in enumerate(said, 1)))


@given(transcripts(), st.data())
def test_every_whole_sentence_is_a_quote_of_its_own_speaker(
    transcript: tuple[Sentence, ...], data: st.DataObject
) -> None:
    said = data.draw(st.sampled_from(transcript))
    quote = QuoteCheck.of(transcript).verify(ClaimedQuote(said.id, said.text))
    assert quote is not None
    assert (quote.sentence_id, quote.speaker, quote.start_ms, quote.text) == (
        said.id,
        said.speaker,
        said.start_ms,
        said.text,
    )


@given(transcripts(), st.data())
def test_a_changed_word_is_found_out(transcript: tuple[Sentence, ...], data: st.DataObject) -> None:
    """Whatever is put in, left out or swapped: what comes through really stands in the words of one speaker."""
    said = data.draw(st.sampled_from(transcript))
    words = said.text.split()
    place = data.draw(st.integers(0, len(words) - 1))
    change = data.draw(st.sampled_from(["drop", "swap", "insert", "case"]))
    if change == "drop":
        words.pop(place)
    elif change == "swap":
        words[place] = data.draw(st.sampled_from(WORDS))
    elif change == "insert":
        words.insert(place, data.draw(st.sampled_from(WORDS)))
    else:
        words[place] = words[place].swapcase()
    changed = " ".join(words)
    assume(len(changed) >= SHORTEST_QUOTE)
    quote = QuoteCheck.of(transcript).verify(ClaimedQuote(said.id, changed))
    if quote is not None:
        assert quote.text in spoken_by_one(transcript, quote.sentence_id)


@given(transcripts(), st.text(max_size=60), st.text(max_size=6))
def test_nothing_is_verified_that_is_not_there(transcript: tuple[Sentence, ...], text: str, sentence_id: str) -> None:
    quote = QuoteCheck.of(transcript).verify(ClaimedQuote(sentence_id, text))
    if quote is not None:
        assert quote.text == text.strip()
        assert quote.text in spoken_by_one(transcript, quote.sentence_id)


@given(transcripts())
def test_two_speakers_cannot_be_joined(transcript: tuple[Sentence, ...]) -> None:
    check = QuoteCheck.of(transcript)
    for one, next_one in itertools.pairwise(transcript):
        if one.speaker_id == next_one.speaker_id:
            continue
        joined = f"{one.text} {next_one.text}"
        quote = check.verify(ClaimedQuote(one.id, joined))
        assert quote is None or joined in spoken_by_one(transcript, quote.sentence_id)


def spoken_by_one(transcript: tuple[Sentence, ...], sentence_id: str) -> str:
    """The stretch of adjacent sentences of one speaker around a sentence, put together in the plainest way."""
    place = next(n for n, each in enumerate(transcript) if each.id == sentence_id)
    first = last = place
    while first > 0 and transcript[first - 1].speaker_id == transcript[place].speaker_id:
        first -= 1
    while last + 1 < len(transcript) and transcript[last + 1].speaker_id == transcript[place].speaker_id:
        last += 1
    return " ".join(each.text for each in transcript[first : last + 1])
