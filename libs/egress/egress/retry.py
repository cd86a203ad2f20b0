"""When an attempt may be repeated, and how long to wait first."""

from __future__ import annotations

import math
import random
from collections import OrderedDict
from datetime import datetime
from email.utils import parsedate_to_datetime

from core.clock import Clock

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, 9.2.2
REPEATABLE_STATUSES = frozenset({502, 503, 504})
MOST_ATTEMPTS = 4

# Full jitter: wait a random time between 0 and min(cap, base * 2^n), which spreads callers best
# ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
BASE_SECONDS = 0.2
CAP_SECONDS = 5.0

# A provider's longer wish is handed to the caller, who can put the work back instead of holding a connection and a lease.
LONGEST_OBEYED_WAIT = 5.0

# After gRPC's retry throttling (proposal A6): a retry costs what ten successes earn, and ten retries can be saved up. A
# provider in trouble then sees about a tenth more traffic, not four times as much. Whole numbers, so that sums are exact.
RETRY_COST = 10
EARNED_BY_SUCCESS = 1
FULL_BUDGET = 10 * RETRY_COST

# Servers of all destinations together whose budgets are remembered; one that is forgotten starts again with a full budget.
MOST_BUDGETS = 1_000


class RetryBudget:
    """How many retries one server may still cause."""

    def __init__(self) -> None:
        self._tokens = FULL_BUDGET

    def spend(self) -> bool:
        """Take one retry from the budget; False when it is used up."""
        if self._tokens < RETRY_COST:
            return False
        self._tokens -= RETRY_COST
        return True

    def earn(self) -> None:
        """A request succeeded."""
        self._tokens = min(FULL_BUDGET, self._tokens + EARNED_BY_SUCCESS)


class RetryBudgets:
    """A budget for each server of each destination: customers of one provider have servers of their own, and one that fails
    uses up nobody else's retries.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bytes], RetryBudget] = OrderedDict()

    def of(self, destination: str, server: bytes) -> RetryBudget:
        """The budget of `server`, a host and its port."""
        key = (destination, server)
        budget = self._known.setdefault(key, RetryBudget())
        self._known.move_to_end(key)
        if len(self._known) > MOST_BUDGETS:
            self._known.popitem(last=False)
        return budget


def full_jitter(attempt: int, source: random.Random) -> float:
    """Seconds to wait before attempt number `attempt` (the first retry is 1)."""
    return source.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempt))


def parse_retry_after(text: str | None, clock: Clock) -> float | None:
    """Seconds from now that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date); None if unreadable."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, clock)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(text: str, clock: Clock) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    now = clock.now() if moment.tzinfo else clock.now().replace(tzinfo=None)
    return max(0.0, (moment - now).total_seconds())
