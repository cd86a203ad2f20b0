"""API keys in the database of a service that is told of them: kept from `workspaces`, asked at each request."""

from __future__ import annotations

import uuid
from datetime import datetime

from google.protobuf.message import Message

from contracts import Event
from contracts.api_keys import KEY_MESSAGES, key_told, key_used
from database import Row, Tx
from messaging.erasure.people.store import is_forgotten
from messaging.outbox import Outbox
from messaging.routes import Routes

# So fine is "last used": a key that is in use costs one write and one message in so many seconds.
USE_SECONDS = 300.0


def follow_keys(routes: Routes) -> None:
    """Let `routes` keep the service's API keys as well."""
    for message in KEY_MESSAGES:
        routes.on(message, note_key)


async def note_key(tx: Tx, event: Event[Message]) -> None:
    """Note what `event` says of a key, unless something later is known. Raises InvalidInput for one that names none.

    Of a key of somebody whose data was erased since, only that it was taken back is noted.
    """
    told = key_told(event.payload)
    if told.user_id and await is_forgotten(tx, told.user_id, event.occurred_at):
        return
    await tx.execute(
        "known_api_key_save",
        key_id=told.key_id,
        digest=told.digest,
        revoked=told.revoked,
        scopes=list(told.scopes),
        role=told.role,
        user_id=told.user_id,
        email=told.email,
        expires_at=told.expires_at,
        sequence=event.sequence,
    )
    if told.revoked:
        await tx.execute("known_api_key_forget", key_id=told.key_id)


async def read_key(tx: Tx, key_id: uuid.UUID) -> Row | None:
    """What is known of a key of the workspace; None for one that was not told of."""
    return await tx.fetch_one("known_api_key_read", key_id=key_id, seconds=USE_SECONDS)


async def note_use(tx: Tx, outbox: Outbox, key_id: uuid.UUID) -> None:
    """Tell ingest that a key is in use, unless that was told within the last minutes."""
    used_at = await tx.fetch_value("known_api_key_use", key_id=key_id, seconds=USE_SECONDS)
    if isinstance(used_at, datetime):
        told = key_used(key_id, used_at)
        await outbox.add(tx, told, aggregate_id=str(key_id), sequence=int(used_at.timestamp()))
