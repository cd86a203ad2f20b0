"""What was asked of the sandbox: enough for a test to check a promise, never the content of a request."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass

from local.sandbox.vendors import Provider

KEPT = 5_000
"""Entries kept; older ones are dropped so that a long run does not grow the process."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request to a language model. ``store`` is the provider-side storage switch as sent; ``None`` where not sent."""

    provider: Provider
    model: str
    task: str
    store: bool | None
    input_tokens: int
    output_tokens: int


class Journal:
    """The last model requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[ModelRequest] = deque(maxlen=KEPT)

    def note(self, entry: ModelRequest) -> None:
        """Adds one entry."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forgets all entries."""
        self._entries.clear()

    def report(self) -> list[dict[str, object]]:
        """All entries as plain data."""
        return [asdict(entry) for entry in self._entries]
