"""Files that sources write on the disk of whatever machine they run on, where no erasure looks."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from house.projects import ROOT

# Of pathlib, shutil and os; and what makes a file of its own.
_WRITES = frozenset({"write_text", "write_bytes", "copyfile", "copy2", "copytree", "mkstemp", "mkdtemp"})
_WRITES |= {"TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "TemporaryDirectory", "memmap"}


def files_written(sources: Iterable[Path]) -> dict[str, int]:
    """Which of `sources`, from the project's root, write files, each with a line where."""
    return {
        str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name): line
        for path in sources
        for line in _writes_in(ast.parse(path.read_text()))
    }


def unruled_files(written: Mapping[str, int], files: Mapping[str, str]) -> list[str]:
    """Sources that write files and have no rule, and rules for sources that write none."""
    new, gone = sorted(written.keys() - files.keys()), sorted(files.keys() - written.keys())
    return [
        *(
            f"{name}:{written[name]}: writes a file; enter it under `files` in erasure.yaml of messaging"
            for name in new
        ),
        *(f"{name}: has a rule and writes no file; remove the rule" for name in gone),
    ]


def _writes_in(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _last_name(node.func)
            if name in _WRITES or (name in {"open", "fdopen"} and _to_write(node)):
                yield node.lineno


def _last_name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _to_write(call: ast.Call) -> bool:
    """Whether a file is opened with a mode that writes; `open` of other things has no mode that looks like one."""
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return any(len(mode) <= 3 and set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)
