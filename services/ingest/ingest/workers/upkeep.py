"""Upkeep: webhooks that no sender can send again are forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.clock import Clock
from core.errors import Transient
from core.log import logger
from database import Database
from ingest.domain.webhooks import KEPT_DAYS
from ingest.store import webhooks

log = logger("ingest.upkeep")

# Rows a statement: short transactions, so that vacuum keeps up and nobody waits.
_ROWS = 5000

_HOUR_SECONDS = 3600.0

Purge = Callable[[Database, int, int], Awaitable[int]]


async def forget_heard(db: Database, rows: int = _ROWS) -> int:
    """Forget all webhooks heard, and calls noticed, more than KEPT_DAYS ago, in transactions of some `rows` rows; how many."""
    return sum([await _all(db, purge, rows) for purge in (webhooks.forget_receipts, webhooks.forget_noticed)])


async def _all(db: Database, purge: Purge, rows: int) -> int:
    total = 0
    while True:
        forgotten = await purge(db, KEPT_DAYS, rows)
        total += forgotten
        if forgotten < rows:
            return total


async def forget_webhooks(db: Database, clock: Clock) -> None:
    """Do it every hour until cancelled; several processes doing so do no harm."""
    while True:
        try:
            if forgotten := await forget_heard(db):
                log.info("webhooks forgotten", rows=forgotten)
        except Transient as error:
            log.warning("webhooks not tidied, next try in an hour", cause=type(error).__name__)
        await clock.sleep(_HOUR_SECONDS)
