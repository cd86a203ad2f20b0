"""Ids as the driver has them."""

from __future__ import annotations

import uuid

from asyncpg.pgproto.pgproto import UUID


def as_read(one: uuid.UUID) -> uuid.UUID:
    """The same id, as rows have it: of a class of the driver's own: equal to Python's, and written in a tenth of the time."""
    found: uuid.UUID = UUID(one.bytes)
    return found
