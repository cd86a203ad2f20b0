"""Themes are joined as a model says and no further: whatever it answers, no finding is lost and none is made up."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.domain.finding import CallAnalysis, Finding, Sentiment, Verdict
from analysis.domain.quotes import Quote
from analysis.domain.report import digest
from analysis.domain.themes import MOST_IN_BATCH, MOST_LEVELS, Batch, Groups, Reduction, as_joined, labels_of
from analysis.domain.transcript import Affiliation
from analysis.models.masking import Mask
from analysis.models.prompts import merge_themes

QUOTE = Quote("s1", "The price is high.", "Tomás", Affiliation.EXTERNAL, 4000)


def call(number: int, *themes: str) -> CallAnalysis:
    findings = tuple(Finding(theme, f"They speak of {theme}.", Sentiment.NEUTRAL, (QUOTE,)) for theme in themes)
    return CallAnalysis(str(number), "Call", "Acme", "Maya", "SMB", Verdict.YES, "", 1, 2, findings, 0)


def by_meaning(meanings: dict[str, str]) -> object:
    """A model that knows what each label means."""

    def answer(batch: Batch) -> Groups:
        groups: dict[str, list[str]] = {}
        for name, label in batch.ids().items():
            groups.setdefault(meanings.get(label.text, label.text), []).append(name)
        return [group for group in groups.values() if len(group) > 1]

    return answer


def reduced(calls: list[CallAnalysis], model: object) -> tuple[Reduction, int]:
    """The reduce to its end, and how many questions it took."""
    reduction, asked = Reduction.of(labels_of(calls)), 0
    while batches := reduction.batches():
        assert all(len(batch.labels) <= MOST_IN_BATCH for batch in batches)
        asked += len(batches)
        reduction = reduction.after([model(batch) for batch in batches])  # type: ignore[operator]
    return reduction, asked


def test_labels_that_mean_the_same_become_one_under_the_largest_ones_name() -> None:
    calls = [
        call(1, "Too expensive"),
        call(2, "Price too high"),
        call(3, "price too high", "Timing"),
        call(4, "Zu teuer"),
    ]
    means = {"Too expensive": "price", "Price too high": "price", "Zu teuer": "price"}
    reduction, asked = reduced(calls, by_meaning(means))
    assert asked == 1
    assert reduction.joined == {"too expensive": "price too high", "zu teuer": "price too high"}
    themes = digest(calls, [], reduction.joined).themes
    assert [(theme.label, theme.calls, theme.share) for theme in themes] == [
        ("Price too high", 4, 1.0),
        ("Timing", 1, 0.25),
    ]


def test_a_label_in_two_groups_or_unknown_or_alone_stays_where_it_is() -> None:
    calls = [call(1, "A"), call(2, "B"), call(3, "C"), call(4, "D")]
    reduction, _ = reduced(calls, lambda _: [["t1", "t2", "t99", "x", "t1"], ["t2", "t3"], ["t4"], []])
    assert reduction.joined == {}
    reduction, _ = reduced(calls, lambda _: [["t1", "t99", "t1", "t4"]])
    assert reduction.joined == {"d": "a"}


def test_an_unanswered_batch_is_left_as_it_is() -> None:
    reduction, asked = reduced([call(1, "A", "B")], lambda _: None)
    assert (reduction.joined, asked) == ({}, 1)
    assert Reduction.of(labels_of([call(1, "A")])).batches() == ()
    assert Reduction.of([]).batches() == ()


def test_thousands_of_labels_in_other_words_come_together() -> None:
    """3,000 labels for 60 matters: each has a common name and fifty rare ones, told apart by their spelling."""
    matters = [f"Matter {chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(60)]
    means = {f"{Random(f'{m}{n}').randrange(10**9):x} way {n} to say": m for m in matters for n in range(50)}
    means |= {matter: matter for matter in matters}
    names = list(means)
    Random(1).shuffle(names)
    calls = [call(n, name) for n, name in enumerate(names)] + [call(10_000 + n, matters[n % 60]) for n in range(600)]
    reduction, asked = reduced(calls, by_meaning(means))
    labels = len(labels_of(calls))
    assert asked <= labels / 18 + MOST_LEVELS + 1
    print(f"{labels} labels to {len(reduction.labels)} in {asked} questions")
    totals = digest(calls, [], reduction.joined)
    assert sum(len(theme.findings) for theme in totals.themes) == len(calls)
    assert {theme.label: theme.calls for theme in totals.themes} == dict.fromkeys(matters, 61)


def test_a_model_that_joins_nothing_is_not_asked_again_and_again() -> None:
    calls = [call(n, f"Theme {n}") for n in range(1_000)]
    _, asked = reduced(calls, lambda _: [])
    assert asked == 13


def test_anchors_are_joined_by_the_first_batch_only() -> None:
    """Else two batches that disagree would chain them all together."""
    calls = [call(n, f"Theme {n}") for n in range(200)]
    first, second, *_ = Reduction.of(labels_of(calls)).batches()
    anchors = [f"t{n}" for n in range(1, 4)]
    assert len(first.joins([anchors])) == 2
    assert second.joins([anchors]) == {}
    assert list(second.joins([[*anchors, "t90"]]).values()) == [second.labels[0].key]


names = st.lists(st.sampled_from(["A", "B", "C", "D", "E", "Fine", "fine!", "%", "…"]), max_size=4)
answers = st.lists(
    st.lists(st.one_of(st.integers(0, 12).map("t{}".format), st.text(max_size=3)), max_size=6), max_size=6
)


@given(st.lists(names, max_size=8), answers, st.randoms(use_true_random=False))
def test_whatever_a_model_answers_nothing_is_lost_invented_or_left_to_chance(
    themes: list[list[str]], groups: list[list[str]], rng: Random
) -> None:
    calls = [call(number, *of) for number, of in enumerate(themes)]
    shuffled = rng.sample(calls, len(calls))
    reduction, _ = reduced(calls, lambda _: groups)
    again, _ = reduced(shuffled, lambda _: groups)
    assert reduction.joined == again.joined
    assert (
        as_joined(json.loads(json.dumps(dict(reduction.joined))), {label.key for label in labels_of(calls)}) is not None
    )
    totals, before = digest(calls, [], reduction.joined), digest(calls, [])
    assert totals == digest(shuffled, [], again.joined)
    assert {theme.label for theme in totals.themes} <= {theme for of in themes for theme in of}
    assert totals.numbers == before.numbers
    assert _claims(totals.themes) == _claims(before.themes)
    assert len({theme.label for theme in totals.themes}) == len(totals.themes)


def _claims(themes: object) -> Counter[tuple[str, str]]:
    return Counter((item.call_id, item.finding.claim) for theme in themes for item in theme.findings)  # type: ignore[attr-defined]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_many_batches_with_any_answers_keep_all_findings(seed: int) -> None:
    rng = Random(seed)
    calls = [call(number, *(f"Theme {rng.randrange(400)}" for _ in range(3))) for number in range(200)]

    def answer(batch: Batch) -> Groups | None:
        ids = list(batch.ids())
        return rng.choice([None, [rng.sample(ids, rng.randrange(1, 9)) for _ in range(rng.randrange(9))]])

    reduction, _ = reduced(calls, answer)
    totals = digest(calls, [], reduction.joined)
    assert _claims(totals.themes) == _claims(digest(calls, []).themes)
    assert [theme.calls for theme in totals.themes] == [len({i.call_id for i in t.findings}) for t in totals.themes]
    assert [len(label.calls) for label in reduction.labels] == [theme.calls for theme in totals.themes]


@pytest.mark.parametrize(
    "stored", [None, [], "x", {"a": "gone"}, {"gone": "a"}, {"a": "b", "b": "c"}, {"a": "a"}, {"a": 1}, {"a": ["b"]}]
)
def test_what_was_stored_counts_only_where_it_joins_what_is_there(stored: object) -> None:
    assert as_joined(stored, {"a", "b", "c"}) is None


def test_a_question_stays_small_and_hides_what_is_to_be_hidden() -> None:
    calls = [call(n, f"{n} {'x' * 80}"[:80], f"Write to ada{n}@acme.example {'y' * 80}"[:80]) for n in range(500)]
    batch = Reduction.of(labels_of(calls)).batches()[-1]
    prompt = merge_themes("Why?", batch, Mask(on=True))
    assert len(prompt.document) < 60_000
    assert "ada1" not in prompt.document
    assert "[EMAIL-A]" in prompt.document
    document = json.loads(prompt.document)
    assert set(document["labels"][0]) == {"id", "label", "calls", "claims"}
