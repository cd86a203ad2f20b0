"""Reading a stored document: fields that may be absent, because an earlier release wrote it, or of another kind than they should be."""

from __future__ import annotations

from collections.abc import Mapping

Fields = Mapping[str, object]


def fields(parent: Fields, name: str) -> Fields:
    """An object; an empty one where there is none."""
    value = parent.get(name)
    return value if isinstance(value, Mapping) else {}


def rows(parent: Fields, name: str) -> list[Fields]:
    """A list of objects; an empty one where there is none."""
    value = parent.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def text(parent: Fields, name: str) -> str:
    """A text; an empty one where there is none."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def texts(parent: Fields, name: str) -> list[str]:
    """A list of texts."""
    value = parent.get(name)
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def count(parent: Fields, name: str) -> int:
    """A whole number; 0 where there is none."""
    value = parent.get(name)
    return int(value) if isinstance(value, int | float) else 0


def amount(parent: Fields, name: str) -> float | None:
    """A number; None where there is none."""
    value = parent.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
