"""Validates bodies against the providers' published specifications, which lie beside the project."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from contract.sandbox.stage import SHARED


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it left, and its answer. `path` is below the provider's base; `body` None where nothing was sent."""

    method: str
    path: str
    query: Mapping[str, str]
    body: JsonValue
    status: int
    answer: JsonValue

    @classmethod
    def of(cls, response: httpx.Response, base: str) -> Exchange:
        """What was sent to the provider at `base` (a path, such as /gong), and what came back."""
        request = response.request
        return cls(
            request.method,
            request.url.path.removeprefix(base),
            dict(request.url.params),
            json.loads(request.content) if request.content else None,
            response.status_code,
            response.json(),
        )


@dataclass(frozen=True, slots=True)
class Specification:
    """One OpenAPI document, its ``nullable`` marks turned into JSON Schema."""

    document: dict[str, JsonValue]

    def check(self, body: object, schema: str) -> None:
        """Fails, naming every fault, when the body is not valid under the component schema."""
        self._check(body, {"$ref": f"#/components/schemas/{schema}"})

    def check_webhook(self, body: object, event: str) -> None:
        """The same for the body of a webhook event."""
        node: JsonValue = self.document
        for step in ("x-webhooks", event, "post", "requestBody", "content", "application/json", "schema"):
            assert isinstance(node, dict)
            node = node[step]
        assert isinstance(node, dict)
        self._check(body, node)

    def check_exchange(self, exchange: Exchange) -> str:
        """Fails when request or answer is not what is published for its path; returns the operation's id.

        A request may hold nothing that is not published; of an answer that is allowed, as providers add fields.
        """
        operation = self.operation(exchange.method, exchange.path)
        self._check_query(operation, exchange.query)
        wanted = operation.get("requestBody")
        assert (exchange.body is None) == (wanted is None), "a body is sent exactly where one is published"
        if wanted is not None:
            self._check(exchange.body, wanted["content"]["application/json"]["schema"], closed=True)
        self._check(exchange.answer, self.answer(operation, exchange.status))
        return str(operation["operationId"])

    def operation(self, method: str, path: str) -> Any:
        """What is published for a path, an exact one before one with placeholders."""
        paths: Any = self.document["paths"]
        known = [name for name in sorted(paths, key=lambda name: "{" in name) if _fits(name, path)]
        assert known, f"{path} is not published"
        assert method.lower() in paths[known[0]], f"{method} {path} is not published"
        return paths[known[0]][method.lower()]

    @staticmethod
    def answer(operation: Any, status: int) -> dict[str, JsonValue]:
        """The schema of an operation's answer with a status."""
        assert str(status) in operation["responses"], f"{status} is not published"
        schema: dict[str, JsonValue] = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        return schema

    def component(self, reference: str) -> Any:
        """The schema that a reference points to."""
        node: Any = self.document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        return node

    def _check_query(self, operation: Any, query: Mapping[str, str]) -> None:
        published = {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"}
        assert set(query) <= set(published), "the query holds what is not published"
        assert {name for name, one in published.items() if one["required"]} <= set(query), "the query lacks something"
        for name, text in query.items():
            schema = published[name]["schema"]
            self._check(text if schema["type"] == "string" else json.loads(text), schema)

    def _check(self, body: object, schema: dict[str, JsonValue], *, closed: bool = False) -> None:
        components = self.document["components"]
        rooted = {**schema, "components": _closed(components) if closed else components}
        faults = [
            f"{'/'.join(map(str, fault.path))}: {fault.message}"
            for fault in Draft202012Validator(rooted).iter_errors(body)
        ]
        assert not faults, "\n".join(faults[:10])


def _fits(published: str, path: str) -> bool:
    """Whether a path with placeholders is meant by `path`."""
    fixed = re.split(r"\{[^}]*\}", published)
    return re.fullmatch("[^/]+".join(map(re.escape, fixed)), path) is not None


def _closed(node: JsonValue) -> JsonValue:
    """The schemas, with nothing allowed beside what they name."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _closed(value) for name, value in node.items()}
    is_object = plain.get("type") == "object" and isinstance(plain.get("properties"), dict)
    return {"additionalProperties": False, **plain} if is_object else plain


@cache
def specification(name: str) -> Specification:
    """The specification of that name; the test is skipped where it is not at hand."""
    path = SHARED / "specs" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"the specification {name}.json is not beside the project (../shared/specs): shape not checked")
    document = _nullable(json.loads(path.read_text("utf-8")))
    assert isinstance(document, dict)
    return Specification(document)


def _nullable(node: JsonValue) -> JsonValue:
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _nullable(value) for name, value in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain
