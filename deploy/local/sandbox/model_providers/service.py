"""What both providers share: the key check, the stand-in in a thread of its own, the journal."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter
from starlette.requests import Request

from local.sandbox.faults import FAULT_KEY, Fault
from local.sandbox.journal import Journal, ModelRequest
from local.sandbox.language_model.stand_in import Completion, Prompt, complete
from local.sandbox.vendors import Provider

Json = Mapping[str, JsonValue]
JSON_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class ModelService:
    """The model behind one provider's API."""

    provider: Provider
    api_key: str
    journal: Journal

    def accepts(self, key: str | None) -> bool:
        """Whether this is the provider's key, compared in constant time."""
        return key is not None and hmac.compare_digest(key.encode(), self.api_key.encode())

    async def complete(self, request: Request, model: str, prompt: Prompt, store: bool | None) -> Completion:
        """Runs the stand-in off the event loop and notes the request, without its content, in the journal."""
        fault = request.scope.get(FAULT_KEY)
        answer_fault = fault.answer if isinstance(fault, Fault) else None
        completion = await asyncio.to_thread(complete, prompt, answer_fault)
        tokens = completion.input_tokens, completion.output_tokens
        watched = self.journal.watched_in(prompt.instructions, prompt.user)
        self.journal.note(ModelRequest(self.provider, model, prompt.task, store, *tokens, watched))
        return completion


def text_of(content: JsonValue) -> str:
    """The text of a message's content: a string, or a list of parts of which those with a ``text`` count."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))


def messages_of(messages: JsonValue, roles: frozenset[str]) -> list[str]:
    """The texts of the messages with one of the roles, in order."""
    listed = messages if isinstance(messages, list) else []
    return [
        text_of(message.get("content"))
        for message in listed
        if isinstance(message, dict) and message.get("role") in roles
    ]


def section(body: Json, *names: str) -> dict[str, JsonValue]:
    """The object below a chain of names; empty where any of them is missing."""
    node: JsonValue = dict(body)
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def whole(value: JsonValue) -> int | None:
    """A whole number where one was given."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(value: JsonValue) -> bool | None:
    """A switch where one was given."""
    return value if isinstance(value, bool) else None
