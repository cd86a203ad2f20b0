"""Named places where a crash would matter most.

Production code calls `reach("relay.after_publish")`; nothing happens unless a test or a proof has armed the point.
The names are the vocabulary of the proofs: a schedule says at which point which process dies.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Trap = Callable[[str], None]

_trap: ContextVar[Trap | None] = ContextVar("callmine_fault_trap", default=None)


def reach(point: str) -> None:
    """Tell an armed trap that `point` was reached; the trap may raise to simulate a crash."""
    trap = _trap.get()
    if trap is not None:
        trap(point)


def arm(trap: Trap | None) -> None:
    """Arm `trap` for the current task and the tasks it starts; None disarms."""
    _trap.set(trap)
