"""Finds SQL in the strings of a program: whole statements, and statements put together from parts.

A text is put together as the program would do it, as far as its constants say: `+`, `+=`, `%`, f-strings, `format`, `join`,
`dedent` and names that hold a text. What only the running program knows is a hole; a text is SQL when PostgreSQL's grammar takes it with
any plain filling of its holes.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator

from pglast import ast as sql
from pglast import parse_sql
from pglast.parser import ParseError

HOLE = "\x00"

# What may stand in a hole: a name or a value, a list, a condition, nothing.
_FILLINGS = ("x", "(1)", "x = 1", "")
_MOST_HOLES_APART = 4
_DEEPEST = 12

# Names of methods whose result says what their text says.
_PASSING = frozenset(
    {"strip", "lstrip", "rstrip", "lower", "upper", "encode", "decode", "removeprefix", "removesuffix", "replace"}
)
_WRAPPERS = frozenset({"dedent", "cleandoc", "str", "Template", "intern"})

_COMMENTS = re.compile(r"(\s|\(|;|--[^\n]*(\n|$)|/\*.*?\*/)+", re.DOTALL)
_VERBS = re.compile(
    r"(select|insert|update|delete|with|merge|values|table|create|alter|drop|grant|revoke|truncate|copy|lock|set|reset|show|begin|"
    r"start|commit|rollback|savepoint|listen|notify|explain|prepare|execute|declare|call|do|vacuum|analyze|refresh|comment)\b",
    re.IGNORECASE,
)
_SHOUTED = re.compile(
    r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|MERGE|CREATE|ALTER|DROP|GRANT|REVOKE|TRUNCATE|COPY|TABLE|LOCK)\s+\S"
)
_PLACEHOLDER = re.compile(r"%\(\w*\)s|%s|(?<![:\w]):[a-zA-Z_]\w*|\$\{?\w+\}?|\{\w*\}")
# TABLE is followed by one name and no more; where that is filled in, it is a sentence about a table.
_TABLE_OF_WHAT = re.compile(rf"table\s+(\S+\s+)?{HOLE}", re.IGNORECASE)
# Two words or more, of which only the first has a capital letter, and no sign.
_HEADING = re.compile(r"[A-Z][a-z]+( [a-z]+)+")

# Expressions that can make a text.
_MAKING = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Call)


def statements(tree: ast.Module) -> Iterator[int]:
    """The line of each string that is a statement, or becomes one."""
    texts = _Texts(tree)
    documentation = _docstrings(tree)
    made = [node for node in ast.walk(tree) if isinstance(node, _MAKING) and id(node) not in documentation]
    found = {node.lineno for node in made if is_statement(texts.of(node) or "")}
    yield from sorted(found | {line for line, text in texts.grown() if is_statement(text)})


def _docstrings(tree: ast.Module) -> set[int]:
    """Strings that stand alone: nothing can run them."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


