"""JSON Schemas as the providers take them for structured output: checked, and filled when nothing better fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jsonschema import Draft202012Validator, SchemaError

Schema = Mapping[str, object]

_ANTHROPIC_REFUSES = (
    "minimum",
    "maximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "pattern",
    "uniqueItems",
)
_CHILDREN = ("items", "additionalProperties", "not")
_NAMED_CHILDREN = ("properties", "$defs", "definitions")
_LISTED_CHILDREN = ("anyOf", "oneOf", "allOf", "prefixItems")
_DEEPEST = 24
"""Levels followed while filling a schema; a recursive one ends here."""


class UnusableSchema(Exception):
    """The schema would be refused by the provider; the text says why, in the provider's manner."""


def check_schema(schema: Schema) -> None:
    """Raises :class:`UnusableSchema` for what is no JSON Schema at all."""
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise UnusableSchema(f"Invalid schema: {error.message}") from error


def check_strict(schema: Schema) -> None:
    """OpenAI's rules for ``strict``: each object closed, each property required."""
    for node in _nodes(schema):
        if node.get("type") != "object":
            continue
        if node.get("additionalProperties") is not False:
            raise UnusableSchema("'additionalProperties' is required to be supplied and to be false")
        properties = node.get("properties")
        required = node.get("required")
        names = set(properties) if isinstance(properties, Mapping) else set()
        if names != set(required if isinstance(required, list) else []):
            raise UnusableSchema("'required' is required to be supplied and to hold every key of properties")


def check_closed(schema: Schema) -> None:
    """Anthropic's rules: objects closed, and none of the bounds its constrained decoding does not know."""
    for node in _nodes(schema):
        if node.get("type") == "object" and node.get("additionalProperties") is not False:
            raise UnusableSchema("For 'object' type, 'additionalProperties' must be explicitly set to false")
        refused = next((name for name in _ANTHROPIC_REFUSES if name in node), None)
        if refused:
            raise UnusableSchema(f"For '{node.get('type')}' type, property '{refused}' is not supported")
        if node.get("minItems", 0) not in {0, 1}:
            raise UnusableSchema("For 'array' type, 'minItems' values other than 0 or 1 are not supported")


def satisfies(instance: object, schema: Schema) -> bool:
    """Whether the instance is valid under the schema."""
    return bool(Draft202012Validator(dict(schema)).is_valid(instance))


def smallest_instance(schema: Schema) -> object:
    """A plain instance of the schema: what the stand-in answers to a question it does not know.

    Raises :class:`UnusableSchema` when no instance can be made up for it.
    """
    instance = _fill(schema, schema, 0)
    if not satisfies(instance, schema):
        raise UnusableSchema("the sandbox cannot make up an instance of this schema; simplify it")
    return instance


def _nodes(schema: Schema) -> Iterator[Schema]:
    yield schema
    for name in _CHILDREN:
        child = schema.get(name)
        if isinstance(child, Mapping):
            yield from _nodes(child)
    for name in _NAMED_CHILDREN:
        children = schema.get(name)
        for child in children.values() if isinstance(children, Mapping) else ():
            yield from _nodes(child)
    for name in _LISTED_CHILDREN:
        listed = schema.get(name)
        for child in listed if isinstance(listed, list) else ():
            yield from _nodes(child)


def _fill(schema: Schema, root: Schema, depth: int) -> object:
    if depth > _DEEPEST:
        return None
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    enum = schema.get("enum")
    if isinstance(enum, list) and enum:
        return enum[0]
    if isinstance(schema.get("$ref"), str):
        return _fill(_resolve(str(schema["$ref"]), root), root, depth + 1)
    for name in ("anyOf", "oneOf"):
        listed = schema.get(name)
        if isinstance(listed, list) and listed:
            return _fill(listed[0], root, depth + 1)
    return _fill_by_type(schema, root, depth)


def _fill_by_type(schema: Schema, root: Schema, depth: int) -> object:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            return _fill_object(schema, root, depth)
        case "array":
            items = schema.get("items")
            count = _whole(schema.get("minItems"))
            return [_fill(items if isinstance(items, Mapping) else {}, root, depth + 1) for _ in range(count)]
        case "string":
            return "x" * _whole(schema.get("minLength"))
        case "integer" | "number":
            return _whole(schema.get("minimum"))
        case "boolean":
            return False
        case _:
            return None


def _fill_object(schema: Schema, root: Schema, depth: int) -> dict[str, object]:
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        return {}
    return {name: _fill(properties.get(name, {}), root, depth + 1) for name in required}


def _resolve(reference: str, root: Schema) -> Schema:
    node: object = root
    for step in reference.removeprefix("#/").split("/"):
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping):
        raise UnusableSchema(f"the reference {reference} leads nowhere")
    return node


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
