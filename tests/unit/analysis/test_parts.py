"""Long calls: cut at speaker turns with overlap, asked in parts, and put together as if they had been read at once."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.analysis.conversation import Stage, stage
from unit.analysis.long_calls import answer, call, long_call, spoken

from analysis.domain.finding import Verdict
from analysis.domain.parts import parts
from analysis.domain.transcript import Call
from analysis.models.analyst import analyse
from analysis.models.masking import Mask
from analysis.models.port import BadAnswer, Prompt, Reply, TooLong
from analysis.models.prompts import CallQuestion
from analysis.models.tokens import Tokens

said = st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=40)


@given(said, st.integers(5, 90))
def test_every_sentence_is_asked_about_and_no_part_is_too_large(sentences: list[tuple[int, bool]], most: int) -> None:
    sizes, turns, turn = [size for size, _ in sentences], [], 0
    for _, changes in sentences:
        turn += changes
        turns.append(turn)
    found = parts(sizes, turns, most)
    assert sorted({place for part in found for place in part}) == list(range(len(sizes)))
    assert all(len(part) == 1 or sum(sizes[place] for place in part) <= most for part in found)
    for before, after in pairwise(found):
        assert before.start < after.start <= before.stop < after.stop


def test_parts_end_where_the_speaker_changes_and_repeat_the_last_turn() -> None:
    # Ten turns of three sentences, and room for four turns.
    sizes, turns = [10] * 30, [place // 3 for place in range(30)]
    found = parts(sizes, turns, 400)
    assert [len(part) for part in found] == [30]
    found = parts(sizes, turns, 320)
    assert [(part.start, part.stop) for part in found] == [(0, 30)]
    found = parts(sizes, turns, 200)
    assert [(part.start, part.stop) for part in found] == [(0, 18), (18, 30)]
    overlapping = parts([10] * 30, list(range(30)), 200)
    assert [(part.start, part.stop) for part in overlapping] == [(0, 20), (18, 30)]


def test_a_turn_longer_than_a_part_is_cut_between_sentences() -> None:
    found = parts([10] * 30, [0] * 30, 100)
    assert [(part.start, part.stop) for part in found] == [(0, 10), (9, 19), (18, 28), (27, 30)]


def test_a_part_of_one_sentence_is_larger_only_where_that_sentence_is() -> None:
    assert [tuple(part) for part in parts([5, 500, 5], [0, 1, 2], 100)] == [(0,), (1,), (2,)]


def question(found: Call, *, on: bool = True) -> CallQuestion:
    return CallQuestion.of("Why?", found, Mask(on=on))


def test_a_call_that_fits_is_asked_about_whole() -> None:
    [prompt] = question(long_call(50)).prompts(100_000)
    assert "part" not in json.loads(prompt.document)["call"]
    assert prompt == question(long_call(50)).whole()


def test_no_question_has_more_bytes_than_tokens_are_allowed() -> None:
    found = long_call(400)
    asked = question(found)
    prompts = asked.prompts(20_000)
    assert len(prompts) > 3
    for number, prompt in enumerate(prompts, start=1):
        everything = prompt.instructions + prompt.document + json.dumps(prompt.schema, separators=(",", ":"))
        assert len(everything.encode()) <= 20_000
        assert json.loads(prompt.document)["call"]["part"] == f"{number} of {len(prompts)}"
        assert (prompt.part, prompt.parts) == (number, len(prompts))
    ids = {sentence["id"] for prompt in prompts for sentence in spoken(prompt.document)}
    assert ids == {sentence.id for sentence in found.sentences}


@pytest.mark.parametrize("sign", ["word ", "世界", "\u0001", '"\\'])
def test_a_sentence_longer_than_a_part_is_sent_in_several_with_its_id(sign: str) -> None:
    text = "".join(f"{sign}{number}" for number in range(9_000))
    prompts = question(call([("a", "Go on."), ("b", text), ("a", "Thanks.")]), on=False).prompts(20_000)
    pieces = [sentence["text"] for prompt in prompts for sentence in spoken(prompt.document) if sentence["id"] == "s2"]
    assert "".join(dict.fromkeys(pieces)) == text
    assert all(len(prompt.document.encode()) <= 20_000 for prompt in prompts)


def test_a_brief_that_leaves_no_room_is_too_long() -> None:
    with pytest.raises(TooLong):
        CallQuestion.of("?" * 30_000, long_call(3), Mask(on=True)).prompts(20_000)


def test_what_all_questions_of_a_run_begin_with_is_the_same_for_other_calls_and_parts() -> None:
    first, second = question(long_call(400)), question(call([("a", "Another call altogether.")], title="Other"))
    prompts = [*first.prompts(20_000), second.whole()]
    assert len({(prompt.instructions, prompt.document[: prompt.fixed]) for prompt in prompts}) == 1
    assert prompts[0].document[: prompts[0].fixed] == '{"brief":"Why?",'


def test_personal_data_has_the_same_placeholder_in_all_parts_and_comes_back() -> None:
    texts = [
        ("ab"[number % 2], f"Write to bob@acme.com or call +1 415 555 0132, point {number}.") for number in range(200)
    ]
    found = call(texts, title="With bob@acme.com", deal={"account": "ring 415-555-0132", "amount": 5.0})
    mask = Mask(on=True)
    asked = CallQuestion.of("What does bob@acme.com pay with 4111 1111 1111 1111?", found, mask)
    prompts = asked.prompts(15_000)
    assert len(prompts) > 2
    for prompt in prompts:
        assert not any(
            secret in prompt.document for secret in ("bob@acme.com", "555 0132", "555-0132", "4111 1111", "acme.com")
        )
        assert json.loads(prompt.document)["brief"] == "What does [EMAIL-A] pay with [CARD-A]?"
        assert json.loads(prompt.document)["call"]["title"] == "With [EMAIL-A]"
        assert all("[EMAIL-A]" in sentence["text"] for sentence in spoken(prompt.document))
        assert prompt.masked["email"] == 2 + len(spoken(prompt.document))
        assert prompt.masked["card"] == 1
    last = spoken(prompts[-1].document)[-1]["text"]
    assert mask.show(last) == texts[-1][1]


class Reader:
    """A model that finds what it is told to look for, in whatever part it is in, and quotes the sentence."""

    def __init__(self, here: Stage, wanted: dict[str, str], most: int = 10**9) -> None:
        self.sizes: list[int] = []
        self._wanted = wanted
        self._most = most
        here.asker.models = dict.fromkeys(here.asker.models, self)

    async def answer(self, prompt: Prompt, _: int) -> Reply:
        size = len(prompt.document.encode())
        self.sizes.append(size)
        if size > self._most:
            error = TooLong()
            error.sent = size
            raise error
        sentences = spoken(prompt.document)
        found = [
            (theme, sentence["id"], sentence["text"])
            for theme, words in self._wanted.items()
            for sentence in sentences
            if words in sentence["text"]
        ]
        verdict = "yes" if found else "no"
        return Reply(answer(verdict, *found, summary=f"{len(found)} found."), Tokens(size // 4, output=5), size)


async def test_findings_of_all_parts_are_in_the_result_once_and_verbatim() -> None:
    here = stage("")
    # 200,000 tokens of context leave 136,000 bytes beside the longest answer.
    found = long_call(2_500)
    reader = Reader(here, {"Early": "Point 7 is", "Late": "Point 2444 is", "Middle": "Point 1200 is"})
    talk = here.talk(model="anthropic/small")
    result = await analyse(talk, "Why?", found, Mask(on=True))
    assert len(reader.sizes) > 2
    assert max(reader.sizes) < 136_000
    assert result.verdict is Verdict.YES
    assert {finding.theme for finding in result.findings} == {"Early", "Middle", "Late"}
    assert [finding.quotes[0].sentence_id for finding in result.findings] == ["s8", "s1201", "s2445"]
    assert result.quotes_dropped == 0
    assert (result.rep_talk_ms, result.total_talk_ms) == (found.rep_talk_ms, found.total_talk_ms)
    assert [one.prompt.part for one in talk.requests] == list(range(1, len(reader.sizes) + 1))


async def test_what_both_parts_say_of_their_overlap_is_said_once() -> None:
    here = stage("")
    reader = Reader(here, {"Every point": " so."})
    result = await analyse(here.talk(model="anthropic/small"), "Why?", long_call(2_500, words=30), Mask(on=True))
    quoted = [quote.sentence_id for finding in result.findings for quote in finding.quotes]
    assert len(quoted) == len(set(quoted)) == 20
    assert len(reader.sizes) > 3


async def test_parts_are_halved_when_the_provider_says_they_are_too_long() -> None:
    here = stage("")
    found = long_call(1_000)
    reader = Reader(here, {"Late": "Point 999 is"}, most=60_000)
    talk = here.talk(model="anthropic/small")
    result = await analyse(talk, "Why?", found, Mask(on=True))
    assert [finding.theme for finding in result.findings] == ["Late"]
    assert [one.outcome.value for one in talk.requests].count("too_long") == 2
    assert max(reader.sizes[2:]) <= 60_000


async def test_a_model_that_takes_no_part_fails_in_words() -> None:
    here = stage("")
    Reader(here, {}, most=10)
    with pytest.raises(BadAnswer, match="longer than the model can read") as caught:
        await analyse(here.talk(), "Why?", long_call(1_000), Mask(on=True))
    assert caught.value.hopeless


@pytest.mark.parametrize(
    ("verdicts", "merged", "summary"),
    [
        (["no", "yes", "partly"], Verdict.YES, "Part 2."),
        (["no", "partly", "unclear"], Verdict.PARTLY, "Part 2."),
        (["unclear", "no", "no"], Verdict.UNCLEAR, "Part 1."),
        (["no", "no", "no"], Verdict.NO, "Part 1. Part 2. Part 3."),
        (["yes", "no", "yes"], Verdict.YES, "Part 1. Part 3."),
    ],
)
async def test_the_strongest_verdict_of_the_parts_counts(verdicts: list[str], merged: Verdict, summary: str) -> None:
    replies = [answer(verdict, summary=f"Part {number}.") for number, verdict in enumerate(verdicts, start=1)]
    here = stage("", anthropic=replies)
    found = long_call(1_200, words=30)
    talk = here.talk(model="anthropic/small")
    result = await analyse(talk, "Why?", found, Mask(on=True))
    assert len(talk.requests) == 3
    assert (result.verdict, result.summary) == (merged, summary)


async def test_same_sentences_or_same_theme_of_one_sentence_make_one_finding() -> None:
    found = long_call(1_200, words=30)
    one, two = found.sentences[3], found.sentences[9]
    replies = [
        answer("yes", ("Price", one.id, one.text), ("Timing", two.id, two.text)),
        answer(
            "yes", ("Cost", one.id, one.text), ("timing!", two.id, "Point 9 is really"), ("New", "s900", "Point 899 is")
        ),
        answer("no", ("Invented", "s1", "Nobody has ever said this here.")),
    ]
    here = stage("", anthropic=replies)
    result = await analyse(here.talk(model="anthropic/small"), "Why?", found, Mask(on=True))
    assert [(finding.theme, len(finding.quotes)) for finding in result.findings] == [
        ("Price", 1),
        ("Timing", 2),
        ("New", 1),
    ]
    assert result.quotes_dropped == 1
