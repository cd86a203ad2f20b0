"""Upkeep: webhooks that no sender can send again are forgotten, and the senders' secrets are at hand before a webhook needs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cloud.secrets import KEPT_SECONDS, KeptSecrets
from core.clock import Clock
from core.errors import CallmineError, NotFound, Transient
from core.log import logger
from database import Database
from ingest.domain.webhooks import KEPT_DAYS, Sender, secret_name
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


async def keep_secrets(secrets: KeptSecrets, clock: Clock) -> None:
    """Read the senders' secrets anew before they are too old, until cancelled.

    Otherwise a webhook would wait for Secret Manager whenever none has come for five minutes, which is the rule with most senders.
    """
    while True:
        for sender in Sender:
            await _refresh(secrets, sender)
        await clock.sleep(KEPT_SECONDS / 3)


async def _refresh(secrets: KeptSecrets, sender: Sender) -> None:
    if sender is Sender.GONG:
        return
    try:
        await secrets.refresh(secret_name(sender))
    except NotFound:
        return
    except CallmineError as error:
        log.warning("a webhook secret was not read, next try soon", sender=sender.value, cause=type(error).__name__)
