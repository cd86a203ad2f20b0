"""The import rules of .importlinter, with two kinds of contract that import-linter does not bring.

    python -m house.imports         quiet when all rules hold, the full report when one is broken

import-linter sees of a foreign package only its first name (`google`), so these two read the source of each module themselves:

`reserved`  the packages named may be imported only by the modules named; all other modules may not. Dotted names are fine.
`pure`      the modules named import nothing but themselves, the modules allowed, and the part of the standard library that neither
            reads nor writes anything outside the process.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import os
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.cli import lint_imports

from house.projects import ROOT

# What a pure module has no business with although it is in the standard library: files, network, processes, clocks, chance, logs.
IMPURE = frozenset(
    {
        "asyncio",
        "ctypes",
        "fcntl",
        "glob",
        "http",
        "io",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
        "pickle",
        "random",
        "secrets",
        "selectors",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "webbrowser",
    }
)


@dataclass(frozen=True, slots=True)
class Import:
    """`importer` has on `line` an import of `imported`."""

    importer: str
    imported: str
    line: int


def source_of(module: str) -> Path | None:
    """The file of `module`, found without importing anything; None where it is not written in Python."""
    root, *below = module.split(".")
    found = importlib.util.find_spec(root)
    if found is None or not found.submodule_search_locations:
        return None
    base = Path(found.submodule_search_locations[0], *below)
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.exists()), None)


def imports_of(module: str, text: str, *, package: bool) -> Iterator[Import]:
    """Every import in the `text` of `module`, those inside functions and under TYPE_CHECKING too.

    `from a import b` gives `a.b`, which matches rules for `a` and for `a.b` alike; `import_module("a.b")` counts as well.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, package=package)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            names = _named_at_run_time(node)
        for name in names:
            yield Import(module, name, getattr(node, "lineno", 1))


def _absolute(node: ast.ImportFrom, module: str, *, package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.split(".") if package else module.split(".")[:-1]
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _named_at_run_time(node: ast.AST) -> list[str]:
    if not isinstance(node, ast.Call) or not node.args:
        return []
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0]
    if called in {"import_module", "__import__"} and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return [first.value]
    return []


def within(name: str, patterns: Iterable[str]) -> bool:
    """Whether `name` is one of `patterns` (`*` stands for one part) or lies below one."""
    parts = name.split(".")
    starts = [".".join(parts[: count + 1]) for count in range(len(parts))]
    return any(
        fnmatchcase(start, pattern) and start.count(".") == pattern.count(".")
        for pattern in patterns
        for start in starts
    )


@cache
def read_imports(module: str) -> tuple[Import, ...]:
    """Every import of `module`; read once, however many rules there are."""
    path = source_of(module)
    return () if path is None else tuple(imports_of(module, path.read_text(), package=path.name == "__init__.py"))


def all_imports(graph: ImportGraph, modules: Iterable[str] = ("*",)) -> Iterator[Import]:
    """Every import of the project's modules that are within `modules`."""
    patterns = list(modules)
    for module in sorted(graph.modules):
        if not graph.is_module_squashed(module) and within(module, patterns):
            yield from read_imports(module)


def _texts(option: object) -> list[str]:
    """The value that import-linter has put in the place of a field; an empty option reads as one empty text."""
    return [str(item) for item in cast("Iterable[object]", option) if item]


class _ReadingContract(Contract):
    """What both contracts share: a list of imports that must not be."""

    @abstractmethod
    def offences(self, graph: ImportGraph) -> list[Import]:
        """Imports that break the rule."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        del verbose
        found = self.offences(graph)
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for one in check.metadata["found"]:
            output.print_error(f"{one.importer} imports {one.imported} (line {one.line})", bold=False)


class ReservedContract(_ReadingContract):
    """`packages` are imported by the modules in `holders` only."""

    packages = fields.ListField(subfield=fields.StringField())
    holders = fields.ListField(subfield=fields.StringField())

    def offences(self, graph: ImportGraph) -> list[Import]:
        packages = _texts(self.packages)
        holders = [*_texts(self.holders), *packages]
        return [
            one for one in all_imports(graph) if within(one.imported, packages) and not within(one.importer, holders)
        ]


class PureContract(_ReadingContract):
    """`modules` import themselves, `allowed`, and the pure part of the standard library."""

    modules = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())
    input_and_output = fields.BooleanField(required=False, default=False)

    def offences(self, graph: ImportGraph) -> list[Import]:
        return [one for one in all_imports(graph, _texts(self.modules)) if not self._fine(one)]

    def _fine(self, one: Import) -> bool:
        own = next(start for start in _starts(one.importer) if within(start, _texts(self.modules)))
        if within(one.imported, [own, *_texts(self.allowed)]):
            return True
        standard = one.imported.split(".")[0] in sys.stdlib_module_names
        return standard and (
            bool(self.input_and_output) or not within(one.imported, IMPURE) or one.imported in PURE_NAMES
        )


# Names of impure modules that are pure themselves.
PURE_NAMES = frozenset({"pathlib.PurePath", "pathlib.PurePosixPath"})


def _starts(name: str) -> Iterator[str]:
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])


def main() -> None:
    """Run import-linter; show its report only when a rule is broken."""
    os.chdir(ROOT)
    report = io.StringIO()
    with contextlib.redirect_stdout(report):
        status = lint_imports(config_filename=".importlinter", cache_dir="build/imports", no_logo=True)
    if status != 0:
        raise SystemExit(report.getvalue())


if __name__ == "__main__":
    main()
