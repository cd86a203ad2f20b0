"""An internet for tests: names lead where the test says, and public addresses lead to a server on loopback.

The client, its TLS and the server's are real. What is played is the resolver (a port of Egress) and the routing below it:
`anyio.connect_tcp`, through which both client libraries connect, is given the address that was chosen and delivers to the server as a
router would.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
import trustme

# Any public address would do; these are Google's and Cloudflare's resolvers.
PUBLIC, PUBLIC_TOO, PUBLIC_V6 = "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"


@dataclass
class Internet:
    """Where names lead, one answer after the other (the last one stays), and what was asked and dialled."""

    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    port: int = 0
    asked: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The next answer for `host`."""
        del port
        self.asked.append(host)
        answers = self.names.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def route(self, patch: pytest.MonkeyPatch) -> None:
        """Deliver what either client library connects to."""
        real = anyio.connect_tcp

        async def connect(remote_host: str, remote_port: int, **rest: Any) -> object:
            self.dialled.append((remote_host, remote_port))
            if remote_host in self.away:
                raise OSError("no route")
            return await real("127.0.0.1", self.port, **rest)

        patch.setattr(anyio, "connect_tcp", connect)


@dataclass
class Answers:
    """A server that answers every request on a connection that it keeps, unless told to close."""

    answer: bytes = b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}"
    closing: bool = False
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                writer.write(self.answer)
                await writer.drain()
                if self.closing:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(authority: trustme.CA, answers: Answers, *names: str) -> AsyncIterator[int]:
    """Serve `answers` with a certificate for `names`, noting the name each client asks for in its hello; gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        answers.names.append(name)

    context.sni_callback = note
    server = await asyncio.start_server(answers.serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
