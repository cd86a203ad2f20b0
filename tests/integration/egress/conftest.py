"""A provider on loopback: TLS by a throw-away authority, answers as the test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from egress import Destination, Egress
from integration.egress.scripted_provider import Provider, SettableClock, answer


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("egress") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
async def provider(authority: trustme.CA) -> AsyncIterator[Provider]:
    provider = Provider(answers=[answer(200, b'{"ok": true}', "content-type: application/json")])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=context)
    provider.port = server.sockets[0].getsockname()[1]
    async with server:
        yield provider


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def egress(provider: Provider, ca_file: Path, clock: SettableClock) -> AsyncIterator[Egress]:
    place = Destination(
        name="gong", hosts=("*.gong.io",), base_url=f"https://127.0.0.1:{provider.port}/gong", largest_response=10_000
    )
    async with Egress([place], ca_file=ca_file, clock=clock) as egress:
        yield egress


@pytest.fixture
def answering() -> Callable[..., bytes]:
    return answer
