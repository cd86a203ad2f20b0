"""Gong's limits for one company."""

from __future__ import annotations

from core.clock import Clock
from database import Database
from ingest.budget import Limits
from ingest.store.budgets import Terms

# Gong's limits per company (help.gong.io, "What the Gong API provides").
REQUESTS_PER_SECOND = 3.0
REQUESTS_PER_DAY = 10_000

# Of the second's worth that may come at once, kept back for requests that arrive closer together than they were sent: two fifths of a
# request at 3 a second are 133 ms. A 429 costs a second, all that is kept back an eighth of one, once.
KEPT_BACK = 0.4

# A longer wait is not slept through by whoever wants to ask: the job makes room for others. A workspace's jobs wait for a few seconds at
# most when nothing is wrong.
LONGEST_WAIT = 10.0


def gong_limits(db: Database, clock: Clock, per_second: float = REQUESTS_PER_SECOND) -> Limits:
    """The limits of Gong, lifted where `per_second` is 0."""
    terms = Terms(per_second, max(1.0, per_second - KEPT_BACK), REQUESTS_PER_DAY) if per_second else None
    return Limits(db, clock, "gong", terms, LONGEST_WAIT)
