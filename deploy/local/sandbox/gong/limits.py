"""Gong's limits for one company: so many requests a second, so many a day."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from local.sandbox.clock import Clock

_DAY = 86_400.0


@dataclass(slots=True)
class RequestAllowance:
    """A token bucket that holds one second's worth of requests, and a daily total. ``per_second=None`` lifts both."""

    per_second: float | None
    per_day: int
    clock: Clock
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)
    _day_began: float = field(init=False)
    _today: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._tokens = max(1.0, self.per_second or 1.0)
        self._filled_at = self._day_began = self.clock.monotonic()

    def take(self) -> int | None:
        """Uses one request. ``None`` when it was allowed, or else the whole seconds to wait (``Retry-After``)."""
        if self.per_second is None:
            return None
        now = self.clock.monotonic()
        self._refill(now, self.per_second)
        if self._today >= self.per_day:
            return math.ceil(self._day_began + _DAY - now)
        if self._tokens < 1.0:
            return max(1, math.ceil((1.0 - self._tokens) / self.per_second))
        self._tokens -= 1.0
        self._today += 1
        return None

    def _refill(self, now: float, per_second: float) -> None:
        self._tokens = min(max(1.0, per_second), self._tokens + (now - self._filled_at) * per_second)
        self._filled_at = now
        if now - self._day_began >= _DAY:
            self._day_began, self._today = now, 0
