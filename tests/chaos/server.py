"""A PostgreSQL for proofs and measurements that run outside pytest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.postgres import EmbeddedPostgres


@contextmanager
def postgres() -> Iterator[str]:
    """DSN of the administrator: of CALLMINE_DATABASE_URL, or of an embedded server that lives as long as the block."""
    given = os.environ.get("CALLMINE_DATABASE_URL")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="callmine-pg-") as folder,
        EmbeddedPostgres.start(Path(folder) / "server") as server,
    ):
        yield server.admin_dsn


@contextmanager
def stack_folder(prefix: str) -> Iterator[Path]:
    """A folder for a whole stack, gone with the block: as root, PostgreSQL runs as another user, who has to get through."""
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
