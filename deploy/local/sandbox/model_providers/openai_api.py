"""OpenAI's API: ``/responses``, ``/chat/completions`` and ``/models``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from pydantic import JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from local.sandbox.language_model.schemas import UnusableSchema, check_schema, check_strict
from local.sandbox.language_model.stand_in import Completion, Ending, Prompt
from local.sandbox.model_providers.service import (
    JSON_OBJECT,
    Json,
    ModelService,
    flag,
    messages_of,
    section,
    whole,
)
from local.sandbox.vendors import openai_error

MODELS = ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4", "gpt-5.5")
MODEL_FAMILY = "gpt-"
"""Any model of the family is served, so that a new name needs no change here."""

_INSTRUCTION_ROLES = frozenset({"system", "developer"})
_USER_ROLE = frozenset({"user"})
_RELEASED = 1_760_000_000
_FINISH = {Ending.COMPLETE: "stop", Ending.CUT_SHORT: "length", Ending.REFUSED: "stop"}

Answer = Callable[[Request, Json], Awaitable[Response]]


class OpenAiApi:
    """The API over the stand-in."""

    def __init__(self, service: ModelService) -> None:
        self._service = service

    def router(self) -> Router:
        """The routes below ``/openai/v1``."""
        return Router(
            [
                Route("/models", self._models, methods=["GET"]),
                Route("/responses", self._post(self._respond), methods=["POST"]),
                Route("/chat/completions", self._post(self._chat), methods=["POST"]),
            ]
        )

    def _refusal(self, request: Request) -> Response | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._service.accepts(key.strip()):
            return None
        return openai_error(HTTPStatus.UNAUTHORIZED, "Incorrect API key provided.")

    async def _models(self, request: Request) -> Response:
        models = [{"id": name, "object": "model", "created": _RELEASED, "owned_by": "openai"} for name in MODELS]
        return self._refusal(request) or JSONResponse({"object": "list", "data": models})

    def _post(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            refusal = self._refusal(request)
            if refusal is not None:
                return refusal
            try:
                body = JSON_OBJECT.validate_json(await request.body())
            except ValidationError:
                return openai_error(HTTPStatus.BAD_REQUEST, "We could not parse the JSON body of your request.")
            return _fault_in(body) or await _answered(answer, request, body)

        return endpoint

    async def _respond(self, request: Request, body: Json) -> Response:
        given = body.get("input")
        form = section(body, "text", "format")
        prompt = Prompt(
            instructions="\n".join(
                [str(body.get("instructions") or ""), *messages_of(given, _INSTRUCTION_ROLES)],
            ),
            user=given if isinstance(given, str) else "\n".join(messages_of(given, _USER_ROLE)),
            schema=_schema(form, form, "text.format.schema"),
            most_tokens=whole(body.get("max_output_tokens")),
        )
        completion = await self._service.complete(request, str(body["model"]), prompt, flag(body.get("store")))
        return JSONResponse(_response(body, completion), headers={"x-request-id": f"req_{uuid.uuid4().hex}"})

    async def _chat(self, request: Request, body: Json) -> Response:
        form = section(body, "response_format")
        prompt = Prompt(
            instructions="\n".join(messages_of(body.get("messages"), _INSTRUCTION_ROLES)),
            user="\n".join(messages_of(body.get("messages"), _USER_ROLE)),
            schema=_schema(form, section(form, "json_schema"), "response_format.json_schema.schema"),
            most_tokens=whole(body.get("max_completion_tokens") or body.get("max_tokens")),
        )
        completion = await self._service.complete(request, str(body["model"]), prompt, flag(body.get("store")))
        return JSONResponse(_chat_completion(body, completion), headers={"x-request-id": f"req_{uuid.uuid4().hex}"})


class _ParameterError(Exception):
    def __init__(self, message: str, param: str, code: str) -> None:
        super().__init__(message)
        self.param, self.code = param, code


async def _answered(answer: Answer, request: Request, body: Json) -> Response:
    try:
        return await answer(request, body)
    except UnusableSchema as error:
        return openai_error(HTTPStatus.BAD_REQUEST, str(error), "invalid_json_schema")
    except _ParameterError as error:
        return openai_error(HTTPStatus.BAD_REQUEST, str(error), error.code, error.param)


def _fault_in(body: Json) -> Response | None:
    model = body.get("model")
    if not isinstance(model, str):
        return openai_error(HTTPStatus.BAD_REQUEST, "Missing required parameter: 'model'.", param="model")
    if not model.startswith(MODEL_FAMILY):
        return openai_error(HTTPStatus.NOT_FOUND, "The requested model does not exist.", "model_not_found", "model")
    if body.get("stream"):
        return openai_error(HTTPStatus.BAD_REQUEST, "The sandbox does not stream; leave 'stream' out.", param="stream")
    return None


def _schema(form: Json, holder: Json, param: str) -> dict[str, JsonValue] | None:
    if form.get("type") != "json_schema":
        return None
    schema = holder.get("schema")
    if not isinstance(schema, dict) or not isinstance(holder.get("name"), str):
        raise _ParameterError(
            f"Missing required parameter: '{param}' or its 'name'.", param, "missing_required_parameter"
        )
    try:
        check_schema(schema)
        if holder.get("strict"):
            check_strict(schema)
    except UnusableSchema as error:
        raise _ParameterError(
            f"Invalid schema for response_format '{holder['name']}': {error}.", param, "invalid_json_schema"
        ) from error
    return schema


def _response(body: Json, completion: Completion) -> dict[str, object]:
    cut = completion.ending is Ending.CUT_SHORT
    now = int(time.time())
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": now,
        "completed_at": None if cut else now,
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": body["model"],
        "output": [_output_message(completion, "incomplete" if cut else "completed")],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": body.get("store", True),
        "temperature": 1.0,
        "top_p": 1.0,
        "text": {"format": section(body, "text", "format") or {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "truncation": "disabled",
        "metadata": {},
        "usage": {
            "input_tokens": completion.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": completion.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": completion.input_tokens + completion.output_tokens,
        },
    }


def _output_message(completion: Completion, status: str) -> dict[str, object]:
    content: dict[str, object] = {"type": "output_text", "text": completion.text, "annotations": [], "logprobs": []}
    if completion.ending is Ending.REFUSED:
        content = {"type": "refusal", "refusal": completion.text}
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [content],
    }


def _chat_completion(body: Json, completion: Completion) -> dict[str, object]:
    refused = completion.ending is Ending.REFUSED
    message = {
        "role": "assistant",
        "content": None if refused else completion.text,
        "refusal": completion.text if refused else None,
    }
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": _FINISH[completion.ending], "logprobs": None, "message": message}],
        "usage": {
            "prompt_tokens": completion.input_tokens,
            "completion_tokens": completion.output_tokens,
            "total_tokens": completion.input_tokens + completion.output_tokens,
        },
    }
