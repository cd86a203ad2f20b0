"""The rules run over all deployed sources and held against the register."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from house.projects import ROOT, libraries, services
from isolation.elsewhere.register import Register
from isolation.elsewhere.rules import Finder, Found

# Reads statements and a catalog, never rows; no service imports it.
CHECKER = ROOT / "libs/database/database/checker"


def deployed() -> Iterator[Path]:
    """Every hand-written file that runs in a service."""
    for project in (*libraries().values(), *services().values()):
        if project.name != "testkit":
            yield from (path for path in project.sources if not path.is_relative_to(CHECKER))


def found(finder: Finder, files: Iterable[Path]) -> dict[tuple[str, str], list[int]]:
    """What `finder` finds: lines by file (from the project's root) and name."""
    places: dict[tuple[str, str], list[int]] = {}
    for path in files:
        for one in finder(ast.parse(path.read_text())):
            places.setdefault((str(path.relative_to(ROOT)), one.what), []).append(one.line)
    return places


def unregistered(finder: Finder, register: Register, allowed: frozenset[str] = frozenset()) -> list[str]:
    """What is found and not in the register, one readable line each."""
    return [
        f"{file}:{lines[0]}: {what} is not in tests/isolation/elsewhere/register.py: build it from the scope, or enter it with a reason"
        for (file, what), lines in found(finder, deployed()).items()
        if (file, what) not in register and what not in allowed
    ]


def no_longer_needed(finder: Finder, register: Register) -> list[str]:
    """Entries of the register that nothing matches."""
    places = found(finder, deployed())
    return [
        f"{file}: {what} is registered and no longer there: remove the entry"
        for file, what in register
        if (file, what) not in places
    ]


def finds(finder: Finder, text: str) -> list[Found]:
    """What `finder` finds in a sample."""
    return list(finder(ast.parse(text)))
