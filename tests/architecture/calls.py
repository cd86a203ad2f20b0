"""Where Python names statements: the calls `tx.fetch("entries_page", size=…)` of one package, read from its syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

METHODS = frozenset({"fetch", "fetch_one", "fetch_value", "execute", "fetchrow", "fetchval", "executemany"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the statement named, the arguments given by name, and whether there are more behind `**`."""

    file: Path
    line: int
    name: str
    arguments: frozenset[str]
    open: bool


def calls_in(path: Path, text: str) -> Iterator[Call]:
    """Every call of a fetching method whose first argument is a literal text."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in METHODS:
            continue
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            names = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
            yield Call(
                path, node.lineno, node.args[0].value, names, any(keyword.arg is None for keyword in node.keywords)
            )


def calls_of(sources: Iterable[Path]) -> list[Call]:
    """The calls of all `sources`."""
    return [call for path in sources for call in calls_in(path, path.read_text())]


def in_store(call: Call) -> bool:
    """Whether the call stands in store.py or in the folder store/."""
    return call.file.stem == "store" or call.file.parent.name == "store"
