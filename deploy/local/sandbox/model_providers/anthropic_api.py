"""Anthropic's API: ``/v1/messages``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus

from pydantic import JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from local.sandbox.language_model.schemas import UnusableSchema, check_closed, check_schema
from local.sandbox.language_model.stand_in import Completion, Ending, Prompt
from local.sandbox.model_providers.service import (
    JSON_OBJECT,
    Json,
    ModelService,
    messages_of,
    section,
    text_of,
    whole,
)
from local.sandbox.vendors import anthropic_error

API_VERSIONS = frozenset({"2023-06-01", "2026-10-21"})
"""The documented version, and the one the vendor's client 2.12.0 sends by itself."""
MODEL_FAMILY = "claude-"
"""Any model of the family is served, so that a new name needs no change here."""

_INSTRUCTION_ROLES = frozenset({"system"})
_USER_ROLE = frozenset({"user"})
_STOP: Mapping[Ending, str] = {
    Ending.COMPLETE: "end_turn",
    Ending.CUT_SHORT: "max_tokens",
    Ending.REFUSED: "refusal",
}


class AnthropicApi:
    """The API over the stand-in."""

    def __init__(self, service: ModelService) -> None:
        self._service = service

    def router(self) -> Router:
        """The routes below ``/anthropic``."""
        return Router([Route("/v1/messages", self._create_message, methods=["POST"])])

    async def _create_message(self, request: Request) -> Response:
        if not self._service.accepts(_key_of(request)):
            return anthropic_error(HTTPStatus.UNAUTHORIZED, "invalid x-api-key")
        if request.headers.get("anthropic-version") not in API_VERSIONS:
            wanted = " or ".join(sorted(API_VERSIONS))
            return anthropic_error(HTTPStatus.BAD_REQUEST, f"anthropic-version: header must be {wanted}")
        try:
            body = JSON_OBJECT.validate_json(await request.body())
            return _fault_in(body) or await self._answered(request, body)
        except ValidationError:
            return anthropic_error(HTTPStatus.BAD_REQUEST, "The request body is not valid JSON")
        except UnusableSchema as error:
            return anthropic_error(HTTPStatus.BAD_REQUEST, f"output_config.format.schema: {error}")

    async def _answered(self, request: Request, body: Json) -> Response:
        prompt = Prompt(
            instructions="\n".join([text_of(body.get("system")), *messages_of(body["messages"], _INSTRUCTION_ROLES)]),
            user="\n".join(messages_of(body["messages"], _USER_ROLE)),
            schema=_schema(section(body, "output_config", "format")),
            most_tokens=whole(body.get("max_tokens")),
        )
        completion = await self._service.complete(request, str(body["model"]), prompt, None)
        return JSONResponse(_message(body, completion), headers={"request-id": f"req_{uuid.uuid4().hex[:24]}"})


def _key_of(request: Request) -> str | None:
    """The key from either header: plain HTTP clients send ``x-api-key``, the vendor's client 2.12 a bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return request.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else None)


def _fault_in(body: Json) -> Response | None:
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            return anthropic_error(HTTPStatus.BAD_REQUEST, f"{name}: Field required")
    if not str(body["model"]).startswith(MODEL_FAMILY):
        return anthropic_error(HTTPStatus.NOT_FOUND, "model: not found")
    if body.get("stream"):
        return anthropic_error(HTTPStatus.BAD_REQUEST, "stream: the sandbox does not stream; leave it out")
    return None


def _schema(form: Json) -> dict[str, JsonValue] | None:
    schema = form.get("schema")
    if form.get("type") != "json_schema":
        return None
    if not isinstance(schema, dict):
        raise UnusableSchema("Field required")
    check_schema(schema)
    check_closed(schema)
    return schema


def _message(body: Json, completion: Completion) -> dict[str, object]:
    refused = completion.ending is Ending.REFUSED
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [] if refused else [{"type": "text", "text": completion.text, "citations": None}],
        "stop_reason": _STOP[completion.ending],
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": completion.text} if refused else None,
        "usage": {
            "input_tokens": completion.input_tokens,
            "output_tokens": completion.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }
