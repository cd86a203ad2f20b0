"""Where the measured processes run: on a machine of few processors, the scheduler's choice costs more than what is measured."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def apart(servers: Iterable[int]) -> Iterator[None]:
    """Keep this process on one processor and the server processes of the given ids on another, as a service and its database are.

    Left to the scheduler, one of two like connections is up to a third faster for as long as it lives. Where there is one processor
    only, no way to choose, or a server on another machine, everything stays as it is.
    """
    free = _processors()
    if len(free) < 2:
        yield
        return
    here, there, *_ = sorted(free)
    for process in filter(_is_postgres, servers):
        # Its owner may be somebody else.
        with suppress(PermissionError):
            os.sched_setaffinity(process, {there})
    os.sched_setaffinity(0, {here})
    try:
        yield
    finally:
        os.sched_setaffinity(0, free)


def _processors() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _is_postgres(process: int) -> bool:
    """Whether the id, which a server on another machine has given as well, is one of a PostgreSQL here."""
    with suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text(encoding="ascii").startswith("postgres")
    return False
