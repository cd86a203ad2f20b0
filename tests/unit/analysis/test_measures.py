"""How a conversation went, counted from its sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.domain.measures import Conversation, Measures, Talk, conversation_of, measured, questions_in
from analysis.domain.transcript import Affiliation, Call, Party, Sentence

SIDES = {"rep": Affiliation.INTERNAL, "se": Affiliation.INTERNAL, "buyer": Affiliation.EXTERNAL}


def call(*said: tuple[str, int, int, str], rep: str = "rep", sides: dict[str, Affiliation] | None = None) -> Call:
    """A call of (speaker, start, end, text)."""
    of = SIDES if sides is None else sides
    parties = tuple(Party(name, name, None, side, None) for name, side in of.items())
    sentences = tuple(
        Sentence(f"s{n}", who, who, of.get(who, Affiliation.UNKNOWN), start, end, text)
        for n, (who, start, end, text) in enumerate(said, start=1)
    )
    return Call("c", "Call", 60, "Acme", "SMB", rep, None, {}, parties, sentences)


def test_a_conversation_is_counted() -> None:
    counted = conversation_of(
        call(
            ("rep", 0, 4_000, "Hello. How are you? And how is business?"),
            ("rep", 5_000, 9_000, "Let me show you."),
            ("buyer", 9_500, 12_000, "Why?"),
            ("se", 12_000, 40_000, "Because it is fast, right?"),
            ("rep", 40_000, 41_000, "Right."),
        )
    )
    assert counted == Conversation(longest_monologue_ms=9_000, questions=2, switches=3, span_ms=41_000)


def test_where_the_rep_is_not_there_the_sellers_side_stands_for_the_rep() -> None:
    said = (("se", 0, 8_000, "Any questions?"), ("buyer", 8_000, 9_000, "No?"), ("se", 9_000, 10_000, "Fine."))
    assert conversation_of(call(*said)) == Conversation(8_000, 1, 2, 10_000)


def test_nothing_is_said_of_a_rep_whom_nobody_knows() -> None:
    counted = conversation_of(call(("a", 0, 5_000, "Why?"), ("b", 5_000, 6_000, "So."), sides={}))
    assert counted == Conversation(None, None, 1, 6_000)
    assert measured([Talk(0, 6_000, counted)]) == Measures(None, None, None, 10.0)


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("What? Why?", 2),
        ("Really?? You mean it?!", 2),
        ("No way?!? Yes.", 1),
        ("いくらですか\uff1f高いですか\uff1f", 2),
        ("كم السعر؟", 1),
        ("¿Cuánto cuesta?", 1),
        ("Ինչո՞ւ", 1),
        ("ምንድን ነው፧", 1),
        ("\u03a4\u03b9 κάνεις; Καλά;", 0),
        ("No; and no.", 0),
        ("", 0),
    ],
)
def test_questions_are_told_by_their_marks_in_any_script(text: str, questions: int) -> None:
    assert questions_in(text) == questions


def test_calls_together_weigh_as_long_as_they_are() -> None:
    talks = [
        Talk(40, 100, Conversation(3_000, 4, 6, 120_000)),
        Talk(10, 20, Conversation(9_000, 1, 0, 60_000)),
        Talk(0, 50, Conversation(None, None, 3, 60_000)),
        Talk(5, 10, None),
    ]
    assert measured(talks) == Measures(round(55 / 130, 4), 9_000, 2.5, 2.25)
    assert measured([]) == Measures() == measured([Talk(0, 0, None)])


sentences = st.tuples(
    st.sampled_from(["rep", "se", "buyer", "stranger"]),
    st.integers(0, 10_000),
    st.integers(-50, 10_000),
    st.text(max_size=8),
).map(lambda said: (said[0], said[1], said[1] + said[2], said[3]))


@given(st.lists(sentences, max_size=12), st.randoms(use_true_random=False))
def test_the_measures_keep_their_bounds_and_no_order_of_calls_changes_them(
    said: list[tuple[str, int, int, str]], rng: object
) -> None:
    counted = conversation_of(call(*said))
    assert 0 <= counted.switches < max(1, len(said))
    assert counted.span_ms >= 0
    talks = [Talk(n, 2 * n, counted if n % 2 else None) for n in range(5)]
    assert measured(talks) == measured(talks[::-1])
    own = measured([Talk(1, 2, counted)])
    assert own.talk_share == 0.5
    assert own.interactivity is None or own.interactivity >= 0
