"""`python -m chaos.erasure.lane <first seed> <how many>`: schedules one after the other, in a process and a PostgreSQL of their own.

Each line that is written is one schedule's outcome; whoever started the lane reads them as they come.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chaos.erasure.schedule import run
from chaos.server import postgres
from database import MigrationSettings, migrate
from integration.erasure.place import Place, place_in
from local.postgres import drop, provision
from messaging.erasure.worker import QUIET_SECONDS
from testkit.postgres import PASSWORDS, migration_folders


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one schedule: the tables in which something came back, and whether the erasure came to its end."""

    seed: int
    resurrected: tuple[str, ...]
    ended: bool


@asynccontextmanager
async def ingest(admin_url: str, name: str) -> AsyncIterator[Place]:
    """The place that schedules are run in: ingest's database, under a name of its own."""
    dsns = await provision(admin_url, "ingest", PASSWORDS, name)
    migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("ingest")))
    try:
        async with place_in("ingest", dsns, admin_url) as place:
            place.quiet_seconds = QUIET_SECONDS
            yield place
    finally:
        await drop(admin_url, name)


async def lane(first: int, count: int) -> AsyncIterator[Told]:
    """Run schedules in another process. Raises RuntimeError where that ends before all are run."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chaos.erasure.lane", str(first), str(count), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout, "it was asked for"
    told = 0
    try:
        async for line in child.stdout:
            seed, resurrected, ended = json.loads(line)
            told += 1
            yield Told(seed, tuple(resurrected), ended)
    finally:
        if child.returncode is None and told < count:
            child.terminate()
        status = await child.wait()
    if told < count:
        raise RuntimeError(f"a lane has run {told} of {count} schedules and ended with {status}")


async def _run(first: int, count: int) -> None:
    with postgres() as admin_url:
        async with ingest(admin_url, f"ingest-lane-{os.getpid()}") as place:
            for seed in range(first, first + count):
                outcome = await run(place, seed)
                sys.stdout.write(json.dumps([seed, sorted(outcome.resurrected), outcome.ended]) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2])))
