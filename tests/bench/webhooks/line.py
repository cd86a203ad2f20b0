"""Connections to the service, kept open as providers do, with nothing on the way that a client library would add."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from integration.ingest.senders import Letter

# More than are ever on their way at once, unless answers take half a second.
_LINES = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def post(self, letter: Letter) -> int:
        """Send a letter; the status of its answer, once that is read to its end."""
        self.writer.write(_request(letter))
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        [length] = [line.partition(":")[2] for line in lines if line.startswith("content-length:")]
        await self.reader.readexactly(int(length))
        return int(lines[0].split(" ")[1])


@dataclass(frozen=True, slots=True)
class Lines:
    """Several of them: a letter goes by the one that has been free for longest, so that none is closed for being idle."""

    free: asyncio.Queue[Line]

    async def post(self, letter: Letter) -> int:
        """Send a letter; the status of its answer."""
        line = await self.free.get()
        status = await line.post(letter)
        self.free.put_nowait(line)
        return status


@asynccontextmanager
async def lines(port: int, context: ssl.SSLContext) -> AsyncIterator[Lines]:
    """Open connections to a service on this machine; closed at the end of the block."""
    opened = [Line(*await asyncio.open_connection("127.0.0.1", port, ssl=context)) for _ in range(_LINES)]
    free: asyncio.Queue[Line] = asyncio.Queue()
    for line in opened:
        free.put_nowait(line)
    try:
        yield Lines(free)
    finally:
        for line in opened:
            line.writer.close()


def _request(letter: Letter) -> bytes:
    given = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(letter.body))}
    head = [
        f"POST {letter.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in {**given, **letter.headers}.items()),
    ]
    return "\r\n".join([*head, "", ""]).encode() + letter.body
