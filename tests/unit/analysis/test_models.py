"""The providers' real clients, with answers made up at the transport: what is sent, and what each kind of answer leads to."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import anthropic
import httpx2
import openai
import pytest

from analysis.models.answers import CALL_SCHEMA, MERGE_SCHEMA, SUMMARY_SCHEMA, read_call_answer, read_summary_answer
from analysis.models.masking import Mask
from analysis.models.port import AccountRefused, BadAnswer, LanguageModel, Prompt
from analysis.models.prompts import ANALYSE_CALL, MERGE_THEMES, SYNTHESISE
from analysis.models.with_anthropic import AnthropicModel
from analysis.models.with_openai import OpenAIModel
from core.errors import Transient

PROMPT = Prompt("analyse-call", ANALYSE_CALL, '{"brief":"Why?"}', CALL_SCHEMA, 1000)
ANSWER = '{"verdict":"no","summary":"","findings":[]}'

Handler = Callable[[httpx2.Request], httpx2.Response]


async def key() -> str:
    return "sk-of-the-moment"


def model(provider: str, handler: Handler, api_key: Callable[[], Awaitable[str]] = key) -> LanguageModel:
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
    if provider == "openai":
        return OpenAIModel(openai.AsyncOpenAI(api_key="none", http_client=client), "gpt-small", api_key, 5)
    return AnthropicModel(anthropic.AsyncAnthropic(api_key="none", http_client=client), "claude-small", api_key, 5)


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

    assert await model("openai", handler).ask(PROMPT) == ANSWER
    sent = json.loads(seen[0].content)
    assert seen[0].url.path == "/v1/responses"
    assert seen[0].headers["authorization"] == "Bearer sk-of-the-moment"
    assert sent["store"] is False
    assert sent["model"] == "gpt-small"
    assert sent["input"] == PROMPT.document
    assert sent["instructions"].splitlines()[0] == "task: analyse-call"
    assert sent["text"]["format"]["type"] == "json_schema"
    assert sent["text"]["format"]["strict"] is True
    assert "temperature" not in sent


async def test_anthropic_is_asked_for_json_by_schema() -> None:
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        thinking: dict[str, object] = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
        return httpx2.Response(200, json=anthropic_body(thinking, {"type": "text", "text": ANSWER}))

    assert await model("anthropic", handler).ask(PROMPT) == ANSWER
    sent = json.loads(seen[0].content)
    assert seen[0].url.path == "/v1/messages"
    sent_key = seen[0].headers.get("x-api-key") or seen[0].headers["authorization"].removeprefix("Bearer ")
    assert sent_key == "sk-of-the-moment"
    assert sent["output_config"]["format"] == {"type": "json_schema", "schema": dict(CALL_SCHEMA)}
    assert sent["messages"] == [{"role": "user", "content": PROMPT.document}]
    assert sent["system"].splitlines()[0] == "task: analyse-call"
    assert "temperature" not in sent


OPENAI_ANSWERS = [
    (openai_body({"type": "refusal", "refusal": "No."}), "refused"),
    (openai_body(openai_text('{"verd'), status="incomplete", why="max_output_tokens"), "cut short"),
    (openai_body(openai_text("x"), status="incomplete", why="content_filter"), "refused"),
    (openai_body(), "no answer"),
    (openai_body(openai_text("x"), status="failed"), "no answer"),
]
ANTHROPIC_ANSWERS = [
    (anthropic_body({"type": "text", "text": "No."}, stop="refusal"), "refused"),
    (anthropic_body({"type": "text", "text": '{"ver'}, stop="max_tokens"), "cut short"),
    (anthropic_body({"type": "text", "text": "{"}, stop="model_context_window_exceeded"), "cut short"),
    (anthropic_body(), "no answer"),
]


@pytest.mark.parametrize(
    ("provider", "body", "reason"),
    [("openai", *case) for case in OPENAI_ANSWERS] + [("anthropic", *case) for case in ANTHROPIC_ANSWERS],
)
async def test_answers_that_are_none(provider: str, body: dict[str, object], reason: str) -> None:
    with pytest.raises(BadAnswer, match=reason) as caught:
        await model(provider, lambda _: httpx2.Response(200, json=body)).ask(PROMPT)
    assert not caught.value.hopeless


def openai_error(code: str | None) -> dict[str, object]:
    return {"error": {"message": "SECRET of the question", "type": "t", "param": None, "code": code}}


def anthropic_error(kind: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": "SECRET of the question"}, "request_id": "r"}


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind"),
    [
        ("openai", 429, openai_error("rate_limit_exceeded"), Transient),
        ("openai", 429, openai_error("insufficient_quota"), AccountRefused),
        ("openai", 500, openai_error(None), Transient),
        ("openai", 503, openai_error(None), Transient),
        ("openai", 401, openai_error("invalid_api_key"), AccountRefused),
        ("openai", 404, openai_error("model_not_found"), AccountRefused),
        ("openai", 400, openai_error("context_length_exceeded"), BadAnswer),
        ("openai", 400, openai_error("other"), BadAnswer),
        ("anthropic", 429, anthropic_error("rate_limit_error"), Transient),
        ("anthropic", 500, anthropic_error("api_error"), Transient),
        ("anthropic", 529, anthropic_error("overloaded_error"), Transient),
        ("anthropic", 401, anthropic_error("authentication_error"), AccountRefused),
        ("anthropic", 402, anthropic_error("billing_error"), AccountRefused),
        ("anthropic", 403, anthropic_error("permission_error"), AccountRefused),
        ("anthropic", 404, anthropic_error("not_found_error"), AccountRefused),
        ("anthropic", 413, anthropic_error("request_too_large"), BadAnswer),
        ("anthropic", 400, anthropic_error("invalid_request_error"), BadAnswer),
    ],
)
async def test_errors_are_told_apart_and_quote_nothing(
    provider: str, status: int, body: dict[str, object], kind: type[Exception]
) -> None:
    asked = 0

    def handler(_: httpx2.Request) -> httpx2.Response:
        nonlocal asked
        asked += 1
        return httpx2.Response(status, json=body, headers={"retry-after": "7"})

    with pytest.raises(kind) as caught:
        await model(provider, handler).ask(PROMPT)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert asked == 1  # the clients make no retries of their own
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_provider_that_is_away_is_transient(provider: str) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(Transient):
        await model(provider, handler).ask(PROMPT)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_body_that_is_not_json_is_a_bad_answer_or_transient(provider: str) -> None:
    with pytest.raises((BadAnswer, Transient)):
        await model(provider, lambda _: httpx2.Response(200, text="<html>")).ask(PROMPT)


async def test_a_missing_key_refuses_the_account() -> None:
    async def none() -> str:
        raise AccountRefused("OpenAI is not set up here")

    with pytest.raises(AccountRefused):
        await model("openai", lambda _: httpx2.Response(200), none).ask(PROMPT)


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
