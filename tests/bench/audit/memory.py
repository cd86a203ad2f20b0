"""What a process holds."""

from __future__ import annotations

from pathlib import Path


def most_mebibytes(pid: int) -> float:
    """The most that the process has held since it began: what the kernel tells of children includes what they were forked from."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
