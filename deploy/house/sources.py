"""Rules about source code that neither ruff nor import-linter knows, checked on the syntax tree of one file at a time.

Each rule is a function from a parsed file to the places that break it; tests/architecture runs them over libs/ and services/.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from house.sql_text import statements

Place = tuple[int, str]
"""A line, and what is wrong there."""

Rule = Callable[[ast.Module], Iterator[Place]]

# What runs a statement: of Tx, whose first argument is its name, and of asyncpg's connections, whose first argument is its text.
RUNNING = frozenset(
    {
        "fetch",
        "fetch_one",
        "fetch_value",
        "execute",
        "enter_with",
        "enter_each",
        "fetchrow",
        "fetchval",
        "fetchmany",
        "executemany",
    }
)

# What asyncpg runs without telling its query logger, so that it could not be captured.
_UNSEEN = re.compile(r"prepare|cursor|copy_(from|to)_\w+|copy_records_to_table")

_NAME = re.compile(r"[a-z][a-z0-9_]*")

_MEND = 'name the statement in queries/*.sql and run it with tx.fetch("its_name")'


def sql_text(tree: ast.Module) -> Iterator[Place]:
    """SQL belongs into queries/*.sql and migrations: no string of a program may be a statement, whole or built from parts."""
    for line in statements(tree):
        yield line, f"SQL text in Python: {_MEND}"


def unnamed_statements(tree: ast.Module) -> Iterator[Place]:
    """Statements are run by the names that they have in queries/*.sql, written out where they are run."""
    for method, node in _method_calls(tree):
        if method in RUNNING and not _names(node.args[1:2] if method == "enter_with" else node.args[:1]):
            yield node.lineno, f"{method}() is given something else than the name of a statement: {_MEND}"


def unseen_statements(tree: ast.Module) -> Iterator[Place]:
    """asyncpg tells its query logger of most statements, so that tests can check them; the other ways to run one are closed."""
    for method, node in _method_calls(tree):
        if _UNSEEN.fullmatch(method):
            yield node.lineno, f"{method}() runs what no test can capture and check: {_MEND}"


def _method_calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Calls of methods with at least one argument by position, each with the method's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            yield node.func.attr, node


def _names(arguments: list[ast.expr]) -> bool:
    """Whether the argument is the name of a statement, or a choice between such names."""
    match arguments:
        case [ast.Constant(value=str(text))]:
            return bool(_NAME.fullmatch(text))
        case [ast.IfExp(body=one, orelse=other)]:
            return _names([one]) and _names([other])
    return False


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
