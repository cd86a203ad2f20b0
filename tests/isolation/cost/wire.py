"""A proxy in front of PostgreSQL that counts round trips: how often the server has said that it is ready for the next request.

It can also keep the end of the server's side to itself, as a network does for a while.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

_SOCKET = ".s.PGSQL.5432"
_READY = ord("Z")
# A message is a byte for its kind and four for its length, which count themselves and not the kind.
_KIND, _LENGTH = 1, 4


@dataclass(slots=True)
class Wire:
    """Counts; `url` is where to connect instead. `ended` is set when the server has said its last word on a connection."""

    url: str
    round_trips: int = 0
    keeps_end: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def carry(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter, server_socket: str) -> None:
        """Pass everything on, in both directions, until one side closes."""
        self._clients.append(answers)
        replies, server = await asyncio.open_unix_connection(server_socket)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(client, server))
                group.create_task(self._count(replies, answers))
        except* OSError:
            pass
        finally:
            server.close()
            answers.close()

    def hang_up(self) -> None:
        """End every connection on the client's side."""
        self.keeps_end = False
        while self._clients:
            self._clients.pop().close()

    async def _count(self, replies: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await replies.readexactly(_KIND + _LENGTH)
                body = await replies.readexactly(int.from_bytes(head[_KIND:]) - _LENGTH)
                self.round_trips += head[0] == _READY
                answers.write(head + body)
                await answers.drain()
        except asyncio.IncompleteReadError:
            self.ended.set()
            if not self.keeps_end:
                answers.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()


@asynccontextmanager
async def wiretap(url: str) -> AsyncIterator[Wire]:
    """A proxy in front of the server of `url`, which listens on a Unix socket or on TCP without TLS."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query)["host"][0]
    with tempfile.TemporaryDirectory(prefix="wire-") as own:
        other = "&".join(option for option in parts.query.split("&") if not option.startswith("host="))
        query = f"host={quote(own, safe='')}" + (f"&{other}" if other else "")
        wire = Wire(f"{url.partition('?')[0]}?{query}")
        server = await asyncio.start_unix_server(
            lambda reader, writer: wire.carry(reader, writer, f"{folder}/{_SOCKET}"), Path(own) / _SOCKET
        )
        async with server:
            yield wire
