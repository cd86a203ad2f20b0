"""The recorder of this process; none where nobody asked for traces or metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.recording import Recorder

_recorder: Recorder | None = None


def recorder() -> Recorder | None:
    """Who records, or None."""
    return _recorder


@contextmanager
def installed(recorder: Recorder) -> Iterator[None]:
    """Have everything of this process recorded by `recorder` for the length of the block."""
    global _recorder  # noqa: PLW0603 - one process, one recorder: what measures is everywhere
    before, _recorder = _recorder, recorder
    try:
        yield
    finally:
        _recorder = before
