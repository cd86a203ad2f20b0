"""What went out, counted per destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the process started. `requests` counts attempts, so it includes `retries`."""

    requests: int = 0
    retries: int = 0
    refused: int = 0
    throttled: int = 0
    failed: int = 0
    bytes_received: int = 0
    seconds: float = 0.0


class Ledger:
    """Counts attempts; read it with `snapshot`."""

    def __init__(self) -> None:
        self._counters: dict[str, Counters] = {}

    def attempt(self, destination: str, *, status: int, received: int, seconds: float) -> None:
        """One attempt ended. `status` 0 means that there was no answer."""
        now = self._of(destination)
        self._counters[destination] = replace(
            now,
            requests=now.requests + 1,
            throttled=now.throttled + (status == 429),
            failed=now.failed + (status == 0 or status >= 500),
            bytes_received=now.bytes_received + received,
            seconds=now.seconds + seconds,
        )

    def retry(self, destination: str) -> None:
        """An attempt is about to be repeated."""
        self._counters[destination] = replace(self._of(destination), retries=self._of(destination).retries + 1)

    def refusal(self, destination: str) -> None:
        """An address was refused; nothing was sent."""
        self._counters[destination] = replace(self._of(destination), refused=self._of(destination).refused + 1)

    def snapshot(self) -> Mapping[str, Counters]:
        """The counters of each destination used so far."""
        return dict(self._counters)

    def _of(self, destination: str) -> Counters:
        return self._counters.get(destination, Counters())
