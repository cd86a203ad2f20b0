"""Who gets the requests to a service: the instances that the stack names, in turns, and never one at whose port nobody is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import trustme

from local.front_door import PathMap, application
from local.traffic import Traffic, direct, doors

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"


@contextmanager
def nobody() -> Iterator[int]:
    """A port that is taken and refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class Instance:
    """Answers each connection's first request with its name, and counts; `rude` breaks the connection instead."""

    def __init__(self, name: bytes, *, rude: bool = False) -> None:
        self._name = name
        self._rude = rude
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).split(b" ", 1)[0])
        if not self._rude:
            writer.write(OK + self._name)
        writer.close()


@asynccontextmanager
async def listening(instance: Instance) -> AsyncIterator[int]:
    server = await asyncio.start_server(instance.serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def old() -> AsyncIterator[tuple[Instance, int]]:
    instance = Instance(b"old")
    async with listening(instance) as port:
        yield instance, port


@pytest.fixture
async def new() -> AsyncIterator[tuple[Instance, int]]:
    instance = Instance(b"new")
    async with listening(instance) as port:
        yield instance, port


async def through(address: int) -> bytes:
    """What a connection to a service's address gets; nothing where it is closed or broken without an answer."""
    answer = b""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", address)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            answer = await reader.read()
        writer.close()
    return answer[-3:]


async def test_an_address_leads_to_whom_the_file_names_at_each_moment(
    tmp_path: Path, unused_tcp_port: int, old: tuple[Instance, int], new: tuple[Instance, int]
) -> None:
    file = tmp_path / "traffic.json"
    direct(file, {unused_tcp_port: [old[1]]})
    async with doors(Traffic(file), [unused_tcp_port]):
        assert await through(unused_tcp_port) == b"old"
        direct(file, {unused_tcp_port: [old[1], new[1]]})
        assert {await through(unused_tcp_port) for _ in range(2)} == {b"old", b"new"}
        direct(file, {unused_tcp_port: [new[1]]})
        assert [await through(unused_tcp_port) for _ in range(3)] == [b"new"] * 3
        with nobody() as gone:
            direct(file, {unused_tcp_port: [gone, new[1]]})
            assert [await through(unused_tcp_port) for _ in range(3)] == [b"new"] * 3
        direct(file, {})
        assert await through(unused_tcp_port) == b""
    assert file.stat().st_mode & 0o077 == 0


@asynccontextmanager
async def door(file: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the front door, behind which one service has the address 1."""
    authority = file.with_name("ca.pem")
    trustme.CA().cert_pem.write_to_path(str(authority))
    app = application(PathMap((), "http://127.0.0.1:1"), authority, "/sandbox", Traffic(file))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client,
    ):
        yield client


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_front_door_passes_over_an_instance_that_takes_no_connection(
    tmp_path: Path, new: tuple[Instance, int], method: str
) -> None:
    file = tmp_path / "traffic.json"
    with nobody() as gone:
        direct(file, {1: [gone, new[1]]})
        async with door(file) as browser:
            answers = [await browser.request(method, "/", content=b"x" if method == "POST" else None) for _ in range(4)]
    assert [answer.text for answer in answers] == ["new"] * 4
    assert new[0].requests == [method.encode()] * 4


async def test_what_may_have_been_done_is_not_done_again(tmp_path: Path, new: tuple[Instance, int]) -> None:
    """A connection that breaks under a request says nothing about what became of it: only what merely reads is asked again."""
    file, rude = tmp_path / "traffic.json", Instance(b"", rude=True)
    async with listening(rude) as port, door(file) as browser:
        direct(file, {1: [port, new[1]]})
        assert (await browser.get("/")).text == "new"
        direct(file, {1: [port]})
        assert (await browser.post("/", content=b"x")).status_code == 503
    assert rude.requests == [b"GET", b"POST"]
    assert new[0].requests == [b"GET"]
