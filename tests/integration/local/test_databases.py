"""Databases on Cloud SQL: logins without passwords get the roles that the policies are for, and owners' addresses go to Secret Manager."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from audit import store
from contracts.registry import SERVICES
from core.ids import WorkspaceId
from database import Database, DatabaseSettings, MigrationSettings, Queries, migrate
from local.databases import provide_databases
from local.postgres import EmbeddedPostgres
from runtime.commands import migration_folders

PROJECT = "callmine-tests"
PASSWORD = "a-login-of-these-tests"


@dataclass
class Keeper:
    """Secret Manager, as far as is needed."""

    kept: dict[str, list[bytes]] = field(default_factory=dict)

    async def add_version(self, name: str, value: bytes) -> None:
        self.kept.setdefault(name, []).append(value)


async def logins(admin_url: str) -> list[str]:
    """What Terraform makes (google_sql_user): a login for each account, which may do nothing yet."""
    names = [f"{service}{kind}@{PROJECT}.iam" for service in SERVICES for kind in ("", "-sweep")]
    connection = await asyncpg.connect(admin_url)
    try:
        for name in names:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
                await connection.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}'")
    finally:
        await connection.close()
    return names


def as_login(admin_url: str, login: str) -> str:
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{quote(login, safe='')}:{PASSWORD}@{host}/audit{query}"


async def test_a_service_works_as_its_login_on_what_was_made() -> None:
    """On a server of its own: the names of databases are those of production."""
    with (
        tempfile.TemporaryDirectory(prefix="callmine-logins-") as name,
        EmbeddedPostgres.start(Path(name), fast=True) as server,
    ):
        keeper, admin = Keeper(), server.admin_dsn
        await logins(admin)
        await provide_databases(admin, "10.1.2.3", PROJECT, keeper)
        await provide_databases(admin, "10.1.2.3", PROJECT, keeper)
        assert keeper.kept.keys() == {f"{service}-owner-database-url" for service in SERVICES}
        first, second = keeper.kept["audit-owner-database-url"]
        assert first != second
        owner = urlsplit(second.decode())
        assert (owner.hostname, owner.path, owner.query) == ("10.1.2.3", "/audit", "sslmode=require")
        migrate(MigrationSettings(_here(admin, owner.netloc), migration_folders("audit")))
        urls = DatabaseSettings(as_login(admin, f"audit@{PROJECT}.iam"), as_login(admin, f"audit-sweep@{PROJECT}.iam"))
        db = await Database.open(urls, Queries.of("database", "messaging", "audit"), "audit")
        try:
            async with db.workspace(WorkspaceId("org_workspace1")) as tx:
                assert await store.count_by_type(tx) == {}
            async with db.sweep() as tx:
                assert await tx.fetch_value("database_ready") is not None
        finally:
            await db.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            connection = await asyncpg.connect(urls.app_url)
            try:
                await connection.execute("SET ROLE audit_owner")
            finally:
                await connection.close()


def _here(admin_url: str, netloc: str) -> str:
    """The owner's kept user and password, at the address of these tests."""
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return f"postgresql://{netloc.rpartition('@')[0]}@{host}/audit{query}"
