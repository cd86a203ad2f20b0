"""Waiting until nothing moves any more."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from e2e.snapshot import database_of
from local.stack import Stack

# What the sealer, which is told nothing by a message, still has to do: entries to put into their log, logs to put into the global one.
UNSEALED = "SELECT (SELECT count(*) FROM log_arrivals) + (SELECT count(*) FROM log_heads WHERE anchored_size < size)"


async def settled(stack: Stack, seconds: float = 120.0) -> None:
    """Return when every outbox is empty, every audit entry sealed, and no inbox has grown for a second. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    last: tuple[list[int], list[int]] = ([], [])
    quiet_since = time.monotonic()
    while time.monotonic() < deadline:
        waiting, _ = now = await _counts(stack)
        if now != last or any(waiting):
            last, quiet_since = now, time.monotonic()
        elif time.monotonic() - quiet_since > 1.5:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"something is still on its way after {seconds} s: {last}")


async def _counts(stack: Stack) -> tuple[list[int], list[int]]:
    """What is waiting, and what has arrived, in all services."""
    waiting: list[int] = []
    arrived: list[int] = []
    for service in stack.dsns:
        connection = await asyncpg.connect(database_of(stack, service))
        try:
            waiting.append(await connection.fetchval("SELECT count(*) FROM outbox"))
            arrived.append(
                await connection.fetchval("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM parked)")
            )
            if service == "audit":
                waiting.append(await connection.fetchval(UNSEALED))
        finally:
            await connection.close()
    return waiting, arrived
