"""HubSpot's limits for one account: requests in ten seconds, searches in one, and a day's total."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from local.sandbox.clock import Clock
from local.sandbox.settings import HubSpotSettings

INTERVAL = 10.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Excess:
    """A request too many: which policy it breaks, and the whole seconds until one is allowed."""

    policy: str
    seconds: int


@dataclass(slots=True)
class Allowance:
    """Windows that slide: what counts is the number of requests in the last so many seconds."""

    settings: HubSpotSettings
    clock: Clock
    _sent: deque[float] = field(default_factory=deque)
    _searched: deque[float] = field(default_factory=deque)
    _day_began: float = field(init=False)
    _today: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._day_began = self.clock.monotonic()

    def take(self, *, is_search: bool) -> Excess | None:
        """Uses one request; what is exceeded, if anything, and then nothing is used."""
        most = self.settings.requests
        if most is None:
            return None
        now = self.clock.monotonic()
        self._forget(now)
        excess = self._excess(now, most, is_search=is_search)
        if excess is None:
            self._today += 1
            self._sent.append(now)
            if is_search:
                self._searched.append(now)
        return excess

    def headers(self, *, is_search: bool) -> dict[str, str]:
        """What each answer tells; searches tell nothing, and the day's total only where there is one."""
        most = self.settings.requests
        if most is None or is_search:
            return {}
        told = {
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(most - len(self._sent)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(INTERVAL * 1_000)),
        }
        per_day = self.settings.requests_per_day
        if per_day is not None:
            told["X-HubSpot-RateLimit-Daily"] = str(per_day)
            told["X-HubSpot-RateLimit-Daily-Remaining"] = str(per_day - self._today)
        return told

    def _excess(self, now: float, most: int, *, is_search: bool) -> Excess | None:
        per_day = self.settings.requests_per_day
        if per_day is not None and self._today >= per_day:
            return Excess("DAILY", math.ceil(self._day_began + _DAY - now))
        if is_search and len(self._searched) >= self.settings.searches_per_second:
            return Excess("SECONDLY", 1)
        if len(self._sent) >= most:
            return Excess("TEN_SECONDLY_ROLLING", max(1, math.ceil(self._sent[0] + INTERVAL - now)))
        return None

    def _forget(self, now: float) -> None:
        for window, seconds in ((self._sent, INTERVAL), (self._searched, 1.0)):
            while window and window[0] <= now - seconds:
                window.popleft()
        if now - self._day_began >= _DAY:
            self._day_began, self._today = now, 0
