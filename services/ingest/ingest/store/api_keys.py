"""API keys of a workspace."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import cast

from msgspec import Struct

from contracts import Actor
from database import Row, Tx
from ingest.domain.api_keys import ApiKey, KeyWish
from ingest.domain.members import Role


class NewKey(Struct, frozen=True):
    """A key to be written: its id, the request that asked for it, its hash, and when it is made."""

    id: uuid.UUID
    request_id: uuid.UUID
    digest: bytes
    created_at: datetime


async def insert(tx: Tx, new: NewKey, wish: KeyWish, actor: Actor) -> ApiKey | None:
    """Write a new key; None where the same request has made one already."""
    row = await tx.fetch_one(
        "api_key_insert",
        id=new.id,
        request_id=new.request_id,
        digest=new.digest,
        name=wish.name,
        scopes=list(wish.scopes),
        role=wish.role.value,
        created_by=actor.id,
        created_by_email=actor.email,
        created_at=new.created_at,
        expires_at=wish.expiry(new.created_at),
    )
    return _key(row) if row else None


async def usable(tx: Tx) -> int:
    """How many keys can be used."""
    return cast("int", await tx.fetch_value("api_keys_usable"))


async def page(tx: Tx, before: uuid.UUID | None, size: int) -> list[ApiKey]:
    """So many keys, newest first, before the one with the id `before`."""
    return [_key(row) for row in await tx.fetch("api_keys_page", before=before, keys=size)]


async def read(tx: Tx, key_id: uuid.UUID) -> ApiKey | None:
    """One key, whatever became of it."""
    row = await tx.fetch_one("api_key_read", id=key_id)
    return _key(row) if row else None


async def revoke(tx: Tx, key_id: uuid.UUID) -> ApiKey | None:
    """Take a key back; None where there is none, or it has been taken back already."""
    row = await tx.fetch_one("api_key_revoke", id=key_id)
    return _key(row) if row else None


async def revoke_of(tx: Tx, user_id: str) -> list[ApiKey]:
    """Take back all keys that somebody made; those that were still there."""
    return [_key(row) for row in await tx.fetch("api_keys_revoke_of", created_by=user_id)]


async def presented(tx: Tx, key_id: uuid.UUID, seconds: float) -> Row | None:
    """What a presented key is compared with."""
    return await tx.fetch_one("api_key_presented", id=key_id, seconds=seconds)


async def used(tx: Tx, key_id: uuid.UUID, used_at: datetime) -> None:
    """Note that a key was used then, unless something later is known."""
    await tx.execute("api_key_used", id=key_id, used_at=used_at)


def _key(row: Row) -> ApiKey:
    return ApiKey(**{**dict(row), "scopes": tuple(row["scopes"]), "role": Role(row["role"])})
