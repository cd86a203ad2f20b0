"""A decoy: a text that is put into every kind of place on purpose, and has to be found in each before the search is believed."""

from __future__ import annotations

import asyncio
import gzip
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from google.pubsub_v1 import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports.grpc_asyncio import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PubsubMessage

from chaos.vault.canary.canaries import Canary
from chaos.vault.canary.findings import Kind, Sweep
from e2e.runs import database
from local.stack import Stack
from local.stack.environment import PROJECT
from local.stack.processes import Process
from messaging.google import open_channel

NAME = "decoy"

# Every kind but pages, which show nothing that nobody stored, and the two that are plain files like the logs.
PLANTED = frozenset(Kind) - {Kind.PAGES, Kind.CONFIGURATION, Kind.STATEMENTS}

_SECONDS = 20.0

# Keeps it in memory only as base64 beside something else, as basic authentication does, in a file without a name, and in its log.
_PROGRAM = """
import base64, os, sys, tempfile, time
text = sys.argv[1]
kept = base64.b64encode(f"somebody:{text}".encode())
nameless = tempfile.TemporaryFile()
nameless.write(text.encode())
nameless.flush()
with open(os.path.join(tempfile.gettempdir(), "named"), "w") as named:
    named.write(text[::-1])
print("the key is", text.encode().hex(), flush=True)
time.sleep(600)
"""

# The topic's consumers park what they cannot read, with its bytes: so it gets into a database, too.
_TOPIC, _PUBLISHER = "reports", "analysis"


@dataclass(frozen=True, slots=True)
class Decoy:
    """The text, and the stack that it is planted in."""

    stack: Stack
    canary: Canary

    @classmethod
    def new(cls, stack: Stack) -> Decoy:
        """A decoy that exists nowhere yet."""
        return cls(stack, Canary(NAME, secrets.token_urlsafe(30)))

    @asynccontextmanager
    async def planted(self) -> AsyncIterator[None]:
        """Within the block it is in every kind of place; some of it stays after."""
        directory = self.stack.settings.directory
        (directory / "storage" / "decoy.json.gz").write_bytes(gzip.compress(self.canary.text.encode()))
        child = self._child(directory)
        await child.start()
        try:
            self.stack.processes[NAME] = child
            await self._publish()
            await _until(lambda: asyncio.to_thread(_has_spoken, child.log), "the decoy's process has not started")
            yield
        finally:
            del self.stack.processes[NAME]
            await child.kill()

    def _child(self, directory: Path) -> Process:
        temporary = directory / "tmp" / NAME
        temporary.mkdir()
        environment = {"PATH": os.environ.get("PATH", ""), "TMPDIR": str(temporary), "GIVEN": self.canary.text}
        command = [sys.executable, "-c", _PROGRAM, self.canary.text]
        return Process(NAME, command, environment, directory / "logs" / f"{NAME}.log", directory)

    async def _publish(self) -> None:
        """Send it as a message, and wait until it is in a database."""
        site = self.stack.site
        token = site.keys.service_tokens[_PUBLISHER]
        channel = open_channel(f"127.0.0.1:{site.ports['broker']}", site.authority.ca_pem, token)
        try:
            publisher = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
            message = PubsubMessage(data=self.canary.text.encode())
            await publisher.publish(topic=f"projects/{PROJECT}/topics/{_TOPIC}", messages=[message], timeout=10)
        finally:
            await channel.close()
        await _until(self._parked, "the message is not parked")

    async def _parked(self) -> bool:
        return bool(await database(self.stack, "ingest", "SELECT 1 FROM parked"))


async def _until(good: Callable[[], Awaitable[bool]], complaint: str) -> None:
    """Return when it is `good`. Raises AssertionError."""
    deadline = time.monotonic() + _SECONDS
    while not await good():
        if time.monotonic() > deadline:
            raise AssertionError(f"{complaint} after {_SECONDS:.0f} s")
        await asyncio.sleep(0.1)


def _has_spoken(log: Path) -> bool:
    return log.exists() and bool(log.stat().st_size)


def missed(sweep: Sweep) -> list[str]:
    """The kinds of place in which the decoy was not found, in words; in memory it has to be found as base64."""
    found = {hit.place.kind for hit in sweep.hits if hit.trace.canary == NAME}
    problems = [f"the search does not see: the decoy was not found in {kind}" for kind in sorted(PLANTED - found)]
    in_memory = {hit.trace.form for hit in sweep.hits if hit.trace.canary == NAME and hit.place.process == NAME}
    if "base64" not in in_memory:
        problems.append(
            "the search does not see: the decoy was not found as base64 in the memory of the process that keeps it"
        )
    return problems
