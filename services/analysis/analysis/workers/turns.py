"""Turns at computing: what is wanted later is made ready one piece between two rounds of the event loop.

Sixteen calls that come from storage together would otherwise be parsed and masked in one round, and each step of a question that is on its
way (connect, shake hands, send) would wait for as many of them as have come by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Hands out turns, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn for the length of the block, which should not wait for anything."""
        async with self._lock:
            # Held over a round: those who come in the same one stand in line.
            await asyncio.sleep(0)
            yield
