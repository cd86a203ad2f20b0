"""What a process keeps between requests outside of any object: caches and collections of modules.

Both worlds run in one process. Were such a thing shared, one world could answer from what the other has left, and a cache that forgets
the workspace would go unseen. So each pass begins with all of them as they were when the first one began.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from types import ModuleType

PACKAGES = (
    "analysis", "audit", "cloud", "contracts", "core", "credential_vault", "database", "egress", "ingest", "messaging", "retention",
    "runtime", "web",
)  # fmt: skip

# Where the tests' record of statements keeps its open files.
_LEFT_ALONE = frozenset({"database.capture"})

Collection = dict[object, object] | list[object] | set[object]


class Leftovers:
    """Remembers the state of all modules of the product when it is made."""

    def __init__(self) -> None:
        self._kept = [(found, found.copy()) for found in _collections()]

    def clear(self) -> None:
        """Put everything back, and empty the caches of functions."""
        for found, before in self._kept:
            _put_back(found, before)
        for cached in _cached_functions():
            cached.cache_clear()


def _put_back(found: Collection, before: Collection) -> None:
    match found, before:
        case list(), list():
            found[:] = before
        case dict(), dict():
            found.clear()
            found.update(before)
        case set(), set():
            found.clear()
            found.update(before)
        case _:
            raise TypeError("a copy is of the kind of what it was copied from")


def _modules() -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES and name not in _LEFT_ALONE and isinstance(module, ModuleType):
            yield module


def _values() -> Iterator[object]:
    for module in _modules():
        for name, value in vars(module).items():
            if not name.startswith("__"):
                yield value
                if isinstance(value, type) and value.__module__ == module.__name__:
                    yield from (inner for key, inner in vars(value).items() if not key.startswith("__"))


def _collections() -> list[Collection]:
    found = {id(value): value for value in _values() if isinstance(value, dict | list | set)}
    return list(found.values())


def _cached_functions() -> list[functools._lru_cache_wrapper[object]]:
    return [value for value in _values() if isinstance(value, functools._lru_cache_wrapper)]
