"""A bucket of the storage emulator in a process of its own: its work is the provider's, not ours.

It answers as over a network, after `_AWAY_SECONDS`, and what it does takes the processor from nobody: a provider has machines of its own.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cloud.endpoint import Endpoint
from cloud.objects import GoogleObjects
from cloud.storage import StorageClient
from core.ids import WorkspaceId
from local.storage import StorageServer, StorageSettings
from local.storage.server import Exchange
from local.tls import Authority

LARGE = WorkspaceId("org_large")
BUCKET = "bench-calls"

# As many requests at once as the eraser has under way.
_SIDE_BY_SIDE = 16

# Until a request is taken up: some tens of milliseconds is what a request of a few bytes takes within a region. Assumed, not measured.
_AWAY_SECONDS = (0.015, 0.045)
_AWAY = random.Random(8)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Open with `serving`."""

    client: StorageClient
    objects: GoogleObjects

    @classmethod
    @asynccontextmanager
    async def serving(cls, folder: Path) -> AsyncIterator[Bucket]:
        """An empty one, kept in `folder`."""
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.erasure", "bucket", str(folder), stdin=pipe, stdout=pipe
        )
        assert child.stdin, "it was asked for"
        assert child.stdout, "it was asked for"
        try:
            address = (await child.stdout.readline()).decode().strip()
            place = Endpoint(address=address, ca_file=Authority.open(folder / "tls").ca_file, token="bench")
            client, objects = StorageClient(place), GoogleObjects(bucket=BUCKET, endpoint=place)
            try:
                yield cls(client, objects)
            finally:
                await client.close()
                await objects.close()
        finally:
            child.stdin.close()
            await child.wait()

    async def fill(self, count: int) -> None:
        """Put so many objects into the large workspace's folder."""
        waiting = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def put(number: int) -> None:
            async with waiting:
                name = f"workspaces/{LARGE}/calls/{number}.json"
                about: dict[str, object] = {"metadata": {}}
                await self.client().upload(BUCKET, name, b"{}" * 200, metadata=about, force_resumable_upload=False)

        await asyncio.gather(*(put(number) for number in range(count)))

    async def delete_bare(self) -> None:
        """List and delete, with none of our machinery."""
        waiting = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def delete(name: str) -> None:
            async with waiting:
                await self.client().delete(BUCKET, name)

        while True:
            listed = await self.client().list_objects(BUCKET, params={"prefix": f"workspaces/{LARGE}/"})
            names = [str(one["name"]) for one in listed.get("items", ())]
            if not names:
                return
            await asyncio.gather(*(delete(name) for name in names))


class _Distant(StorageServer):
    """Takes its time for each request. Those of a batch are carried out one after the other, each in as much time as one that comes alone:
    whether Google is faster with them is not known."""

    async def answer_one(self, exchange: Exchange, method: str) -> None:
        """Have it answered, some time later."""
        await asyncio.sleep(_AWAY.uniform(*_AWAY_SECONDS))
        await super().answer_one(exchange, method)

    def _settle_later(self) -> None:
        """Never: nobody looks for deleted names in this index, and writing it takes the processor for tens of milliseconds."""


def serve(folder: Path) -> None:
    """Serve until the input ends; the first line says where."""
    os.nice(19)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    authority = Authority.open(folder / "tls")
    with _Distant.start(StorageSettings(folder / "objects", authority.server("storage"), (BUCKET,))) as server:
        sys.stdout.write(f"{server.endpoint}\n")
        sys.stdout.flush()
        sys.stdin.read()
