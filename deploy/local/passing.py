"""Passing bytes on from one connection to another, as they are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

_CHUNK_BYTES = 64 * 1024

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def pass_on(one: End, other: End) -> None:
    """Both ways, until both ends are closed: what the one has still to say is heard when the other has finished."""
    async with asyncio.TaskGroup() as both:
        both.create_task(_pass_on(one[0], other[1]))
        both.create_task(_pass_on(other[0], one[1]))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one end is closed or breaks; then the other is closed as well."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()
