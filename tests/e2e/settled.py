"""Waiting until nothing moves any more."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from e2e.snapshot import database_of
from local.stack import Stack


async def settled(stack: Stack, seconds: float = 120.0) -> None:
    """Return when every outbox is empty and no inbox has grown for a second. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    last: tuple[int, ...] = ()
    quiet_since = time.monotonic()
    while time.monotonic() < deadline:
        now = await _counts(stack)
        outboxes_empty = all(count == 0 for count in now[::3])
        if now != last or not outboxes_empty:
            last, quiet_since = now, time.monotonic()
        elif time.monotonic() - quiet_since > 1.5:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"messages are still on their way after {seconds} s: {last}")


async def _counts(stack: Stack) -> tuple[int, ...]:
    found: list[int] = []
    for service in stack.dsns:
        connection = await asyncpg.connect(database_of(stack, service))
        try:
            for table in ("outbox", "inbox", "parked"):
                found.append(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: PERF401
        finally:
            await connection.close()
    return tuple(found)
