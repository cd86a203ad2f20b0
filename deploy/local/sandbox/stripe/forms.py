"""Stripe's request bodies: forms whose names say where a value belongs, such as ``line_items[0][price]``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

Node = dict[str, "Value"]
Value = str | Node

_NAME = re.compile(r"([A-Za-z_]+)((?:\[[A-Za-z0-9_]*\])*)")
_PART = re.compile(r"\[([A-Za-z0-9_]*)\]")


class Malformed(ValueError):
    """A body, or a query, that is no such form."""


def read_form(body: bytes) -> Node:
    """The values of a body or query, nested as their names say; lists as nodes with numbers for names."""
    return nested(parse_qsl(body.decode(), keep_blank_values=True))


def nested(pairs: Iterable[tuple[str, str]]) -> Node:
    """The values of named pairs. Raises Malformed for a name that cannot be read, or that says two things at once."""
    root: Node = {}
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        if found is None:
            raise Malformed(name)
        *above, last = [found[1], *_PART.findall(found[2])]
        node = root
        for part in above:
            below = node.setdefault(part or str(len(node)), {})
            if isinstance(below, str):
                raise Malformed(name)
            node = below
        node[last or str(len(node))] = value
    return root


def text(node: Node, name: str) -> str:
    """A text of the form; empty where there is none."""
    value = node.get(name, "")
    return value if isinstance(value, str) else ""


def below(node: Node, *names: str) -> Node:
    """What lies below these names; empty where nothing does."""
    for name in names:
        value = node.get(name, {})
        node = value if isinstance(value, dict) else {}
    return node


def items(node: Node, name: str) -> list[Node]:
    """The parts of a list of objects."""
    return [one for one in below(node, name).values() if isinstance(one, dict)]


def texts(node: Node, name: str) -> list[str]:
    """The parts of a list of texts."""
    return [one for one in below(node, name).values() if isinstance(one, str)]
