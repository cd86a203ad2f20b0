"""Documents made of a published schema: one that holds everything, and those that differ from it in one field."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from contract.sandbox.specs import Specification

Path = tuple[str | int, ...]

_PLAIN: dict[str, JsonValue] = {"string": "text", "integer": 7, "number": 7.5, "boolean": False}
_MOMENT = "2026-03-02T12:00:00+01:00"

# Deeper than any answer that is read; a schema may hold itself.
_DEEPEST = 12


def sample(spec: Specification, schema: Any, depth: int = 0) -> JsonValue:
    """A document with every published field, arrays with one element each."""
    if "$ref" in schema:
        schema = spec.component(schema["$ref"])
    if "anyOf" in schema:
        return sample(spec, schema["anyOf"][0], depth)
    if "enum" in schema:
        return schema["enum"][0]  # type: ignore[no-any-return]
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return [] if depth > _DEEPEST else [sample(spec, schema["items"], depth + 1)]
    if kind == "object":
        properties = schema.get("properties", {}) if depth <= _DEEPEST else {}
        more = schema.get("additionalProperties")
        named = {name: sample(spec, one, depth + 1) for name, one in properties.items()}
        return named or ({"name": sample(spec, more, depth + 1)} if isinstance(more, dict) else {})
    return _MOMENT if schema.get("format") == "date-time" else _PLAIN[kind]


def places(document: JsonValue, before: Path = ()) -> Iterator[Path]:
    """Where each field of a document is."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield (*before, name)
            yield from places(value, (*before, name))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from places(value, (*before, number))


def without(document: JsonValue, place: Path) -> JsonValue:
    """The document with one field missing."""
    changed = copy.deepcopy(document)
    parent: Any = changed
    for step in place[:-1]:
        parent = parent[step]
    del parent[place[-1]]
    return changed


def with_more(document: JsonValue) -> JsonValue:
    """The document with a field that nobody knows in each of its objects."""
    if isinstance(document, list):
        return [with_more(one) for one in document]
    if isinstance(document, dict):
        return {**{name: with_more(one) for name, one in document.items()}, "addedLater": {"x": [1]}}
    return document
