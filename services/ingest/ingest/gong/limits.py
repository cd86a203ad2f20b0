"""Gong's limit of requests a second, kept by waiting beforehand."""

from __future__ import annotations

from core.clock import Clock

# Gong's limit per company (help.gong.io, "What the Gong API provides").
REQUESTS_PER_SECOND = 3.0


class RateLimiter:
    """Spaces the requests of one process to each company evenly, so that no second holds more than allowed.

    Another process may ask the same company at the same time: Gong's 429 has the last word.
    """

    def __init__(self, per_second: float | None, clock: Clock) -> None:
        """`per_second` None lifts the limit."""
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._free_at: dict[str, float] = {}

    async def turn(self, company: str) -> None:
        """Return when a request to `company` may be sent. Callers are served in the order in which they came."""
        if not self._interval:
            return
        now = self._clock.monotonic()
        at = max(now, self._free_at.get(company, now))
        self._free_at[company] = at + self._interval
        if len(self._free_at) > 1_000:
            self._free_at = {name: free for name, free in self._free_at.items() if free > now}
        if at > now:
            await self._clock.sleep(at - now)
