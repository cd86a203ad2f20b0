"""Exporting a log with its proof and checking the export, each alone in a process of its own.

The log is recorded and sealed by the service's own code. It is exported twice, when a tenth of it is there and when all of it is: what the
process holds at most is to be the same.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from audit import handlers
from audit.log.keys import Salts
from audit.log.sealing import Sealer, SealerSettings
from audit.verify import callmine_verify
from bench.audit.memory import most_mebibytes
from chaos.audit.books import KEYRING, ORIGIN, WORKSPACE, Book
from chaos.audit.fresh import fresh, opened
from core.ids import WorkspaceId
from database import Database
from local.postgres import ServiceDsns

# Entries in one transaction, and transactions before they are sealed.
_AT_ONCE, _UNSEALED = 1_000, 20

# Between two looks at the verifier's memory.
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds, and the most memory in MiB."""

    seconds: float
    mebibytes: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What exporting a tenth and the whole took, and verifying each."""

    tenth_exported: Took
    exported: Took
    tenth_verified: Took
    verified: Took


async def checked(admin_url: str, folder: Path, entries: int) -> Checked:
    """Fill a log with so many entries of one workspace, export it and let the verifier check it."""
    async with fresh(admin_url) as dsns, opened(dsns) as db:
        book = Book(7)
        await _fill(db, book, entries // 10)
        tenth = await _exported(dsns, folder / "tenth.jsonl"), await _verified(folder / "tenth.jsonl")
        await _fill(db, book, entries - entries // 10)
        whole = await _exported(dsns, folder / "whole.jsonl"), await _verified(folder / "whole.jsonl")
        return Checked(tenth[0], whole[0], tenth[1], whole[1])


async def _fill(db: Database, book: Book, entries: int) -> None:
    salts, sealer = Salts(), Sealer(db, KEYRING, SealerSettings(ORIGIN))
    for number, first in enumerate(range(0, entries, _AT_ONCE), start=1):
        async with db.workspace(WorkspaceId(WORKSPACE)) as tx:
            await handlers.record(tx, [book.entry() for _ in range(min(_AT_ONCE, entries - first))], salts)
        if number % _UNSEALED == 0:
            await sealer.drain()
    await sealer.drain()


async def _exported(dsns: ServiceDsns, file: Path) -> Took:
    arguments = ["-m", "bench.audit.exporter", dsns.app, dsns.sweep, str(file)]
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError("the export came to nothing")
    return Took(*map(float, out.split()))


async def _verified(file: Path) -> Took:
    return await asyncio.to_thread(_run_verifier, file)


def _run_verifier(file: Path) -> Took:
    command = [sys.executable, "-I", "-S", callmine_verify.__file__, str(file), "--key", KEYRING.verifiers[0].text]
    began, most = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            most = max(most, most_mebibytes(child.pid))
            time.sleep(_LOOK_SECONDS)
    took = time.perf_counter() - began
    if child.returncode != 0:
        raise RuntimeError("the export did not verify")
    return Took(took, most)
