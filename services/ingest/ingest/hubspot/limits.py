"""HubSpot's limits on requests: a budget kept beforehand, the headers of each answer, and what a 429 means."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.clock import Clock
from database import Database
from ingest.budget import Limits
from ingest.store.budgets import Terms

# Of an app that is connected by OAuth, in one account: 110 requests in 10 seconds. A tenth is left for the vault, which asks there too.
REQUESTS_PER_SECOND = 10.0

# The least that an account may ask in a day is 250,000, all its apps together.
REQUESTS_PER_DAY = 200_000

# A search may be asked for five times a second, half as often as all else: it takes two turns.
TURNS_FOR_A_SEARCH = 2

# Seconds to wait after a 429 that does not say; the names are HubSpot's.
_WINDOWS = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}

# A deal's context is worth so much waiting in a row, not more: the run goes on without it.
LONGEST_WAIT = 15.0

# Seconds that a turn may be away: as long as HubSpot may hold a workspace back, and its other jobs' turns.
LONGEST_TURN = LONGEST_WAIT + 5.0

_REMAINING = "x-hubspot-ratelimit-remaining"
_INTERVAL = "x-hubspot-ratelimit-interval-milliseconds"
_RETRY_AFTER = "retry-after"


def hubspot_limits(db: Database, clock: Clock, per_second: float = REQUESTS_PER_SECOND) -> Limits:
    """The limits of HubSpot, lifted where `per_second` is 0. Requests are spaced evenly, so that searches keep to their own limit too."""
    terms = Terms(per_second, 1.0, REQUESTS_PER_DAY) if per_second else None
    return Limits(db, clock, "hubspot", terms, LONGEST_TURN)


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
