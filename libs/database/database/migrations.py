"""Migrations with yoyo: pairs of `pre` (before the new code runs) and `post` (after the old code has gone) in plain SQL files.

A folder may also hold `each/*.sql`: what the owner of the tables has to do whenever `migrate` runs, such as to make partitions ahead.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from core.errors import CallmineError

if TYPE_CHECKING:
    from yoyo.backends import DatabaseBackend


# Each attempt waits for a lock as long as its file allows, and in between others get through.
_ATTEMPTS = 10
_PAUSE_SECONDS = 1.0


class Phase(enum.StrEnum):
    """When a migration runs in a roll-out."""

    PRE = "pre"
    POST = "post"


class MigrationRefused(CallmineError):
    """A migration is not fit to be applied."""


class MigrationSettings(Struct, frozen=True):
    """The owner role's DSN, and the folders that hold `pre/`, `post/` and `each/`, in the order in which they are applied."""

    owner_url: str
    folders: tuple[Path, ...]


def migrate(settings: MigrationSettings, phases: Sequence[Phase] = (Phase.PRE, Phase.POST)) -> list[str]:
    """Apply what has not been applied yet, then run what is run each time; the ids of the migrations applied, in order.

    Raises MigrationRefused for a file that sets no `lock_timeout`: a migration must not queue behind a long transaction and block all
    others behind itself.
    """
    # Here, so that a service that serves does not load it.
    from yoyo import get_backend, read_migrations

    sources = [str(folder / phase) for phase in Phase for folder in settings.folders if (folder / phase).is_dir()]
    # All of them, whatever is asked for: what comes after depends on what came before, and yoyo looks for that by name.
    known = read_migrations(*sources)
    migrations = known.filter(lambda migration: Path(migration.path).parent.name in phases)
    standing = [path for folder in settings.folders for path in sorted((folder / "each").glob("*.sql"))]
    for path in (*(Path(migration.path) for migration in migrations), *standing):
        if "lock_timeout" not in path.read_text():
            raise MigrationRefused(f"{path} sets no lock_timeout: begin it with SET lock_timeout = '3s';")
    with get_backend(_psycopg(settings.owner_url)) as backend, backend.lock(timeout=60):
        pending = backend.to_apply(migrations)
        _patiently(lambda: backend.apply_migrations(backend.to_apply(migrations)))
        for path in standing:
            _patiently(partial(_standing, backend, path))
    return [migration.id for migration in pending]


def _standing(backend: DatabaseBackend, path: Path) -> None:
    with backend.transaction():
        # Without parameters, which would give meaning to per cent signs.
        backend.cursor().execute(path.read_text())


def _patiently(step: Callable[[], None]) -> None:
    """Do it; where it gave up a lock so that others go on, do what is left again: a file is one transaction. Raises MigrationRefused."""
    from psycopg.errors import DeadlockDetected, LockNotAvailable

    for attempt in range(_ATTEMPTS):
        try:
            step()
            return
        except (LockNotAvailable, DeadlockDetected) as error:
            if attempt == _ATTEMPTS - 1:
                raise MigrationRefused("a table was in use all the time: try again when less is going on") from error
            time.sleep(_PAUSE_SECONDS)


def _psycopg(url: str) -> str:
    """The DSN with the driver in the scheme, which is how yoyo is told to use psycopg 3."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql+psycopg"))
