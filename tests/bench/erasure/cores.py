"""Keeps who erases and who writes meanwhile from taking turns on one core: each has a machine of its own where it runs for customers.

Only clients are held: the database has all cores, and whoever waits for it waits as anywhere. Without this the figure is the kernel's: some
put what is awake on as few cores as they can, and then a write waits for a client of another machine to end its turn, milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def erasing() -> Iterator[frozenset[int]]:
    """All cores but one are for this thread and the processes that it starts; the one, as a set, is for who writes meanwhile.

    Where there is only one, all of them have it.
    """
    before = frozenset(os.sched_getaffinity(0))
    apart = frozenset({max(before)})
    os.sched_setaffinity(0, before - apart or before)
    try:
        yield apart
    finally:
        os.sched_setaffinity(0, before)
