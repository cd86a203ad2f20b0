"""What all contestants stand on: one PostgreSQL, the embedded broker in a process of its own, a fresh topic for each round."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports.grpc_asyncio import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport

from chaos.effects import effects_settings, open_effects
from chaos.server import postgres
from database import Database, DatabaseSettings
from local.tls import Authority
from messaging.google import open_channel

PROJECT = "bench"


@dataclass(slots=True)
class Cloud:
    """Addresses and connections."""

    admin_url: str
    address: str
    ca: bytes
    channel: grpc.aio.Channel
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """A fresh database for one round."""
        async with self.settings() as settings, open_effects(settings) as db:
            yield db

    @asynccontextmanager
    async def settings(self) -> AsyncIterator[DatabaseSettings]:
        """The same, for contestants with a driver of their own."""
        async with effects_settings(self.admin_url, f"bench-r{next(self._numbers)}", app_pool=10) as settings:
            yield settings

    async def subscription(self) -> tuple[str, str]:
        """Names of a fresh topic and its subscription."""
        name = f"calls-{next(self._numbers)}"
        publisher = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=self.channel))
        subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=self.channel))
        topic = f"projects/{PROJECT}/topics/{name}"
        await publisher.create_topic(name=topic, timeout=10)
        path = f"projects/{PROJECT}/subscriptions/{name}"
        wanted = {"name": path, "topic": topic, "enable_message_ordering": True, "ack_deadline_seconds": 60}
        await subscriber.create_subscription(request=wanted, timeout=10)
        return name, name


@asynccontextmanager
async def cloud() -> AsyncIterator[Cloud]:
    """PostgreSQL and the broker, for the length of the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callmine-bench-")))
        admin_url = stack.enter_context(postgres())
        authority = Authority.open(folder / "tls")
        address = await stack.enter_async_context(_broker(folder, authority))
        channel = open_channel(address, authority.ca_pem)
        stack.push_async_callback(channel.close)
        yield Cloud(admin_url, address, authority.ca_pem, channel)


@asynccontextmanager
async def _broker(folder: Path, authority: Authority) -> AsyncIterator[str]:
    certificate = authority.server("broker")
    command = ["-m", "local.broker", "--dir", str(folder / "broker")]
    command += ["--certificate", str(certificate.chain), "--key", str(certificate.key)]
    (folder / "broker").mkdir()
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        yield str(json.loads(line)["grpc"])
    finally:
        process.terminate()
        await process.wait()
