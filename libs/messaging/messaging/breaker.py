"""The circuit breaker of a consumer: when too large a share of messages is parked, the fault is here and not in the messages."""

from __future__ import annotations

from collections import deque

from msgspec import Struct


class BreakerSettings(Struct, frozen=True):
    """Stop when more than `share` of the last `window` messages were parked, once `least` have been seen."""

    window: int = 100
    least: int = 20
    share: float = 0.5


class Breaker:
    """Counts what became of messages; stays open until somebody closes it, for a person has to look first."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._parked: deque[bool] = deque(maxlen=settings.window)
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why it is open; empty while it is closed."""
        return self._reason

    def processed(self, messages: int) -> None:
        """So many messages went through."""
        self._parked.extend([False] * min(messages, self._settings.window))

    def parked(self) -> bool:
        """One message had to be parked; whether that opened the breaker."""
        self._parked.append(True)
        seen, parked = len(self._parked), sum(self._parked)
        if not self._reason and seen >= self._settings.least and parked > self._settings.share * seen:
            self._reason = f"{parked} of the last {seen} messages were parked: look at `parked list`, then restart"
            return True
        return False

    def close(self) -> None:
        """Start counting anew."""
        self._parked.clear()
        self._reason = ""