class _Texts:
    """What the expressions of one file say. A name holds what it was last given, and what was added to it since."""

    def __init__(self, tree: ast.Module) -> None:
        self._held: dict[str, list[ast.expr]] = {}
        self._appended: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._hold(target, node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                self._held.setdefault(node.target.id, []).append(node.value)
            elif isinstance(node, ast.Call):
                self._append(node)

    def _hold(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._held[target.id] = [value]

    def _append(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr == "append" and isinstance(called.value, ast.Name):
            self._appended.setdefault(called.value.id, []).extend(node.args)

    def grown(self) -> Iterator[tuple[int, str]]:
        """The texts of names that `+=` made longer, each with the line of its first part."""
        for parts in self._held.values():
            if len(parts) > 1:
                yield parts[0].lineno, self._joined("", parts, 0)

    def of(self, node: ast.expr, depth: int = 0) -> str | None:
        """What `node` says, with holes; None when it is no text."""
        if depth > _DEEPEST:
            return None
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Constant(value=bytes(encoded)):
                return encoded.decode("latin-1")
            case ast.Name(id=name):
                return self._name(name, depth + 1)
            case ast.JoinedStr(values=values):
                return self._joined("", [_unwrapped(value) for value in values], depth + 1)
            case ast.BinOp(op=ast.Add()):
                return self._sum(node, depth + 1)
            case ast.BinOp(op=ast.Mod()):
                return self._percent(node, depth + 1)
            case ast.Call():
                return self._call(node, depth + 1)
        return None

    def _joined(self, between: str, parts: Iterable[ast.expr], depth: int) -> str:
        return between.join(HOLE if (text := self.of(part, depth)) is None else text for part in parts)

    def _name(self, name: str, depth: int) -> str | None:
        parts = self._held.get(name, [])
        return self._joined("", parts, depth) if any(self.of(part, depth) is not None for part in parts) else None

    def _sum(self, node: ast.BinOp, depth: int) -> str | None:
        texts = [self.of(side, depth) for side in (node.left, node.right)]
        return None if texts == [None, None] else "".join(HOLE if text is None else text for text in texts)

    def _percent(self, node: ast.BinOp, depth: int) -> str | None:
        text = self.of(node.left, depth)
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        return None if text is None else self._filled(text, r"%(\(\w*\))?[sdr]", values, depth)

    def _call(self, node: ast.Call, depth: int) -> str | None:
        called = node.func
        if not isinstance(called, ast.Attribute):
            wraps = isinstance(called, ast.Name) and called.id in _WRAPPERS and node.args
            return self.of(node.args[0], depth) if wraps else None
        if called.attr in _WRAPPERS and node.args:
            return self.of(node.args[0], depth)
        text = self.of(called.value, depth)
        if text is None:
            return None
        if called.attr == "format":
            return self._filled(text, r"\{[^{}]*\}", node.args, depth)
        if called.attr == "join" and node.args:
            return self._joined(text, self._elements(node.args[0]), depth)
        return text if called.attr in _PASSING else None

    def _elements(self, node: ast.expr) -> list[ast.expr]:
        """The elements of a list, a tuple, or of a name that holds one and had others appended; `node` itself where they are not known."""
        more: list[ast.expr] = []
        if isinstance(node, ast.Name) and self._held.get(node.id):
            more = self._appended.get(node.id, [])
            node = self._held[node.id][0]
        return [*node.elts, *more] if isinstance(node, ast.List | ast.Tuple) else [node]

    def _filled(self, text: str, place: str, values: Iterable[ast.expr], depth: int) -> str:
        given = iter([self.of(value, depth) or HOLE for value in values])
        return re.sub(place, lambda _: next(given, HOLE), text)


def _unwrapped(part: ast.expr) -> ast.expr:
    """What an f-string fills in, and its plain parts as they are."""
    return part.value if isinstance(part, ast.FormattedValue) else part


def is_statement(text: str) -> bool:
    """Whether PostgreSQL would take `text`, with something plain in each hole, for a statement."""
    begun = _COMMENTS.match(text)
    start = text[begun.end() :] if begun else text
    if not _VERBS.match(start) or _TABLE_OF_WHAT.match(start):
        return False
    if _SHOUTED.match(start):
        return True
    return any(_parses(filled) for filled in _fillings(_PLACEHOLDER.sub(HOLE, text)))


def _fillings(text: str) -> Iterator[str]:
    parts = text.split(HOLE)
    holes = len(parts) - 1
    ways = (
        itertools.product(_FILLINGS, repeat=holes)
        if holes <= _MOST_HOLES_APART
        else [(filling,) * holes for filling in _FILLINGS]
    )
    for way in ways:
        yield "".join(itertools.chain.from_iterable(zip(parts, (*way, ""), strict=True)))


def _parses(text: str) -> bool:
    try:
        found = [raw.stmt for raw in parse_sql(text)]
    except ParseError:
        return False
    return bool(found) and not all(_is_phrase(statement, text) for statement in found)


def _is_phrase(statement: sql.Node | None, text: str) -> bool:
    """A phrase that is a statement by accident: "Select a workspace" reads no table, "Show more" is a heading, "begin" a word."""
    if isinstance(statement, sql.TransactionStmt):
        return True
    if isinstance(statement, sql.SelectStmt) and not (statement.fromClause or statement.valuesLists or statement.larg):
        values = [target.val for target in statement.targetList or ()]
        return all(isinstance(value, sql.ColumnRef) for value in values) and "." not in text
    touches_rows = isinstance(
        statement, sql.SelectStmt | sql.InsertStmt | sql.UpdateStmt | sql.DeleteStmt | sql.MergeStmt
    )
    return not touches_rows and bool(_HEADING.fullmatch(text))
