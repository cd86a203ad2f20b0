"""Databases of the audit service, made for a proof or a measurement and gone after it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from database import Database, DatabaseSettings, MigrationSettings, Queries, migrate
from local.postgres import ServiceDsns, drop, provision
from testkit.postgres import PASSWORDS, migration_folders


@asynccontextmanager
async def fresh(admin_url: str) -> AsyncIterator[ServiceDsns]:
    """A migrated database without entries."""
    name = f"proof-audit-t{uuid.uuid4().hex[:10]}"
    dsns = await provision(admin_url, "audit", PASSWORDS, name)
    try:
        await asyncio.to_thread(migrate, MigrationSettings(owner_url=dsns.owner, folders=migration_folders("audit")))
        yield dsns
    finally:
        await drop(admin_url, name)


@asynccontextmanager
async def opened(dsns: ServiceDsns) -> AsyncIterator[Database]:
    """A database as the service opens it."""
    settings = DatabaseSettings(dsns.app, dsns.sweep, app_pool=10, sweep_pool=3)
    db = await Database.open(settings, Queries.of("database", "messaging", "audit"), "audit")
    try:
        yield db
    finally:
        await db.close()
