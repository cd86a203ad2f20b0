"""Upkeep: the inbox forgets events that no broker can deliver any more; requests whose answers are too old to be asked for go, and marks of
people of whom nothing can come any more that was said before they were forgotten."""

from __future__ import annotations

from core.clock import Clock, SystemClock
from core.errors import Transient
from core.log import logger
from database import Database
from messaging import store
from messaging.erasure.people.store import purge
from messaging.idempotency import purge_requests

log = logger("messaging.upkeep")

# Pub/Sub keeps a message for 31 days at most (cloud.google.com/pubsub/docs/subscription-properties); some days more cost little.
KEPT_DAYS = 35

# Rows a statement: short transactions, so that vacuum keeps up and nobody waits.
_ROWS = 5000

_HOUR_SECONDS = 3600.0


async def forget_heard(db: Database) -> int:
    """Forget all events heard more than 35 days ago; how many. A message parked longer than that has no inbox row to lose."""
    total = 0
    while True:
        async with db.sweep() as tx:
            forgotten = await store.purge_inbox(tx, KEPT_DAYS, _ROWS)
        total += forgotten
        if forgotten < _ROWS:
            return total


async def forget_requests(db: Database) -> int:
    """Forget all requests whose answers are too old to be asked for; how many."""
    total = 0
    while True:
        async with db.sweep() as tx:
            forgotten = await purge_requests(tx, _ROWS)
        total += forgotten
        if forgotten < _ROWS:
            return total


async def forget_marks(db: Database) -> int:
    """Let all marks of forgotten people go that are older than 35 days; how many."""
    total = 0
    while True:
        async with db.sweep() as tx:
            forgotten = await purge(tx, KEPT_DAYS, _ROWS)
        total += forgotten
        if forgotten < _ROWS:
            return total


async def keep_up(db: Database, clock: Clock | None = None) -> None:
    """Do it every hour until cancelled; two processes doing it at once do no harm."""
    while True:
        try:
            if forgotten := await forget_heard(db):
                log.info("inbox rows forgotten", rows=forgotten)
            if forgotten := await forget_requests(db):
                log.info("idempotent requests forgotten", rows=forgotten)
            if forgotten := await forget_marks(db):
                log.info("marks of forgotten people are gone", rows=forgotten)
        except Transient as error:
            log.warning("inbox not tidied, next try in an hour", cause=type(error).__name__)
        await (clock or SystemClock()).sleep(_HOUR_SECONDS)
