"""What messages about API keys say, for every service that takes keys."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from callmine.workspaces.v1.workspaces_pb2 import ROLE_ADMIN, ApiKeyCreated, ApiKeyRevoked, ApiKeyUsed
from core.errors import InvalidInput
from core.ids import parse_uuid

KEY_MESSAGES: tuple[type[Message], ...] = (ApiKeyCreated, ApiKeyRevoked)
"""The messages that `key_told` reads."""

DIGEST_BYTES = 32


class ToldKey(Struct, frozen=True):
    """A key as it was told of; of a revoked one nothing but its id."""

    key_id: uuid.UUID
    digest: bytes | None = None
    scopes: tuple[str, ...] = ()
    role: str = "member"
    user_id: str = ""
    email: str = ""
    expires_at: datetime | None = None

    @property
    def revoked(self) -> bool:
        """Whether the key has been taken back."""
        return self.digest is None


def key_told(payload: Message) -> ToldKey:
    """What `payload` says. A role of a newer producer counts as member. Raises InvalidInput, and ValueError for another message."""
    match payload:
        case ApiKeyCreated():
            if len(payload.digest) != DIGEST_BYTES or not payload.user_id:
                raise InvalidInput("the key has no digest of 32 bytes, or nobody it acts for")
            return ToldKey(
                parse_uuid(payload.key_id, "key_id"),
                payload.digest,
                tuple(payload.scopes),
                "admin" if payload.role == ROLE_ADMIN else "member",
                payload.user_id,
                payload.email,
                _time(payload.expires_at) if payload.HasField("expires_at") else None,
            )
        case ApiKeyRevoked():
            return ToldKey(parse_uuid(payload.key_id, "key_id"))
        case _:
            raise ValueError("the message is not about an API key")


def key_used(key_id: uuid.UUID, used_at: datetime) -> Message:
    """The message that a key is in use."""
    stamp = Timestamp()
    stamp.FromDatetime(used_at)
    return ApiKeyUsed(key_id=str(key_id), used_at=stamp)


def _time(stamp: Timestamp) -> datetime:
    try:
        return stamp.ToDatetime(UTC)
    except ValueError as error:
        raise InvalidInput("the message holds a time that is none") from error
