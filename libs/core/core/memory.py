"""The memory of a process that serves."""

from __future__ import annotations

import gc
import os
from pathlib import Path


def settle() -> None:
    """The start is over: collect what it has left behind, and never look at the rest again.

    A full collection stops the process for as long as it takes to visit every object: 0.2 s with a model client's modules loaded (half a
    million objects), in which a worker hears no answer. What is there after the start stays until the end, so that it need not be visited.
    Collected first, because what is garbage now would stay as well, secrets included. See `gc.freeze`.
    """
    gc.collect()
    gc.freeze()


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell (proc(5), statm)."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0
