"""Where Python names statements: the calls `tx.fetch("entries_page", size=…)` of one package, read from its syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from house.sources import RUNNING


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the statement named, the arguments given by name, and whether there are more behind `**`."""

    file: Path
    line: int
    name: str
    arguments: frozenset[str]
    open: bool


def calls_in(path: Path, text: str) -> Iterator[Call]:
    """Every call that runs a statement and names it with a literal text."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in RUNNING:
            continue
        named = node.args[1:2] if node.func.attr == "enter_with" else node.args[:1]
        match named:
            case [ast.Constant(value=str(name))]:
                given = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
                yield Call(path, node.lineno, name, given, any(keyword.arg is None for keyword in node.keywords))


def calls_of(sources: Iterable[Path]) -> list[Call]:
    """The calls of all `sources`."""
    return [call for path in sources for call in calls_in(path, path.read_text())]


def in_store(call: Call) -> bool:
    """Whether the call stands in store.py or in the folder store/."""
    return call.file.stem == "store" or call.file.parent.name == "store"
