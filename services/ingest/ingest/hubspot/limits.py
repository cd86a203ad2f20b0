"""HubSpot's limits on requests: a budget kept beforehand, the headers of each answer, and what a 429 means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from core.clock import Clock

# Of an app that is connected by OAuth, in one account: 110 requests in 10 seconds. A tenth is left for the vault, which asks there too.
REQUESTS_PER_SECOND = 10.0

# A search may be asked for five times a second, half as often as all else: it takes two turns.
TURNS_FOR_A_SEARCH = 2

# Seconds to wait after a 429 that does not say; the names are HubSpot's.
_WINDOWS = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}

# A deal's context is worth so much waiting in a row, not more: the run goes on without it.
LONGEST_WAIT = 15.0

_REMAINING = "x-hubspot-ratelimit-remaining"
_INTERVAL = "x-hubspot-ratelimit-interval-milliseconds"
_RETRY_AFTER = "retry-after"


class RateBudget(Protocol):
    """What one workspace may ask of its HubSpot."""

    async def turn(self) -> None:
        """Return when a request may be sent. Raises TooManyRequests when that is too far away to wait for."""
        ...

    async def hold_back(self, seconds: float) -> None:
        """HubSpot asks to wait: the next turn comes no earlier."""
        ...


class Pace:
    """The budget of one job: turns are `1 / per_second` seconds apart, or at once where it is None."""

    def __init__(self, per_second: float | None, clock: Clock) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._free_at = clock.monotonic()

    async def turn(self) -> None:
        """Callers are served in the order in which they came."""
        now = self._clock.monotonic()
        at = max(now, self._free_at)
        self._free_at = at + self._interval
        if at > now:
            await self._clock.sleep(at - now)

    async def hold_back(self, seconds: float) -> None:
        """The next turn waits."""
        self._free_at = max(self._free_at, self._clock.monotonic() + seconds)


def wait_after(headers: Mapping[str, str]) -> float:
    """Seconds to hold back after an answer: none while requests remain, or else what is at most left of the interval."""
    remaining, interval = _number(headers.get(_REMAINING)), _number(headers.get(_INTERVAL))
    if remaining is None or remaining > 0 or interval is None:
        return 0.0
    return min(interval / 1_000, LONGEST_WAIT)


def wait_asked_for(policy: str, headers: Mapping[str, str]) -> float | None:
    """Seconds that a 429 asks for; None where it is the day's limit, which comes back at the account's midnight, or too long a wait."""
    asked = _number(headers.get(_RETRY_AFTER))
    if policy == "DAILY" or (asked is not None and asked > LONGEST_WAIT):
        return None
    return _WINDOWS.get(policy, _WINDOWS["SECONDLY"]) if asked is None else asked


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
