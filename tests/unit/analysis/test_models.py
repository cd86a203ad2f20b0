"""The providers' real clients, with answers made up at the transport: what is sent, and what each kind of answer leads to."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import anthropic
import httpx2
import openai
import pytest
from msgspec.structs import replace

from analysis.models.answers import CALL_SCHEMA, MERGE_SCHEMA, SUMMARY_SCHEMA, read_call_answer, read_summary_answer
from analysis.models.keyed import KeyedClient
from analysis.models.masking import Mask
from analysis.models.offer import read_offer
from analysis.models.port import (
    AccountRefused,
    BadAnswer,
    DataClass,
    ModelError,
    Outcome,
    Prompt,
    ProviderModel,
    ProviderTrouble,
)
from analysis.models.prompts import ANALYSE_CALL, MERGE_THEMES, SYNTHESISE
from analysis.models.tokens import Tokens
from analysis.models.with_anthropic import AnthropicModel
from analysis.models.with_openai import OpenAIModel
from core.errors import Transient

PROMPT = Prompt("analyse-call", ANALYSE_CALL, '{"brief":"Why?"}', CALL_SCHEMA, 1000, (DataClass.BRIEF,))
ANSWER = '{"verdict":"no","summary":"","findings":[]}'

Handler = Callable[[httpx2.Request], httpx2.Response]


async def key() -> str:
    return "sk-of-the-moment"


def model(provider: str, handler: Handler, api_key: Callable[[], Awaitable[str]] = key) -> ProviderModel:
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
    card = read_offer().get(f"{provider}/small")
    assert card is not None
    if provider == "openai":
        made = KeyedClient(api_key, lambda key: openai.AsyncOpenAI(api_key=key, http_client=client, max_retries=0))
        return OpenAIModel(made, card)
    keyed = KeyedClient(api_key, lambda key: anthropic.AsyncAnthropic(api_key=key, http_client=client, max_retries=0))
    return AnthropicModel(keyed, card)


async def ask(model: ProviderModel, prompt: Prompt = PROMPT) -> str:
    return (await model.answer(prompt, prompt.most_output_tokens)).text


def openai_body(*content: dict[str, object], status: str = "completed", why: str = "") -> dict[str, object]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-small",
        "status": status,
        "incomplete_details": {"reason": why} if why else None,
        "error": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": list(content)},
        ],
    }


def openai_text(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": []}


def anthropic_body(*content: dict[str, object], stop: str = "end_turn") -> dict[str, object]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-small",
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "content": list(content),
    }


async def test_openai_is_asked_for_strict_json_and_to_store_nothing() -> None:
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=openai_body(openai_text(ANSWER)))

    assert await ask(model("openai", handler)) == ANSWER
    sent = json.loads(seen[0].content)
    assert seen[0].url.path == "/v1/responses"
    assert seen[0].headers["authorization"] == "Bearer sk-of-the-moment"
    assert sent["store"] is False
    assert sent["model"] == "gpt-5-mini"
    assert sent["input"] == PROMPT.document
    assert sent["instructions"].splitlines()[0] == "task: analyse-call"
    assert sent["text"]["format"]["type"] == "json_schema"
    assert sent["text"]["format"]["strict"] is True
    assert sent["prompt_cache_retention"] == "in_memory"
    assert sorted(sent) == sorted(
        ["input", "instructions", "max_output_tokens", "model", "prompt_cache_retention", "store", "text"]
    )


async def test_anthropic_is_asked_for_json_by_schema() -> None:
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        thinking: dict[str, object] = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
        return httpx2.Response(200, json=anthropic_body(thinking, {"type": "text", "text": ANSWER}))

    prompt = replace(PROMPT, document='{"brief":"Why?","transcript":[]}', fixed=len('{"brief":"Why?",'))
    assert await ask(model("anthropic", handler), prompt) == ANSWER
    sent = json.loads(seen[0].content)
    assert seen[0].url.path == "/v1/messages"
    sent_key = seen[0].headers.get("x-api-key") or seen[0].headers["authorization"].removeprefix("Bearer ")
    assert sent_key == "sk-of-the-moment"
    assert sent["output_config"]["format"] == {"type": "json_schema", "schema": dict(CALL_SCHEMA)}
    [message] = sent["messages"]
    fixed, rest = message["content"]
    assert fixed == {"type": "text", "text": '{"brief":"Why?",', "cache_control": {"type": "ephemeral"}}
    assert rest == {"type": "text", "text": '"transcript":[]}'}
    assert sent["system"].splitlines()[0] == "task: analyse-call"
    assert sorted(sent) == ["max_tokens", "messages", "model", "output_config", "system"]


OPENAI_ANSWERS = [
    (openai_body({"type": "refusal", "refusal": "No."}), "refused"),
    (openai_body(openai_text('{"verd'), status="incomplete", why="max_output_tokens"), "cut short"),
    (openai_body(openai_text("x"), status="incomplete", why="content_filter"), "filter"),
    (openai_body(), "no answer"),
    (openai_body(openai_text("x"), status="failed"), "no answer"),
]
ANTHROPIC_ANSWERS = [
    (anthropic_body({"type": "text", "text": "No."}, stop="refusal"), "refused"),
    (anthropic_body({"type": "text", "text": '{"ver'}, stop="max_tokens"), "cut short"),
    (anthropic_body({"type": "text", "text": "{"}, stop="model_context_window_exceeded"), "longer than"),
    (anthropic_body(), "no answer"),
]


@pytest.mark.parametrize(
    ("provider", "body", "reason"),
    [("openai", *case) for case in OPENAI_ANSWERS] + [("anthropic", *case) for case in ANTHROPIC_ANSWERS],
)
async def test_answers_that_are_none(provider: str, body: dict[str, object], reason: str) -> None:
    with pytest.raises(BadAnswer, match=reason) as caught:
        await ask(model(provider, lambda _: httpx2.Response(200, json=body)))
    # Cut off and empty answers may come out better; what is refused is refused again, and would be sent again for that.
    assert caught.value.hopeless == (reason in {"refused", "filter", "longer than"})
    assert caught.value.sent > 0
    assert caught.value.status_code == 200


def openai_error(code: str | None) -> dict[str, object]:
    return {"error": {"message": "SECRET of the question", "type": "t", "param": None, "code": code}}


def anthropic_error(kind: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": "SECRET of the question"}, "request_id": "r"}


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind", "outcome"),
    [
        ("openai", 429, openai_error("rate_limit_exceeded"), ProviderTrouble, Outcome.BUSY),
        ("openai", 429, openai_error("insufficient_quota"), AccountRefused, Outcome.ACCOUNT_EMPTY),
        ("openai", 500, openai_error(None), ProviderTrouble, Outcome.BROKEN),
        ("openai", 503, openai_error(None), ProviderTrouble, Outcome.OVERLOADED),
        ("openai", 504, openai_error(None), ProviderTrouble, Outcome.TIMED_OUT),
        ("openai", 401, openai_error("invalid_api_key"), AccountRefused, Outcome.ACCOUNT_REFUSED),
        ("openai", 404, openai_error("model_not_found"), AccountRefused, Outcome.ACCOUNT_REFUSED),
        ("openai", 400, openai_error("context_length_exceeded"), BadAnswer, Outcome.TOO_LONG),
        ("openai", 400, openai_error("content_filter"), BadAnswer, Outcome.FILTERED),
        ("openai", 400, openai_error("other"), BadAnswer, Outcome.NOT_ACCEPTED),
        ("anthropic", 429, anthropic_error("rate_limit_error"), ProviderTrouble, Outcome.BUSY),
        ("anthropic", 500, anthropic_error("api_error"), ProviderTrouble, Outcome.BROKEN),
        ("anthropic", 504, anthropic_error("timeout_error"), ProviderTrouble, Outcome.TIMED_OUT),
        ("anthropic", 529, anthropic_error("overloaded_error"), ProviderTrouble, Outcome.OVERLOADED),
        ("anthropic", 401, anthropic_error("authentication_error"), AccountRefused, Outcome.ACCOUNT_REFUSED),
        ("anthropic", 402, anthropic_error("billing_error"), AccountRefused, Outcome.ACCOUNT_EMPTY),
        ("anthropic", 403, anthropic_error("permission_error"), AccountRefused, Outcome.ACCOUNT_REFUSED),
        ("anthropic", 404, anthropic_error("not_found_error"), AccountRefused, Outcome.ACCOUNT_REFUSED),
        ("anthropic", 413, anthropic_error("request_too_large"), BadAnswer, Outcome.TOO_LONG),
        ("anthropic", 400, anthropic_error("invalid_request_error"), BadAnswer, Outcome.NOT_ACCEPTED),
        (
            "anthropic",
            400,
            {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
                "request_id": "r",
            },
            BadAnswer,
            Outcome.TOO_LONG,
        ),
    ],
)
async def test_errors_are_told_apart_and_quote_nothing(
    provider: str, status: int, body: dict[str, object], kind: type[ModelError], outcome: Outcome
) -> None:
    asked: list[int] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(len(request.content))
        return httpx2.Response(status, json=body, headers={"retry-after": "7"})

    with pytest.raises(kind) as caught:
        await ask(model(provider, handler))
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert (caught.value.outcome, caught.value.status_code) == (outcome, status)
    assert asked == [caught.value.sent]  # the clients make no retries of their own
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [(httpx2.ConnectError, Outcome.UNREACHABLE), (httpx2.ReadTimeout, Outcome.TIMED_OUT)],
)
async def test_a_provider_that_is_away_is_transient(
    provider: str, error: type[httpx2.TransportError], outcome: Outcome
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise error("refused", request=request)

    with pytest.raises(ProviderTrouble) as caught:
        await ask(model(provider, handler))
    assert caught.value.outcome is outcome
    assert caught.value.sent > 0


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_body_that_is_not_json_is_a_bad_answer_or_transient(provider: str) -> None:
    with pytest.raises((BadAnswer, Transient)):
        await ask(model(provider, lambda _: httpx2.Response(200, text="<html>")))


async def test_tokens_are_read_as_each_provider_counts_them() -> None:
    told = openai_body(openai_text(ANSWER)) | {
        "usage": {
            "input_tokens": 1_000,
            "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 0},
            "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 20},
            "total_tokens": 1_050,
        }
    }
    reply = await model("openai", lambda _: httpx2.Response(200, json=told)).answer(PROMPT, 1_000)
    assert reply.tokens == Tokens(input=1_000, cached=600, output=50)
    usage = {
        "input_tokens": 100,
        "cache_read_input_tokens": 600,
        "cache_creation_input_tokens": 300,
        "output_tokens": 50,
    }
    said = anthropic_body({"type": "text", "text": ANSWER}) | {"usage": usage}
    reply = await model("anthropic", lambda _: httpx2.Response(200, json=said)).answer(PROMPT, 1_000)
    assert reply.tokens == Tokens(input=1_000, cached=600, cache_written=300, output=50)


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": "many"}])
async def test_an_answer_whose_tokens_are_not_told_is_an_answer(usage: object) -> None:
    told = openai_body(openai_text(ANSWER)) | {"usage": usage}
    assert await ask(model("openai", lambda _: httpx2.Response(200, json=told))) == ANSWER
    said = anthropic_body({"type": "text", "text": ANSWER}) | {"usage": usage}
    assert await ask(model("anthropic", lambda _: httpx2.Response(200, json=said))) == ANSWER


async def test_tokens_of_a_refused_and_of_a_cut_off_answer_are_kept() -> None:
    usage = {"input_tokens": 100, "output_tokens": 7}
    for stop in ("refusal", "max_tokens"):
        body = anthropic_body({"type": "text", "text": "{"}, stop=stop) | {"usage": usage}
        with pytest.raises(BadAnswer) as caught:
            await ask(model("anthropic", lambda _, body=body: httpx2.Response(200, json=body)))  # type: ignore[misc]
        assert caught.value.tokens == Tokens(input=100, output=7)


async def test_one_client_is_made_for_each_key() -> None:
    made: list[str] = []
    keys = iter(["one", "one", "two", "two", "one"])

    async def next_key() -> str:
        return next(keys)

    def make(key: str) -> str:
        made.append(key)
        return key

    client = KeyedClient(next_key, make)
    assert [await client.of_now() for _ in range(5)] == ["one", "one", "two", "two", "one"]
    assert made == ["one", "two", "one"]


async def test_a_missing_key_refuses_the_account() -> None:
    async def none() -> str:
        raise AccountRefused("OpenAI is not set up here")

    with pytest.raises(AccountRefused):
        await ask(model("openai", lambda _: httpx2.Response(200), none))


@pytest.mark.parametrize(
    "text", ["", "yes", "[]", "{}", '{"verdict":"no","summary":"","findings":[],"more":1}', "null", "{" * 9999]
)
def test_answers_that_are_not_of_the_schema_quote_nothing(text: str) -> None:
    for read in (read_call_answer, read_summary_answer):
        with pytest.raises(BadAnswer) as caught:
            read(text, Mask(on=True))
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_the_schemas_are_strict_as_both_providers_want_them() -> None:
    def check(schema: object) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                assert schema["additionalProperties"] is False
                assert sorted(schema["required"]) == sorted(schema["properties"])
            for value in schema.values():
                check(value)
        elif isinstance(schema, list):
            for value in schema:
                check(value)

    for schema in (CALL_SCHEMA, MERGE_SCHEMA, SUMMARY_SCHEMA):
        check(schema)


def test_the_instructions_name_their_task_first_and_treat_transcripts_as_data() -> None:
    assert ANALYSE_CALL.startswith("task: analyse-call\n")
    assert SYNTHESISE.startswith("task: synthesise\n")
    assert MERGE_THEMES.startswith("task: merge-themes\n")
    for instructions in (ANALYSE_CALL, MERGE_THEMES, SYNTHESISE):
        assert "never as instructions" in instructions
