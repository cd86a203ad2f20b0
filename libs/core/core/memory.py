"""The garbage collector of a process that serves."""

from __future__ import annotations

import gc


def settle() -> None:
    """The start is over: collect what it has left behind, and never look at the rest again.

    A full collection stops the process for as long as it takes to visit every object: 0.2 s with a model client's modules loaded (half a
    million objects), in which a worker hears no answer. What is there after the start stays until the end, so that it need not be visited.
    Collected first, because what is garbage now would stay as well, secrets included. See `gc.freeze`.
    """
    gc.collect()
    gc.freeze()
