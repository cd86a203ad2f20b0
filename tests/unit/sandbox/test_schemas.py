"""Schemas for structured output: refused as the providers refuse them, filled when nothing better fits."""

from __future__ import annotations

import pytest

from local.sandbox.language_model.schemas import (
    Schema,
    UnusableSchema,
    check_closed,
    check_schema,
    check_strict,
    satisfies,
    smallest_instance,
)

CLOSED: Schema = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        (CLOSED, {"a": ""}),
        ({"enum": ["x", "y"]}, "x"),
        ({"const": 7}, 7),
        ({"type": ["null", "string"]}, None),
        ({"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 2}, [3, 3]),
        ({"type": "string", "minLength": 2}, "xx"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
        ({"$ref": "#/$defs/node", "$defs": {"node": {"type": "number"}}}, 0),
    ],
)
def test_the_smallest_instance_is_valid(schema: Schema, instance: object) -> None:
    assert smallest_instance(schema) == instance
    assert satisfies(instance, schema)


@pytest.mark.parametrize("schema", [{"type": "string", "pattern": "^[0-9]+$"}, {"$ref": "#/nowhere"}])
def test_what_cannot_be_made_up_is_said(schema: Schema) -> None:
    with pytest.raises(UnusableSchema):
        smallest_instance(schema)


def test_nonsense_is_no_schema() -> None:
    with pytest.raises(UnusableSchema, match="Invalid schema"):
        check_schema({"type": "thing"})


def test_strict_wants_closed_objects_with_all_properties_required() -> None:
    check_strict(CLOSED)
    with pytest.raises(UnusableSchema, match="additionalProperties"):
        check_strict({"type": "array", "items": {**CLOSED, "additionalProperties": True}})
    with pytest.raises(UnusableSchema, match="required"):
        check_strict({**CLOSED, "required": []})


@pytest.mark.parametrize("bound", [{"maxItems": 6}, {"minItems": 2}, {"minLength": 1}, {"minimum": 0}])
def test_closed_refuses_bounds_that_are_not_decoded(bound: dict[str, object]) -> None:
    check_closed(CLOSED)
    with pytest.raises(UnusableSchema, match="not supported"):
        check_closed({"anyOf": [{"type": "array", **bound}]})
