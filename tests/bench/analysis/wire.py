"""As little of an HTTPS server as the providers' clients need, so that what is measured is not the server.

HTTP/1.1 with keep-alive and bodies of a known length, nothing else; answers are bytes that are ready before they are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from local.tls import ServerCertificate

# Connections that wait to be accepted: all questions come at once in the beginning.
_BACKLOG = 500

Reply = Callable[[bytes], None]
Handle = Callable[[bytes, bytes, Reply], None]
"""Given a request's head, its body, and what sends the answer, now or later."""


def answer_of(content: bytes, kind: str = "application/json") -> bytes:
    """A whole answer with status 200."""
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind.encode(), len(content)) + content
    )


@dataclass(slots=True, eq=False)
class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    handle: Handle
    transport: asyncio.Transport | None = None
    _head: bytes = b""
    _wanted: int = -1
    _received: bytearray = field(default_factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed: whatever is answered later goes nowhere."""
        del exc
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Part of a request, or the end of one."""
        received = self._received
        received += data
        if self._wanted < 0:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head, self._wanted = bytes(received[:end]), _length(bytes(received[:end]))
            del received[: end + 4]
        if len(received) >= self._wanted:
            body = bytes(received[: self._wanted])
            del received[: self._wanted]
            self._wanted = -1
            self.handle(self._head, body, self._reply)

    def _reply(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if rest else 0


async def listen(handle: Handle, certificate: ServerCertificate) -> str:
    """Serve until the process ends; the address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(handle), "127.0.0.1", 0, ssl=certificate.context(), backlog=_BACKLOG
    )
    return f"https://localhost:{server.sockets[0].getsockname()[1]}"
