"""Statements captured while tests run: every `Database` opened in this process writes down what it executes.

with recording(folder):
    ...
    with unrecorded("its statements are wrong on purpose"):
        db = await Database.open(…)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from database import Database, DatabaseSettings, Queries

_open = Database.open
_reason: ContextVar[str | None] = ContextVar("reason", default=None)


@dataclass(slots=True)
class Recording:
    """Where statements are written, and why some databases were left out: the number of those by reason."""

    folder: Path
    left_out: dict[str, int] = field(default_factory=dict)


_current: list[Recording] = []


def capture_folder() -> Path | None:
    """Where statements are being written, for processes that a test starts; None when they are not."""
    return _current[-1].folder if _current else None


@contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    """Write the statements of each `Database` opened within the block into `folder`."""
    _current.append(Recording(folder))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Database, "open", _open_recorded)
            yield _current[-1]
    finally:
        _current.pop()


@contextmanager
def unrecorded(reason: str) -> Iterator[None]:
    """Open databases that are not recorded, because their statements could not pass the check; the summary of the run names `reason`."""
    token = _reason.set(reason)
    try:
        yield
    finally:
        _reason.reset(token)


async def _open_recorded(
    settings: DatabaseSettings, queries: Queries, service: str = "callmine", entering: Sequence[str] = ()
) -> Database:
    recording, reason = _current[-1], _reason.get()
    if reason is None:
        settings = replace(settings, capture=settings.capture or recording.folder)
    else:
        recording.left_out[reason] = recording.left_out.get(reason, 0) + 1
    return await _open(settings, queries, service, entering)
