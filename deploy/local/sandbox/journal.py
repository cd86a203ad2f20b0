"""What was asked of the sandbox: enough for a test to check a promise, never the content of a request."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from local.sandbox.vendors import Provider

KEPT = 5_000
"""Entries kept; older ones are dropped so that a long run does not grow the process."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request to a language model. ``store`` is the provider-side storage switch as sent; ``None`` where not sent.

    ``watched`` are those of the texts under watch that the request held.
    """

    provider: Provider
    model: str
    task: str
    store: bool | None
    input_tokens: int
    output_tokens: int
    watched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenCall:
    """One call about a code or token at an OAuth server.

    ``token`` is the start of its SHA-256, ``family`` the consent it comes from (empty where unknown). ``outcome`` is
    "granted", "spoiled" (a fault struck before it took effect) or why it was not honoured. ``seconds_left`` is the life that
    the family's newest access token still had: a renewal that comes with much of it left was not needed.
    """

    provider: Provider
    operation: str
    token: str
    family: str
    outcome: str
    seconds_left: float | None


class Journal:
    """The last model requests and token calls, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[ModelRequest] = deque(maxlen=KEPT)
        self._token_calls: deque[TokenCall] = deque(maxlen=KEPT)
        self._watched: tuple[str, ...] = ()

    def watch(self, texts: Sequence[str]) -> None:
        """From now on each model request is noted with those of ``texts`` that it holds."""
        self._watched = tuple(texts)

    def watched_in(self, *parts: str) -> tuple[str, ...]:
        """The texts under watch that one of ``parts`` holds."""
        return tuple(text for text in self._watched if any(text in part for part in parts))

    def note(self, entry: ModelRequest) -> None:
        """Adds one entry."""
        self._entries.append(entry)

    def note_token_call(self, call: TokenCall) -> None:
        """Adds one call at an OAuth server."""
        self._token_calls.append(call)

    def clear(self) -> None:
        """Forgets all entries, and what to watch for."""
        self._watched = ()
        self._entries.clear()
        self._token_calls.clear()

    def report(self) -> list[dict[str, object]]:
        """All model requests as plain data."""
        return [asdict(entry) for entry in self._entries]

    def token_calls(self) -> list[dict[str, object]]:
        """All token calls as plain data."""
        return [asdict(call) for call in self._token_calls]
