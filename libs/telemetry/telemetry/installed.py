"""The recorder of this process; none where nobody asked for traces or metrics.

A service begins before OpenTelemetry's SDK is loaded. What is measured until then is kept for the recorder and loses nothing but its
moment; a span of that time is not recorded, and the context goes on as it does in a trace that is not recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.instruments import Instrument
    from telemetry.recording import Recorder

# A beginning measures some dozens of times; a thousand requests that came meanwhile are kept too, and no more than memory allows.
MOST_EARLY = 10_000


class Early:
    """What is measured before the recorder is there."""

    def __init__(self) -> None:
        self._kept: list[tuple[Instrument, float, Mapping[str, str]]] = []

    def measure(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        """Keep `value` for later. Raises ValueError for labels other than the instrument's own."""
        instrument.check(labels)
        if len(self._kept) < MOST_EARLY:
            self._kept.append((instrument, value, labels))

    def tell(self, recorder: Recorder) -> None:
        """Have it recorded, in its order, and keep it no longer."""
        kept, self._kept = self._kept, []
        for instrument, value, labels in kept:
            recorder.measure(instrument, value, labels)


_recorder: Recorder | None = None
_early: Early | None = None


def recorder() -> Recorder | None:
    """Who records spans, or None."""
    return _recorder


def meter() -> Recorder | Early | None:
    """Who takes what is measured, or None."""
    return _recorder or _early


@contextmanager
def expected() -> Iterator[None]:
    """Have what is measured kept, for the length of the block, for the recorder that will be `installed`."""
    global _early  # noqa: PLW0603 - one process, one recorder: what measures is everywhere
    before, _early = _early, Early()
    try:
        yield
    finally:
        _early = before


@contextmanager
def installed(recorder: Recorder) -> Iterator[None]:
    """Have everything of this process recorded by `recorder` for the length of the block, beginning with what was kept for it."""
    global _recorder  # noqa: PLW0603 - one process, one recorder: what measures is everywhere
    if _early is not None:
        _early.tell(recorder)
    before, _recorder = _recorder, recorder
    try:
        yield
    finally:
        _recorder = before
