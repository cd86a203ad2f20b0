"""The front door passes answers on as they come: streams of events whole and at once, slow readers bounded, none kept that was left."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from local.front_door import PathMap, application
from testkit.streams import until

CHUNK = b"data: " + b"x" * 16_000 + b"\n\n"


@dataclass
class Upstream:
    """A service with an endless stream: each event when a test lets it, one for each stream, or as fast as they are taken."""

    ticks: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    greeted: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    open: int = 0
    encodings: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/ticks", self.follow), Route("/greeting", self.greet), Route("/flood", self.flood)]
        )

    async def follow(self, request: Request) -> StreamingResponse:
        self.encodings.append(request.headers.get("accept-encoding", ""))
        headers = {"x-accel-buffering": "no", "cache-control": "private, no-store"}
        return StreamingResponse(self._counted(self._ticking()), headers=headers, media_type="text/event-stream")

    async def greet(self, _: Request) -> StreamingResponse:
        return StreamingResponse(self._counted(self._greeting()), media_type="text/event-stream")

    async def flood(self, _: Request) -> StreamingResponse:
        return StreamingResponse(self._counted(self._flooding()), media_type="text/event-stream")

    async def _ticking(self) -> AsyncIterator[bytes]:
        while True:
            yield await self.ticks.get()

    async def _greeting(self) -> AsyncIterator[bytes]:
        # Of one queue for all, a stream that is quick takes what another waits for.
        await self.greeted.wait()
        yield b": hello\n\n"
        await asyncio.Event().wait()

    async def _flooding(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += len(CHUNK)
            yield CHUNK
            await asyncio.sleep(0)

    async def _counted(self, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            async for event in events:
                yield event
        finally:
            self.open -= 1


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are pytest's."""
        yield


@asynccontextmanager
async def serving(app: ASGIApp, port: int, tls: Path | None = None) -> AsyncIterator[uvicorn.Server]:
    """`app` on loopback, with TLS where there is a certificate."""
    files = {"ssl_certfile": tls / "cert.pem", "ssl_keyfile": tls / "key.pem"} if tls else {}
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        ws="none",
        timeout_graceful_shutdown=1,
        **files,  # type: ignore[arg-type]
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield server
    server.should_exit = True
    await task


@pytest.fixture
async def door(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[tuple[Upstream, str]]:
    """A service behind the front door, and the door's address."""
    ports = [unused_tcp_port_factory() for _ in range(2)]
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    upstream = Upstream()
    paths = PathMap((), f"https://127.0.0.1:{ports[0]}")
    async with (
        serving(upstream.app(), ports[0], tmp_path),
        serving(application(paths, tmp_path / "ca.pem", strip="/sandbox"), ports[1]),
    ):
        yield upstream, f"http://127.0.0.1:{ports[1]}"
    gc.unfreeze()  # the door, in a process of its own, has everything there is at its start left alone for good


async def test_each_event_is_passed_on_as_it_comes(door: tuple[Upstream, str]) -> None:
    upstream, url = door
    async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", f"{url}/ticks") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in answer.headers
        chunks = answer.aiter_raw()
        for number in range(20):
            # The next one is only said when this one has arrived: whoever held it back would never see another.
            upstream.ticks.put_nowait(b"data: %d\n\n" % number)
            async with asyncio.timeout(20):
                assert await anext(chunks) == b"data: %d\n\n" % number


async def test_a_client_that_goes_away_is_told_of_at_once(door: tuple[Upstream, str]) -> None:
    upstream, url = door
    for _ in range(3):
        async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", f"{url}/ticks") as answer:
            upstream.ticks.put_nowait(b": hello\n\n")
            await anext(answer.aiter_raw())
            assert upstream.open == 1
        await until(lambda: upstream.open == 0)


async def test_a_client_that_reads_slowly_slows_the_sender_down(door: tuple[Upstream, str]) -> None:
    upstream, url = door
    host = httpx.URL(url)
    reader, writer = await asyncio.open_connection(host.host, host.port, limit=4096)
    writer.write(b"GET /flood HTTP/1.1\r\nHost: door\r\n\r\n")
    await reader.read(1)
    await until(lambda: upstream.sent > 100_000)
    # It takes nothing: what is sent fills the buffers on the way, and then nothing more is asked for.
    before = -1
    while before != upstream.sent:
        before = upstream.sent
        await asyncio.sleep(0.5)
    assert upstream.sent < 64_000_000
    assert upstream.open == 1
    writer.transport.abort()
    await until(lambda: upstream.open == 0)


async def test_many_follow_at_once(door: tuple[Upstream, str]) -> None:
    """More than a browser's connections, and more than the door had once."""
    upstream, url = door
    limits = httpx.Limits(max_connections=400)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=30) as client:

        async def follow() -> None:
            async with client.stream("GET", f"{url}/greeting") as answer:
                assert await anext(answer.aiter_raw()) == b": hello\n\n"

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(follow()) for _ in range(250)]
            await until(lambda: upstream.open == len(tasks))
            upstream.greeted.set()
    await until(lambda: upstream.open == 0)
