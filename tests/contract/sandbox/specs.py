"""Validates bodies against the providers' published specifications, which lie beside the project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from contract.sandbox.stage import SHARED


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

    def _check(self, body: object, schema: dict[str, JsonValue]) -> None:
        rooted = {**schema, "components": self.document["components"]}
        faults = [
            f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in _validator(rooted).iter_errors(body)
        ]
        assert not faults, "\n".join(faults[:10])


def _validator(schema: dict[str, JsonValue]) -> Draft202012Validator:
    return Draft202012Validator(schema)


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
