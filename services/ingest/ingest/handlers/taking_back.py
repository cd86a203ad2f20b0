"""API keys that come to their end: told to all services and audited, in the transaction that ends them."""

from __future__ import annotations

from collections.abc import Sequence

from contracts import Actor
from database import Tx
from ingest import events
from ingest.domain.api_keys import ApiKey, revoked_diff
from ingest.store import api_keys
from messaging import Outbox


async def take_back_all(tx: Tx, outbox: Outbox, user_id: str, actor: Actor) -> None:
    """Somebody has left, or is no admin any more: the keys that he or she made end with that, for good. The workspace has to be locked."""
    await take_back(tx, outbox, await api_keys.revoke_of(tx, user_id), actor)


async def take_back(tx: Tx, outbox: Outbox, revoked: Sequence[ApiKey], actor: Actor) -> None:
    """Tell of keys that were revoked a moment ago."""
    for key in revoked:
        await tell(tx, outbox, key, actor, events.api_key_revoked(key), events.api_key_action(key, revoked_diff(key)))


async def tell(tx: Tx, outbox: Outbox, key: ApiKey, actor: Actor, *payloads: events.AboutKey) -> None:
    """Publish `payloads` about `key`."""
    for payload in payloads:
        await outbox.add(tx, payload, aggregate_id=str(key.id), sequence=key.sequence, actor=actor)
