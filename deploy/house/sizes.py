"""No function over 50 lines, no file over 500: long ones are where the next reader gets lost. Generated code is left out.

python -m house.sizes
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from house.projects import ROOT

FUNCTION_LINES = 50
FILE_LINES = 500
# A customer takes this one file and runs it: splitting it would cost more than it clears up.
ALONE = {"services/audit/audit/verify/callmine_verify.py": 680}
FOLDERS = ("libs", "services", "deploy", "tests")


def python_files(root: Path = ROOT) -> list[Path]:
    """Every hand-written Python file of the project."""
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*.py")]
    return sorted(path for path in found if not path.name.endswith("_pb2.py"))


def too_long(text: str, most: int = FILE_LINES) -> Iterator[str]:
    """Say of one file's `text` what is over the limits; a function counts from its `def` to its last line, docstring left out."""
    lines = text.count("\n")
    if lines > most:
        yield f"1: the file has {lines} lines, the limit is {most}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
            if length > FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {length} lines, the limit is {FUNCTION_LINES}"


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def every_problem() -> list[str]:
    """Every place that is too long."""
    names = {path: str(path.relative_to(ROOT)) for path in python_files()}
    return [
        f"{name}:{problem}"
        for path, name in names.items()
        for problem in too_long(path.read_text(), ALONE.get(name, FILE_LINES))
    ]


def main() -> None:
    """Fail naming every place that is too long."""
    found = every_problem()
    if found:
        raise SystemExit("too long; split by meaning:\n  " + "\n  ".join(found))


if __name__ == "__main__":
    main()
