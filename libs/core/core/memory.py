"""The memory of a process that serves."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

# Imported by others where they can be, and left out as if their extra were not installed. httpx's own command line brings rich and
# pygments: a fifth of a second and 9 MB. FastAPI looks whether a parameter is a model of pydantic 1, which none here is.
UNUSED = ("httpx._main", "pydantic.v1")

# Objects, some ten to a message: a few megabytes of garbage at the most.
_SELDOM = 50_000


def load() -> None:
    """The process begins: nothing is collected until `loaded`, for what modules make while they are imported stays; and what nothing here
    uses is not imported. Before gRPC is: what it does in a child that was forked, which no child of ours needs, may crash the child. Before
    pydantic is: it looks through all that is installed for plug-ins of its own, and there are none."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # which makes importing it an ImportError


def loaded() -> None:
    """Everything is imported: collect from now on, but for that. Nothing in a process that did not begin with `load`."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def settle() -> None:
    """The start is over: collect what it has left behind, and never look at the rest again.

    A full collection stops the process for as long as it takes to visit every object: 0.2 s with a model client's modules loaded (half a
    million objects), in which a worker hears no answer. What is there after the start stays until the end, so that it need not be visited.
    Collected first, because what is garbage now would stay as well, secrets included. See `gc.freeze`.
    """
    gc.collect()
    gc.freeze()


def settle_again() -> None:
    """The same for what was loaded later, such as a large library with its first use; nothing in a process that never settled."""
    if gc.get_freeze_count():
        settle()


def collect_seldom() -> None:
    """For a process that has thousands of messages in memory at once, which go without being collected: cycles are looked for when so many
    objects more are there, and not with every hundredth message. Looking through them all took an eighth of what recording an entry takes.
    """
    gc.set_threshold(_SELDOM, *gc.get_threshold()[1:])


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell (proc(5), statm)."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0
