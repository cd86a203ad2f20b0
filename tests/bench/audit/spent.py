"""Processor time, which a busy machine changes less than it changes the time that passes."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

# In /proc/<id>/stat, behind the name: the parent; ticks of the process in user and kernel mode, and of its children that have ended.
_PARENT, _OWN, _ENDED = 1, slice(11, 13), slice(13, 15)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of processor time: of this process, and of PostgreSQL with all its processes; 0 where that runs elsewhere."""

    python: float = 0.0
    postgres: float = 0.0

    def since(self, before: Spent) -> Spent:
        """What was spent after `before`."""
        return Spent(self.python - before.python, self.postgres - before.postgres)


async def spent(admin_url: str, dsn: str) -> Spent:
    """What was spent so far; of processes that have ended as well."""
    connection = await asyncpg.connect(admin_url, database=urlsplit(dsn).path[1:])
    try:
        server = _parent(await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connection.close()
    own = resource.getrusage(resource.RUSAGE_SELF)
    return Spent(own.ru_utime + own.ru_stime, _of_server(server) if server else 0.0)


def _of_server(server: int) -> float:
    processes = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    ticks = sum(sum(map(int, _stat(one)[_OWN])) for one in processes if one == server or _parent(one) == server)
    return (ticks + sum(map(int, _stat(server)[_ENDED]))) / os.sysconf("SC_CLK_TCK")


def _parent(process: int) -> int:
    """The id of a process' parent; 0 for one that is not here."""
    stat = _stat(process)
    return int(stat[_PARENT]) if stat else 0


def _stat(process: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return []
