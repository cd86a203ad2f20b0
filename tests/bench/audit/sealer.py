"""The sealing process: `python -m bench.audit.sealer APP SWEEP PAUSE`; seals until its standard input ends."""

from __future__ import annotations

import asyncio
import resource
import sys

import uvloop

from audit.log.sealing import Sealer, SealerSettings
from chaos.audit.books import KEYRING, ORIGIN
from database import Database, DatabaseSettings, Queries


async def _main(app_url: str, sweep_url: str, pause: float) -> None:
    settings = DatabaseSettings(app_url, sweep_url, app_pool=3, sweep_pool=3)
    db = await Database.open(settings, Queries.of("database", "messaging", "audit"), "audit")
    before = _used()
    running = asyncio.create_task(Sealer(db, KEYRING, SealerSettings(ORIGIN, pause)).run())
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await db.close()
    print(_used() - before, flush=True)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
