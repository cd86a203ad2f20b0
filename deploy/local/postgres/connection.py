"""A short-lived administrator connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:  # generic in the type stubs only
    Connection = asyncpg.Connection

TIMEOUT_SECONDS = 30.0


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    """Connects, and closes at the end; every statement has the time-out."""
    connection = await asyncpg.connect(dsn, timeout=TIMEOUT_SECONDS, command_timeout=TIMEOUT_SECONDS)
    try:
        yield connection
    finally:
        await connection.close(timeout=TIMEOUT_SECONDS)
