"""How often a question is asked, of whom, and what is noted of it."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from unit.analysis.conversation import PLAN, SENT, Stage, stage

from analysis.domain.request import RunId
from analysis.models.asking import Conversation, Patience
from analysis.models.port import (
    AccountRefused,
    BadAnswer,
    CutShort,
    DataClass,
    Outcome,
    Prompt,
    ProviderAway,
    ProviderTrouble,
    Refused,
)
from analysis.models.tokens import Tokens
from core.ids import uuid7

PROMPT = Prompt("analyse-call", "task: analyse-call", "{}", {}, 16_000, (DataClass.BRIEF,))


def trouble(outcome: Outcome = Outcome.OVERLOADED, retry_after: float | None = None) -> ProviderTrouble:
    return ProviderTrouble("OpenAI is overloaded (529)", outcome, retry_after)


def outcomes(talk: Conversation) -> list[str]:
    return [one.outcome.value for one in talk.requests]


async def failed(stage: Stage, times: int) -> None:
    """Requests of so many runs that come to nothing."""
    for _ in range(times):
        with pytest.raises(ProviderTrouble):
            await stage.talk().ask(PROMPT)


async def test_an_answer_is_noted_with_its_tokens_and_cost() -> None:
    talk = stage("fine").talk()
    assert await talk.ask(PROMPT) == "fine"
    [noted] = talk.requests
    assert (noted.outcome, noted.sent, noted.status) == (Outcome.ANSWERED, SENT, 200)
    assert noted.tokens == Tokens(input=40, output=10)
    assert noted.cost == (40 * 250_000 + 10 * 2_000_000) // 1_000_000
    assert talk.answered_by == ("openai/small",)
    assert "{}" not in repr(noted)


async def test_trouble_is_repeated_in_place_with_jitter_and_each_attempt_noted() -> None:
    here = stage(trouble(), trouble(), "fine")
    talk = here.talk()
    assert await talk.ask(PROMPT) == "fine"
    assert outcomes(talk) == ["overloaded", "overloaded", "answered"]
    assert len(here.time.slept) == 2
    assert all(0 <= wait <= 2.0 for wait in here.time.slept)


async def test_what_the_provider_asks_for_is_waited_in_place_when_short_and_handed_to_the_queue_when_long() -> None:
    here = stage(trouble(Outcome.BUSY, 3.0), "fine")
    assert await here.talk().ask(PROMPT) == "fine"
    assert sum(here.time.slept) >= 3.0
    here = stage(trouble(Outcome.BUSY, 40.0), "fine")
    with pytest.raises(ProviderTrouble) as caught:
        await here.talk().ask(PROMPT)
    assert caught.value.retry_after == 40.0
    assert here.time.slept == []


async def test_a_provider_that_asked_to_wait_is_asked_by_nobody_meanwhile() -> None:
    here = stage(trouble(Outcome.BUSY, 40.0), "fine")
    await failed(here, 1)
    other = here.talk()
    with pytest.raises(ProviderTrouble) as caught:
        other.ready()
    assert 40 <= (caught.value.retry_after or 0) <= 50
    with pytest.raises(ProviderTrouble):
        await other.ask(PROMPT)
    assert (len(here.openai.rooms), other.requests) == (1, [])
    # Another model of the same provider has limits of its own.
    assert await here.talk(model="openai/large").ask(PROMPT) == "fine"
    here.time.pass_by(40)
    other.ready()
    assert await other.ask(PROMPT) == "fine"


async def test_a_run_has_a_budget_of_retries_and_no_more() -> None:
    here = stage(trouble(), patience=Patience(retries=0))
    run_id = RunId(uuid7())
    spent = 0
    for _ in range(40):
        talk = here.talk(run_id, again=True)
        here.asker.circuit("openai")._close()
        with pytest.raises(ProviderTrouble):
            await talk.ask(PROMPT)
        spent += len(talk.requests)
    assert spent == 10
    # Another run has its own.
    with pytest.raises(ProviderTrouble):
        await here.talk(again=True).ask(PROMPT)
    assert len(here.openai.rooms) == 11


async def test_a_budget_comes_back_by_answers_and_by_time() -> None:
    here = stage(*[trouble()] * 10, "fine", patience=Patience(retries=0))
    run_id = RunId(uuid7())
    for _ in range(10):
        here.asker.circuit("openai")._close()
        with pytest.raises(ProviderTrouble):
            await here.talk(run_id, again=True).ask(PROMPT)
    here.asker.circuit("openai")._close()
    with pytest.raises(ProviderAway) as caught:
        await here.talk(run_id, again=True).ask(PROMPT)
    assert 0 < (caught.value.retry_after or 0) <= 15
    here.time.pass_by(15)
    assert await here.talk(run_id, again=True).ask(PROMPT) == "fine"
    for _ in range(10):
        assert await here.talk(run_id).ask(PROMPT) == "fine"
    assert await here.talk(run_id, again=True).ask(PROMPT) == "fine"


async def test_first_questions_cost_nothing_of_the_budget() -> None:
    here = stage("fine")
    run_id = RunId(uuid7())
    for _ in range(100):
        assert await here.talk(run_id).ask(PROMPT) == "fine"


async def test_the_circuit_opens_after_failures_in_a_row_and_one_request_tries_it_out() -> None:
    here = stage(*[trouble()] * 6, "fine", patience=Patience(retries=0))
    await failed(here, 5)
    talk = here.talk()
    with pytest.raises(ProviderAway) as caught:
        talk.ready()
    assert 0 < (caught.value.retry_after or 0) <= 5
    await failed(here, 3)
    assert len(here.openai.rooms) == 5, "nothing is sent while it is open"
    here.time.pass_by(5)
    await failed(here, 1)
    assert len(here.openai.rooms) == 6, "half open, one request has tried it out"
    here.time.pass_by(5)
    await failed(here, 1)
    assert len(here.openai.rooms) == 6, "it stays open for twice as long"
    here.time.pass_by(5)
    assert await here.talk().ask(PROMPT) == "fine"
    assert await here.talk().ask(PROMPT) == "fine"
    assert here.asker.circuit("openai").closed


async def test_only_one_request_at_a_time_tries_out_an_open_circuit() -> None:
    here = stage(*[trouble()] * 5, "fine", patience=Patience(retries=0))
    await failed(here, 5)
    here.time.pass_by(5)
    circuit = here.asker.circuit("openai")
    turn = circuit.enter()
    assert turn is not None
    assert circuit.enter() is None
    with pytest.raises(ProviderAway):
        await here.talk().ask(PROMPT)
    with turn:  # gives up without a word: the next one may try
        pass
    assert await here.talk().ask(PROMPT) == "fine"


async def test_answers_of_any_kind_show_that_the_provider_is_there() -> None:
    bad = BadAnswer("the model gave no answer")
    here = stage(*[trouble(), trouble(), trouble(), trouble(), bad] * 3, "fine", patience=Patience(retries=0))
    for _ in range(15):
        with pytest.raises((ProviderTrouble, BadAnswer)):
            await here.talk().ask(PROMPT)
    assert await here.talk().ask(PROMPT) == "fine"


async def test_another_provider_is_asked_only_where_that_is_allowed_and_only_once_the_first_is_away() -> None:
    here = stage(trouble(), patience=Patience(retries=0))
    with pytest.raises(ProviderTrouble):
        await here.talk(stand_ins=PLAN).ask(PROMPT)
    assert here.anthropic.rooms == [], "one failure is no absence"
    await failed(here, 4)
    with pytest.raises(ProviderAway):
        await here.talk().ask(PROMPT)
    assert here.anthropic.rooms == [], "the workspace has not allowed it"
    with pytest.raises(ProviderAway):
        await here.talk(stand_ins=("openai/small", "openai/large")).ask(PROMPT)
    assert here.anthropic.rooms == [], "the plan has no model of the other provider"
    talk = here.talk(stand_ins=PLAN)
    talk.ready()
    assert await talk.ask(PROMPT) == "from anthropic"
    assert talk.answered_by == ("anthropic/small",)
    assert (await here.talk(stand_ins=PLAN, model="openai/large").ask(PROMPT)) == "from anthropic"


async def test_another_provider_is_asked_when_the_runs_budget_is_used_up() -> None:
    here = stage(trouble(), patience=Patience(retries=0))
    run_id = RunId(uuid7())
    for _ in range(10):
        here.asker.circuit("openai")._close()
        with pytest.raises(ProviderTrouble):
            await here.talk(run_id, again=True, stand_ins=PLAN).ask(PROMPT)
    here.asker.circuit("openai")._close()
    assert await here.talk(run_id, again=True, stand_ins=PLAN).ask(PROMPT) == "from anthropic"


async def test_another_provider_is_asked_when_the_first_refuses_our_account() -> None:
    here = stage(AccountRefused("OpenAI refuses our account", Outcome.ACCOUNT_EMPTY))
    with pytest.raises(AccountRefused):
        await here.talk().ask(PROMPT)
    talk = here.talk(stand_ins=PLAN)
    assert await talk.ask(PROMPT) == "from anthropic"
    assert outcomes(talk) == ["account_empty", "answered"]


async def test_when_both_refuse_the_first_ones_words_count() -> None:
    here = stage(AccountRefused("OpenAI refuses"), anthropic=[AccountRefused("Anthropic refuses")])
    with pytest.raises(AccountRefused, match="OpenAI"):
        await here.talk(stand_ins=PLAN).ask(PROMPT)


async def test_the_stand_in_has_the_same_tier_where_the_plan_has_one() -> None:
    here = stage("fine")
    names = {
        model: [card.id for card in here.talk(stand_ins=PLAN, model=model).cards]
        for model in ("openai/large", "anthropic/small")
    }
    assert names == {
        "openai/large": ["openai/large", "anthropic/large"],
        "anthropic/small": ["anthropic/small", "openai/small"],
    }
    few = here.talk(stand_ins=("openai/large", "anthropic/small"), model="openai/large")
    assert [card.id for card in few.cards] == ["openai/large", "anthropic/small"]


async def test_a_cut_off_answer_is_asked_for_once_more_with_more_room() -> None:
    here = stage(CutShort(), "whole")
    talk = here.talk()
    assert await talk.ask(PROMPT) == "whole"
    assert here.openai.rooms == [16_000, 64_000]
    assert outcomes(talk) == ["cut_short", "answered"]


async def test_an_answer_that_is_cut_off_twice_has_failed_in_words() -> None:
    here = stage(CutShort())
    with pytest.raises(CutShort, match="cut short twice, the second time at 64,000 tokens") as caught:
        await here.talk().ask(PROMPT)
    assert caught.value.hopeless
    assert len(here.openai.rooms) == 2


async def test_more_room_than_the_model_has_is_not_asked_for() -> None:
    here = stage(CutShort())
    whole = replace(PROMPT, most_output_tokens=500_000)
    with pytest.raises(CutShort, match="128,000 tokens") as caught:
        await here.talk().ask(whole)
    assert caught.value.hopeless
    assert here.openai.rooms == [128_000]


async def test_a_refusal_is_not_asked_again() -> None:
    here = stage(Refused("the model refused to answer"))
    talk = here.talk()
    with pytest.raises(Refused):
        await talk.ask(PROMPT)
    assert outcomes(talk) == ["refused"]


async def test_an_answer_that_cannot_be_read_is_noted_as_that_with_what_it_cost() -> None:
    talk = stage("not JSON").talk()

    def read(_: str) -> str:
        raise BadAnswer("the model's answer was not JSON")

    with pytest.raises(BadAnswer):
        await talk.answer(PROMPT, read)
    assert outcomes(talk) == ["unreadable"]
    assert talk.requests[0].cost > 0
    assert talk.answered_by == ()


async def test_a_model_that_is_not_on_offer_any_more_refuses() -> None:
    talk = stage("fine").talk(model="openai/tiny")
    with pytest.raises(AccountRefused, match="not offered any more"):
        talk.ready()
    with pytest.raises(AccountRefused):
        await talk.ask(PROMPT)


async def test_a_request_that_never_left_is_not_noted() -> None:
    refused = AccountRefused("OpenAI is not set up here")
    talk = stage(refused, sent=0).talk()
    with pytest.raises(AccountRefused):
        await talk.ask(PROMPT)
    assert talk.requests == []


async def test_questions_that_are_asked_at_once_are_noted_each_with_its_own_outcome() -> None:
    talk = stage("one", "two", "three").talk()

    def read(text: str) -> str:
        if text == "two":
            raise BadAnswer("the model's answer was not JSON")
        return text

    answers = await asyncio.gather(*[talk.answer(PROMPT, read) for _ in range(3)], return_exceptions=True)
    assert [isinstance(answer, BadAnswer) for answer in answers] == [False, True, False]
    assert outcomes(talk) == ["answered", "unreadable", "answered"]
