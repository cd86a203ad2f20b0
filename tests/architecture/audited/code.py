"""Which audit types a service's code can tell, and from which of its functions: read from the syntax trees.

Calls are followed by name alone: a function reaches every function of its service whose name it mentions. That finds too much rather than
too little, so it can show that a declaration is wrong, not that it is right; that is what the services' own tests of their entries do.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "ADMIN_ACTION_TYPE_"


@dataclass(frozen=True, slots=True)
class Code:
    """What each name of a service mentions, and the audit types that stand in it."""

    mentions: Mapping[str, frozenset[str]]
    types: Mapping[str, frozenset[str]]

    @property
    def all_types(self) -> frozenset[str]:
        """Every type that the service names anywhere."""
        return frozenset(kind for types in self.types.values() for kind in types)

    def reached(self, name: str) -> frozenset[str]:
        """The audit types that stand in what `name` leads to."""
        seen, ahead = {name}, [name]
        while ahead:
            for one in self.mentions.get(ahead.pop(), frozenset()) & self.mentions.keys() - seen:
                seen.add(one)
                ahead.append(one)
        return frozenset(kind for one in seen for kind in self.types.get(one, frozenset()))


def code_of(folder: Path) -> Code:
    """The code of a service, below its package's folder."""
    return read(path.read_text() for path in sorted(folder.rglob("*.py")))


def read(texts: Iterable[str]) -> Code:
    """The code of some files."""
    mentions: dict[str, set[str]] = defaultdict(set)
    types: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for name, node in _named(ast.parse(text)):
            found = {one.id if isinstance(one, ast.Name) else one.attr for one in _names(node)}
            mentions[name] |= found
            types[name] |= {_type_of(one) for one in found if one.startswith(PREFIX)}
    return Code(
        {name: frozenset(found) for name, found in mentions.items()}, {n: frozenset(t) for n, t in types.items()}
    )


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Functions and methods by their own names, classes by theirs, and what modules assign."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        yield from ((target.id, node) for target in targets if isinstance(target, ast.Name))


def _names(node: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    yield from (one for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute))


def _type_of(name: str) -> str:
    """`member.role_changed`, of the enum's name for it."""
    group, _, rest = name.removeprefix(PREFIX).lower().partition("_")
    return f"{group}.{rest}"
