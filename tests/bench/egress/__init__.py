"""What the way out costs: Egress beside plain httpx, and the SDKs' client beside plain httpx2.

One server on loopback with TLS, in this process, so that it costs all alike; one request after the other over one kept connection. The
bound is a client of two lines on asyncio's streams: what TLS, the server and the event loop cost by themselves.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import httpx2
import trustme

from bench.harness import Contestant, Row, paired
from egress import Destination, Egress, tls_context

_BODY = b'{"calls": [' + b",".join(b'{"id": "%019d"}' % number for number in range(100)) + b"]}"
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY) + _BODY

# The libraries' own is 5 s, less than the turns of the others take.
_KEPT_SECONDS = 60

Get = Callable[[], Awaitable[object]]


@dataclass
class Server:
    """Answers every request with the same page; keeps a task for each connection."""

    url: str = ""
    port: int = 0
    ca_file: Path = Path()
    served: list[asyncio.Task[object] | None] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the client ends it."""
        self.served.append(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def run(quick: bool) -> Sequence[Row]:
    """Rows of requests a second, and how many connections Egress and the SDKs' client made."""
    requests, rounds = (300, 5) if quick else (1000, 15)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(_serving())
        gets = await _clients(stack, server)
        rates = await paired(rounds, {name: _rate(get, requests) for name, get in gets.items()})
        made = len(server.served)
    rows: list[Row] = [
        {
            "row": f"GET of {len(_BODY)} bytes, {name}",
            "unit": "requests/s",
            "ours": rates[ours],
            "alternative": rates[plain],
            "bound": rates["streams"],
            "us_more_a_request": (1 / rates[ours] - 1 / rates[plain]) * 1e6,
        }
        for name, ours, plain in (
            ("Egress beside httpx", "egress", "httpx"),
            ("SDKs' client beside httpx2", "sdk", "httpx2"),
        )
    ]
    everything = len(gets) * rounds * requests
    return [
        *rows,
        {
            "row": f"connections for {everything} requests of all {len(gets)}",
            "unit": "",
            "ours": made,
            "bound": len(gets),
        },
    ]


def _rate(get: Get, requests: int) -> Contestant:
    async def measured() -> float:
        began = time.perf_counter()
        for _ in range(requests):
            await get()
        return requests / (time.perf_counter() - began)

    return measured


async def _clients(stack: AsyncExitStack, server: Server) -> dict[str, Get]:
    place = Destination(name="gong", base_url=server.url)
    egress = await stack.enter_async_context(Egress([place], ca_file=server.ca_file))
    sdk = await stack.enter_async_context(egress.httpx2_client("gong"))
    tls = tls_context(server.ca_file)
    plain = await stack.enter_async_context(
        httpx.AsyncClient(verify=tls, trust_env=False, limits=httpx.Limits(keepalive_expiry=_KEPT_SECONDS))
    )
    plain2 = await stack.enter_async_context(
        httpx2.AsyncClient(verify=tls, trust_env=False, limits=httpx2.Limits(keepalive_expiry=_KEPT_SECONDS))
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=tls)
    stack.callback(writer.close)

    async def streams() -> None:
        writer.write(b"GET /v2/calls HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(_BODY))

    return {
        "egress": lambda: egress.request("gong", "GET", "/v2/calls"),
        "httpx": lambda: plain.get(f"{server.url}/v2/calls"),
        "sdk": lambda: sdk.get(f"{server.url}/v2/calls"),
        "httpx2": lambda: plain2.get(f"{server.url}/v2/calls"),
        "streams": streams,
    }


@asynccontextmanager
async def _serving() -> AsyncIterator[Server]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        server = Server(ca_file=ca_file)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
        server.port = listening.sockets[0].getsockname()[1]
        server.url = f"https://127.0.0.1:{server.port}"
        try:
            yield server
        finally:
            listening.close()
            await asyncio.gather(*(task for task in server.served if task))
