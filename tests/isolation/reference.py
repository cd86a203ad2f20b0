"""What statements are checked against: the catalogs of freshly migrated databases, and what each service has in its queries/*.sql."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from pathlib import Path

import asyncpg

from chaos import effects
from contracts.registry import SERVICES
from database import MigrationSettings, Queries, migrate
from database.checker import Catalog, read_catalog
from house.projects import services
from local.postgres import drop, provision
from testkit.postgres import PASSWORDS, migration_folders

LIBRARIES = ("database", "messaging")

# The small service that proofs and the tests of messaging use in place of a real one.
STAND_IN = "effects"


def queries_of(service: str) -> Queries:
    """What the service loads at its start. Raises KeyError for one that does not exist."""
    if service == STAND_IN:
        return effects.queries()
    return Queries.of(*LIBRARIES, services()[service].package)


def _folders(service: str) -> tuple[Path, ...]:
    return effects.FOLDERS if service == STAND_IN else migration_folders(service)


async def live_catalogs(admin_url: str, names: Iterable[str] = SERVICES) -> dict[str, Catalog]:
    """The live catalog of each of the services, as its runtime role sees it; names of no service are left out."""
    known = [name for name in (*SERVICES, STAND_IN) if name in set(names)]
    return {service: await _catalog(admin_url, service) for service in known}


async def _catalog(admin_url: str, service: str) -> Catalog:
    name = f"catalog-{service}-r{uuid.uuid4().hex[:8]}"
    # Roles belong to the server, not to the database: other passwords would lock out the tests that run beside this.
    passwords = effects.PASSWORDS if service == STAND_IN else PASSWORDS
    dsns = await provision(admin_url, service, passwords, name)
    try:
        await asyncio.to_thread(migrate, MigrationSettings(dsns.owner, _folders(service)))
        connection = await asyncpg.connect(dsns.app)
        try:
            return await read_catalog(connection)
        finally:
            await connection.close()
    finally:
        await drop(admin_url, name)
