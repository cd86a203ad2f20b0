"""Another workspace's small writes, in a process of their own, as another instance would make them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.ids import WorkspaceId
from database import Database, DatabaseSettings, Queries

OTHER = WorkspaceId("org_other")

# Between two writes.
_PAUSE = 0.004


@dataclass(frozen=True, slots=True)
class Others:
    """Open with `writing`."""

    child: asyncio.subprocess.Process

    @classmethod
    @asynccontextmanager
    async def writing(cls, dsn: str, sweep_dsn: str, cores: Iterable[int]) -> AsyncIterator[Others]:
        """Somebody who writes until the block ends, on these cores."""
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.erasure", "others", dsn, sweep_dsn, stdin=pipe, stdout=pipe, limit=2**26
        )
        os.sched_setaffinity(child.pid, cores)
        others = cls(child)
        try:
            await others._line()
            yield others
        finally:
            assert child.stdin, "it was asked for"
            child.stdin.close()
            await child.wait()

    async def times(self) -> list[float]:
        """What each write since the last call has taken, in milliseconds."""
        assert self.child.stdin, "it was asked for"
        self.child.stdin.write(b"\n")
        await self.child.stdin.drain()
        return [float(one) for one in json.loads(await self._line())]

    async def _line(self) -> bytes:
        assert self.child.stdout, "it was asked for"
        if line := await self.child.stdout.readline():
            return line
        raise RuntimeError(f"who writes meanwhile has ended with {await self.child.wait()}")


async def write(dsn: str, sweep_dsn: str) -> None:
    """Say `ready`, and write until the input ends. Each line of it begins a part, and is answered with the times of the part before."""
    settings = DatabaseSettings(app_url=dsn, sweep_url=sweep_dsn, app_pool=1, sweep_pool=1)
    db = await Database.open(settings, Queries.of("database", "messaging", "ingest"), "ingest")
    times: list[float] = []

    async def go_on() -> None:
        number = 0
        while True:
            number += 1
            began = time.perf_counter()
            async with db.workspace(OTHER) as tx:
                await tx.execute("membership_save", user_id="user_1", present=True, role="member", sequence=number)
            times.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(_PAUSE)

    def tell() -> None:
        told = json.dumps(times)
        times.clear()
        sys.stdout.write(f"{told}\n")
        sys.stdout.flush()

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(go_on())
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while await asyncio.to_thread(sys.stdin.readline):
            tell()
        writing.cancel()
    await db.close()
