"""Which instances of a service get requests: what Cloud Run decides by itself, decided here by the stack and told in a file.

The front door asks for each request, and `doors` passes on whatever else comes to a service's own address: what Pub/Sub pushes, webhooks.
An address stays the same while the instances behind it come and go; only those that have said that they are ready are in the file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from local.passing import Connected, pass_on

Ports = Mapping[int, Sequence[int]]
"""Ports of instances by the port of the service's address."""


class Traffic:
    """What the file says, read again when it has changed. Each service's instances take turns."""

    def __init__(self, file: Path | None = None) -> None:
        """Without a file every service has one instance, at its own address."""
        self._file = file
        self._read: tuple[int, int] | None = None
        self._ports: Ports = {}
        self._turns: dict[int, int] = {}

    def instances(self, port: int) -> list[int]:
        """Ports of the instances behind `port`: whose turn it is comes first, then whom else to try."""
        known = self._known().get(port, (port,))
        turn = self._turns[port] = (self._turns.get(port, -1) + 1) % max(1, len(known))
        return [*known[turn:], *known[:turn]]

    def _known(self) -> Ports:
        if self._file is not None:
            told = self._file.stat()
            # Two changes may fall into one tick of the file system's clock, but are two files.
            if self._read != (told.st_mtime_ns, told.st_ino):
                self._ports = {int(port): tuple(to) for port, to in json.loads(self._file.read_text()).items()}
                self._read = (told.st_mtime_ns, told.st_ino)
        return self._ports


def direct(file: Path, ports: Ports) -> None:
    """Write the file; whoever reads it sees what was before or what is now, and nothing between."""
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps({str(port): list(to) for port, to in ports.items()}))
    new.replace(file)


@asynccontextmanager
async def doors(traffic: Traffic, ports: Sequence[int]) -> AsyncIterator[None]:
    """Listen on `ports` of loopback, and pass each connection on to an instance, its TLS untouched."""
    async with AsyncExitStack() as closing:
        for port in ports:
            server = await asyncio.start_server(_passing(traffic, port), "127.0.0.1", port)
            closing.callback(server.close)
        yield


def _passing(traffic: Traffic, port: int) -> Connected:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for instance in traffic.instances(port):
            if instance == port:
                break  # nobody is named yet, and this door would find itself
            try:
                there = await asyncio.open_connection("127.0.0.1", instance)
            except OSError:
                continue
            await pass_on((reader, writer), there)
            return
        writer.close()

    return connected
