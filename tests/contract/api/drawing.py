"""Values drawn from a schema: what it allows, and what it does not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

Json = dict[str, Any]

_TEXTS = (
    "Price",
    "harborline",
    "",
    "ü€\U0001f600",
    "x" * 300,
    "a\x00b",
    "'; --",
    "2026-03-01",
    "runs:read",
    "gong",
    "daily",
    "09:30",
)
_FORMATS = {
    "date": ("2026-03-01", "2026-02-28"),
    "date-time": ("2026-03-01T09:30:00+00:00", "2026-03-01T09:30:00Z"),
    "password": ("a-secret", "another"),
}
_WRONG: tuple[object, ...] = (None, True, -1, 10**20, 1.5, "not it", "", [], {}, [None], {"a": 1}, "\x00", "x" * 5000)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws from `rng`; `schemas` are the document's."""

    rng: Random
    schemas: Json

    def value(self, schema: Json) -> object:
        """Something that the schema allows."""
        if "$ref" in schema:
            return self.value(self.schemas[schema["$ref"].rpartition("/")[2]])
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return self.value(self.rng.choice(schema[several]))
        if "enum" in schema:
            return self.rng.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        return self._of_type(schema)

    def _of_type(self, schema: Json) -> object:
        match schema.get("type"):
            case "object":
                wanted, fields = schema.get("required", ()), schema.get("properties", {})
                return {
                    name: self.value(field)
                    for name, field in fields.items()
                    if name in wanted or self.rng.random() < 0.5
                }
            case "array":
                least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
                return [
                    self.value(schema.get("items", {}))
                    for _ in range(self.rng.randint(least, max(least, min(most, 3))))
                ]
            case "integer":
                return self.rng.choice(
                    [schema.get("minimum", 0), schema.get("maximum", 1000), max(1, schema.get("minimum", 1))]
                )
            case "number":
                return self.rng.choice([0, 1.5, 10_000])
            case "boolean":
                return self.rng.random() < 0.5
            case "null":
                return None
            case _:
                return self._text(schema)

    def _text(self, schema: Json) -> str:
        if schema.get("format") == "uuid":
            return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        if schema.get("format") in _FORMATS:
            return self.rng.choice(_FORMATS[schema["format"]])
        if "examples" in schema:
            return str(self.rng.choice(schema["examples"]))
        text = self.rng.choice(_TEXTS).ljust(schema.get("minLength", 0), "x")
        return text[: schema.get("maxLength", 10_000)]

    def wrong(self, schema: Json) -> object:
        """Something that it does not allow, most of the time: a field less, more, or of another kind; or another kind of thing."""
        made = self.value(schema)
        if not isinstance(made, dict) or self.rng.random() < 0.15:
            return self.rng.choice(_WRONG)
        spoilt = dict(made)
        kind = self.rng.random()
        if kind < 0.3 and spoilt:
            del spoilt[self.rng.choice(sorted(spoilt))]
        elif kind < 0.8 and spoilt:
            spoilt[self.rng.choice(sorted(spoilt))] = self.rng.choice(_WRONG)
        else:
            spoilt["unexpected"] = self.rng.choice(_WRONG)
        return spoilt
