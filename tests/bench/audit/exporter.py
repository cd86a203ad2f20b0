"""The exporting process: `python -m bench.audit.exporter APP SWEEP FILE`; writes the export and prints seconds and MiB it took at most."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import uvloop

from audit.log import export
from bench.audit.memory import most_mebibytes
from chaos.audit.books import WORKSPACE
from core.ids import WorkspaceId
from database import Database, DatabaseSettings, Queries


async def _main(app_url: str, sweep_url: str, file: Path) -> None:
    settings = DatabaseSettings(app_url, sweep_url, app_pool=3, sweep_pool=3)
    db = await Database.open(settings, Queries.of("database", "messaging", "audit"), "audit")
    began = time.perf_counter()
    with file.open("wb") as out:
        async for chunk in export.lines(db, WorkspaceId(WORKSPACE)):
            await asyncio.to_thread(out.write, chunk)
    print(time.perf_counter() - began, most_mebibytes(os.getpid()))
    await db.close()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
