"""A number stays in a summary only where what its sentence cites, or the report's count of that, has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.domain.figures import Counts, Evidence

COUNTS = Counts(
    whole=18,
    calls=frozenset({7, 18, 1, 2}),
    themes_calls=frozenset({7, 2}),
    findings=frozenset({9, 5, 4}),
    quotes=frozenset({12, 3}),
    themes=frozenset({4, 1}),
    accounts=frozenset({2}),
)
EVIDENCE = Evidence.of(
    COUNTS,
    [
        "Price too high",
        "They came in 15 % under you, at $64k.",
        "It took 6 weeks in Q3 and SOC 2, and twelve people.",
        "Version B2B of 2026-11-02",
        "half the team",
    ],
)


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no number.",
        "Price comes up in 7 of 18 calls.",
        "Seven of eighteen calls name price.",
        "In 7/18 calls.",
        "7 out of the 18 analysed calls.",
        "In \u0667 of \u0661\u0668 calls",
        "\uff12 calls",
        "In 7 von 18 Gesprächen",
        "18件中7件で価格",
        "Security (2), price (7)",
        "It took 6 weeks.",
        "It took six weeks.",
        "15 percent less, at $64,000.",
        "39 % of the calls",
        "38.9% of the calls",
        "In Q3 they said so.",
        "SOC 2 and B2B matter.",
        "12 people, on 2026-11-02",
        "half the team",
        "12 quotes, 9 findings, 4 themes, 18 calls",
        "Two customers say so.",
        "One customer says so.",
    ],
)
def test_a_number_that_is_told_stays(sentence: str) -> None:
    assert EVIDENCE.tells(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Price comes up in 9 of 18 calls.",
        "Nine of eighteen calls.",
        "7 of 17 calls",
        "In 8 von 18 Gesprächen",
        "18件中8件で価格",
        "It took 7 weeks.",
        "It took one week.",
        "16 % less",
        "40 % of the calls",
        "In Q4 they said so.",
        "SOC 3 matters.",
        "12 calls",
        "2 findings",
        "Three customers say so.",
        "Security (3)",
        "It costs $15.",
        "It costs 64,000.",
        "It costs $65k.",
        "hundreds of users",
        "twenty-three users",
        "one hundred users",
        "Most calls name price.",
        "half of the calls",
        "all calls",
        "twice as much",
        "two thirds of them",
        "on 2026-11-03",
        "1.5 weeks",
        "٩ of ١٨ calls",
    ],
)
def test_a_number_that_nobody_told_does_not(sentence: str) -> None:
    assert not EVIDENCE.tells(sentence)


def test_shares_in_words_go_by_the_counts() -> None:
    counts = Counts(10, frozenset({5}), frozenset({5}), *(frozenset[int]() for _ in range(4)))
    assert Evidence.of(counts, []).tells("Half of the calls name price.")
    assert not Evidence.of(counts, []).tells("Most of the calls name price.")
    whole = Counts(10, frozenset({10}), frozenset({10}), *(frozenset[int]() for _ in range(4)))
    assert Evidence.of(whole, []).tells("All 10 calls, so most conversations, name price.")


@given(st.text(max_size=80))
def test_a_sentence_that_a_cited_finding_has_word_for_word_is_always_told_if_it_counts_no_calls(text: str) -> None:
    evidence = Evidence.of(Counts(18, *(frozenset[int]() for _ in range(6))), [text])
    assert evidence.tells(text)


@given(st.integers(0, 10**9), st.sampled_from(["{} weeks", "for {} users", "${}", "{}%", "v{}", "{}x", "({})"]))
def test_no_number_is_told_by_nothing(number: int, form: str) -> None:
    assert not Evidence.of(Counts(0, *(frozenset[int]() for _ in range(6))), ["No number at all."]).tells(
        form.format(number)
    )
