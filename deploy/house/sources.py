"""Rules about source code that neither ruff nor import-linter knows, checked on the syntax tree of one file at a time.

Each rule is a function from a parsed file to the places that break it; tests/architecture runs them over libs/ and services/.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pglast import parse_sql
from pglast.parser import ParseError

Place = tuple[int, str]
"""A line, and what is wrong there."""

Rule = Callable[[ast.Module], Iterator[Place]]

_SQL_VERBS = re.compile(
    r"\s*(select|insert|update|delete|with|merge|values|create|alter|drop|grant|revoke|truncate|copy|lock|set|begin|commit|rollback|"
    r"listen|notify|explain|prepare|execute|call|do|vacuum|analyze)\s+\S",
    re.IGNORECASE,
)


def sql_text(tree: ast.Module) -> Iterator[Place]:
    """SQL belongs into queries/*.sql and migrations: no string of a program may be a statement, whole or built from parts."""
    documentation = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and id(node) not in documentation:
            text = _text(node)
            if text and _is_statement(text):
                yield node.lineno, "SQL text in Python: name the statement in queries/*.sql"


def _docstrings(tree: ast.Module) -> set[int]:
    """Strings that stand alone: nothing can run them."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _text(node: ast.expr) -> str | None:
    """What a string, an f-string or a sum of them begins with and says; what is filled in reads as a name."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "x" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        left = _text(node.left)
        return None if left is None else left + (_text(node.right) or "x" if isinstance(node.op, ast.Add) else "")
    return None


def _is_statement(text: str) -> bool:
    if not _SQL_VERBS.match(text):
        return False
    if re.match(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|MERGE|CREATE|ALTER|DROP|GRANT|TRUNCATE|COPY)\s", text):
        return True
    try:
        parse_sql(re.sub(r"%\(?\w*\)?s|:\w+", "1", text))
    except ParseError:
        return False
    return True


def environment(tree: ast.Module) -> Iterator[Place]:
    """The environment is read in a composition root and nowhere else."""
    for node in ast.walk(tree):
        read = isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
        taken = (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {a.name for a in node.names} & {"environ", "getenv"}
        )
        if read or taken:
            yield getattr(node, "lineno", 1), "reads the environment: take a setting as an argument instead"


def printing(tree: ast.Module) -> Iterator[Place]:
    """`print` is nobody's log."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno, "prints: log with core.log, or show with rich in a cli"


def own_logging(tree: ast.Module) -> Iterator[Place]:
    """Log lines go through core.log, which writes an exception as class and place, never as its text."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        module = (node.module or "") if isinstance(node, ast.ImportFrom) and node.level == 0 else ""
        for name in (*names, module):
            if name.split(".")[0] in {"logging", "structlog", "loguru", "traceback"}:
                yield getattr(node, "lineno", 1), f"imports {name}: log with core.log"


def broken(path: Path, rule: Rule) -> list[str]:
    """Where the file at `path` breaks `rule`, as `file:line: what`."""
    return [f"{path}:{line}: {what}" for line, what in rule(ast.parse(path.read_text()))]
