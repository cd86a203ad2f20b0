"""Real databases for tests: one server a run, one migrated template a service, one copy a test."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from core.ids import uuid7
from database import DatabaseSettings, MigrationSettings, migrate
from local.postgres import EmbeddedPostgres, Passwords, ServiceDsns, clone, drop, provision
from testkit.memory import memory_folder

ROOT = Path(__file__).resolve().parents[3]
PASSWORDS = Passwords(
    owner="owner-role-in-tests",
    app="app-role-in-tests",
    sweep="sweep-role-in-tests",
    staff="staff-role-in-tests",
)

NewDatabase = Callable[[str], Awaitable[ServiceDsns]]


def migration_folders(service: str) -> tuple[Path, ...]:
    """The migrations of `service`: those of messaging first, then its own."""
    return (ROOT / "libs/messaging/messaging/migrations", ROOT / "services" / service / "migrations")


def settings_of(dsns: ServiceDsns) -> DatabaseSettings:
    """Small pools on the test's database."""
    return DatabaseSettings(app_url=dsns.app, sweep_url=dsns.sweep, app_pool=5, sweep_pool=3)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """DSN of the administrator of a real PostgreSQL: CALLMINE_DATABASE_URL, or an embedded server for this run."""
    given = os.environ.get("CALLMINE_DATABASE_URL")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="callmine-pg-", dir=memory_folder()) as folder,
        EmbeddedPostgres.start(Path(folder) / "postgres", fast=True) as server,
    ):
        yield server.admin_dsn


class _Templates:
    """Migrated databases to copy from; made at first use in a run."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._run = f"r{uuid.uuid4().hex[:8]}"
        self._made: dict[str, str] = {}

    async def of(self, service: str) -> str:
        if service not in self._made:
            name = f"template-{service}-{self._run}"
            dsns = await provision(self._admin_url, service, PASSWORDS, name)
            migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders(service)))
            self._made[service] = name
        return self._made[service]

    async def drop_all(self) -> None:
        for name in self._made.values():
            await drop(self._admin_url, name)


@pytest.fixture(scope="session")
async def templates(postgres_url: str) -> AsyncIterator[_Templates]:
    """The run's migrated templates."""
    kept = _Templates(postgres_url)
    yield kept
    await kept.drop_all()


@pytest.fixture
async def new_database(postgres_url: str, templates: _Templates) -> AsyncIterator[NewDatabase]:
    """Call with a service's name: DSNs of a fresh, migrated database of that service, dropped after the test."""
    made: list[str] = []

    async def new(service: str) -> ServiceDsns:
        name = f"test-{service}-t{uuid7().hex[:24]}"
        dsns = await clone(postgres_url, service, name, PASSWORDS, await templates.of(service))
        made.append(name)
        return dsns

    yield new
    for name in made:
        await drop(postgres_url, name)
