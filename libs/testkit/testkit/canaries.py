"""No log line of any test may hold a secret or something that was said: every line of ours is searched while the tests run.

The search stands before levels and cuts, so that a line that would not be shown, or only in part, is found as well. What child processes
log is searched where they are started (tests/e2e).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date

import pytest

from core.log import Logger, Value
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack.keys import WORKSPACES

# Secrets in the shape that their makers give them.
_SHAPES = (
    r"Bearer [\w.~+/-]{16,}",
    r"Basic [\w+/]{16,}",
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY",
    r"whsec_[\w+/]{16,}",
    r"sk_(?:test|live)_\w{8,}",
    r"sk-(?:ant-)?\w{20,}",
    r"xox[abeprs]-[\w-]{8,}",
    r"postgres(?:ql)?://[^\s:@/]+:[^\s@]+@",
)

# Of a sentence, enough to tell it from any other.
_TELLING = 40

_DAY = date(2026, 11, 23)

_write = Logger._write  # noqa: SLF001 - what every line goes through


class Found(AssertionError):
    """A log line holds what it must not."""


def said() -> list[str]:
    """A sentence of each call that the sandbox has."""
    library = load_library(SHIPPED_CALLS, None, WORKSPACES, _DAY)
    calls = [call for workspace in WORKSPACES for call in library.of(workspace) if call.sentences]
    return [max((one.text for one in call.sentences), key=len)[:_TELLING] for call in calls]


class Search:
    """What log lines are searched for, and where it was found."""

    def __init__(self) -> None:
        sentences = [re.escape(text) for text in said() if len(text) == _TELLING]
        self._pattern = re.compile("|".join([*_SHAPES, *sentences]))
        self._found: list[str] = []

    def look(self, message: str, fields: Mapping[str, Value]) -> None:
        """Remember which line and which field held something; never what."""
        for name, value in {"message": message, **fields}.items():
            if isinstance(value, str) and self._pattern.search(value):
                self._found.append(
                    f"field {name} of the line {message[:60] if name != 'message' else '(its message)'!r}"
                )

    def take(self) -> list[str]:
        """What was found since it was last asked."""
        found, self._found = self._found, []
        return found


@contextmanager
def searching() -> Iterator[Search]:
    """Search every line that is written by `core.log` within the block."""
    search = Search()

    def searched(logger: Logger, level: int, message: str, fields: dict[str, Value]) -> None:
        search.look(message, fields)
        _write(logger, level, message, fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Logger, "_write", searched)
        yield search


@pytest.fixture(scope="session")
def line_search() -> Iterator[Search]:
    """The search of this run."""
    with searching() as made:
        yield made


@pytest.fixture(autouse=True)
def no_canaries(line_search: Search) -> Iterator[None]:
    """Fails the test whose log lines hold what they must not."""
    yield
    if found := line_search.take():
        raise Found(f"a secret or something that was said is in {', '.join(found)}")
