"""A folder in memory, for what a test needs files for and throws away.

Copying a migrated database is 300 files: 15 ms in memory, 200 to 600 ms on a disk of a virtual machine (PostgreSQL 15, 2 cores), and
two thousand tests each take a copy.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is made by tempfile
# A server of a test run stays well below one GB; several run side by side, and the tests need memory, too.
_LEAST_FREE = 4 * 1024**3


def memory_folder() -> str | None:
    """Where files are kept in memory, for `tempfile`; None where that is not possible, or too small (containers often have 64 MB)."""
    if not _SHARED_MEMORY.is_dir() or not os.access(_SHARED_MEMORY, os.W_OK | os.X_OK):
        return None
    return str(_SHARED_MEMORY) if shutil.disk_usage(_SHARED_MEMORY).free >= _LEAST_FREE else None
