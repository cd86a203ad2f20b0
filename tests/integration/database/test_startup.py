"""A service does not start with a role that could see past the row policies, and starts with every role that could not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from database import Database, DatabaseSettings, MigrationSettings, Queries, UnsafeRole, migrate
from local.postgres import ServiceDsns, drop, provision
from testkit.capture import unrecorded
from testkit.postgres import PASSWORDS

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

SERVICE = "startup-check"
ROLES = ("startup_check_app", "startup_check_sweep", "startup_check_owner", "harmless", "harmful", "person")

MIGRATION = """
SET lock_timeout = '3s';
CREATE TABLE notes (workspace_id text PRIMARY KEY, body text, at timestamptz);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON notes TO startup_check_app USING (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY recent ON notes FOR SELECT TO startup_check_app
    USING (workspace_id = current_setting('app.workspace_id') AND (at > now() OR body <> '') AND body <> 'x');
CREATE POLICY sweep ON notes TO startup_check_sweep USING (true);
GRANT SELECT ON notes TO startup_check_app;
"""

APP = "role startup_check_app "

# What an administrator or a migration may have done, and what the service says then.
UNSAFE: Mapping[str, tuple[str, str]] = {
    "superuser": ("ALTER ROLE startup_check_app SUPERUSER", APP + "is a superuser"),
    "bypass": ("ALTER ROLE startup_check_sweep BYPASSRLS", "role startup_check_sweep has BYPASSRLS"),
    "create roles": ("ALTER ROLE startup_check_app CREATEROLE", APP + "may create roles"),
    "create databases": ("ALTER ROLE startup_check_app CREATEDB", APP + "may create databases"),
    "replicate": ("ALTER ROLE startup_check_app REPLICATION", APP + "may replicate"),
    "schemas": ("GRANT CREATE ON DATABASE startup_check TO startup_check_app", APP + "may create schemas"),
    "temporary": ("GRANT TEMP ON DATABASE startup_check TO PUBLIC", APP + "may create temporary tables"),
    "tables": ("GRANT CREATE ON SCHEMA public TO startup_check_app", APP + "may create tables"),
    "owner": ("ALTER TABLE notes OWNER TO startup_check_app", APP + "owns tables"),
    "owner of a schema": (
        "CREATE SCHEMA more AUTHORIZATION startup_check_app",
        APP + "may create tables, owns objects",
    ),
    "large object": ("SELECT lo_create(7); ALTER LARGE OBJECT 7 OWNER TO startup_check_app", APP + "owns objects"),
    "member of the owner": (
        "GRANT startup_check_owner TO startup_check_app",
        APP + "is a member of startup_check_owner, which may create schemas, .*owns tables",
    ),
    "member of the sweep": (
        "GRANT startup_check_sweep TO startup_check_app",
        "table notes is open to other workspaces by policy sweep",
    ),
    "predefined": (
        "GRANT pg_read_all_data TO startup_check_app",
        APP + "is a member of pg_read_all_data, which has rights over the whole server",
    ),
    "indirectly": (
        "CREATE ROLE harmless; CREATE ROLE harmful BYPASSRLS; GRANT harmful TO harmless; GRANT harmless TO startup_check_app",
        APP + "is a member of harmful, which has BYPASSRLS",
    ),
    "not forced": ("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", "table notes has no forced row security"),
    "emptied": ("GRANT TRUNCATE ON notes TO startup_check_app", "table notes may be emptied by this role"),
    "materialized": (
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM notes; GRANT SELECT ON kept TO startup_check_app",
        "table kept is a materialized view that this role may read",
    ),
    "open policy": (
        "CREATE POLICY more ON notes TO startup_check_app USING (true)",
        "table notes is open to other workspaces by policy more",
    ),
    "policy for all": (
        "CREATE POLICY more ON notes USING (body = 'x')",
        "table notes is open to other workspaces by policy more",
    ),
    "policy with or": (
        (
            "CREATE POLICY more ON notes TO startup_check_app"
            " USING (workspace_id = current_setting('app.workspace_id') AND at > now() OR body = 'x')"
        ),
        "table notes is open to other workspaces by policy more",
    ),
    "writing": (
        "ALTER POLICY workspace ON notes WITH CHECK (true)",
        "table notes is open to other workspaces by policy workspace",
    ),
}

# What Cloud SQL does to its users, and a role that inherits the rights of the one that the policies are for.
SAFE: Mapping[str, str] = {
    "as provisioned": "SELECT 1",
    "member of a harmless role": "CREATE ROLE harmless; GRANT harmless TO startup_check_app",
    "a restrictive policy": "CREATE POLICY more ON notes AS RESTRICTIVE TO startup_check_app USING (body <> 'x')",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The database, and the administrator's session in it."""

    dsns: ServiceDsns
    admin: Connection

    async def open(self, app_url: str | None = None) -> None:
        """Start as a service does."""
        settings = DatabaseSettings(
            app_url=app_url or self.dsns.app, sweep_url=self.dsns.sweep, app_pool=1, sweep_pool=1
        )
        with unrecorded("no service of this name"):
            database = await Database.open(settings, Queries.of("database"), SERVICE)
        await database.close()


@pytest.fixture
async def place(postgres_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    """A service's database whose roles are this test's own, for roles belong to the whole server."""
    (tmp_path / "pre").mkdir()
    (tmp_path / "pre" / "0001_notes.sql").write_text(MIGRATION)
    dsns = await provision(postgres_url, SERVICE, PASSWORDS)
    migrate(MigrationSettings(owner_url=dsns.owner, folders=(tmp_path,)))
    admin = await asyncpg.connect(postgres_url, database="startup_check")
    yield Place(dsns, admin)
    await admin.close()
    await drop(postgres_url, SERVICE)
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"DROP ROLE IF EXISTS {', '.join(ROLES)}")
    await admin.close()


@pytest.mark.parametrize(("sql", "reason"), UNSAFE.values(), ids=UNSAFE)
async def test_a_service_does_not_start(place: Place, sql: str, reason: str) -> None:
    await place.admin.execute(sql)
    with pytest.raises(UnsafeRole, match=f"the service does not start.*\n(.*\n)*  - {reason}"):
        await place.open()


@pytest.mark.parametrize("sql", SAFE.values(), ids=SAFE)
async def test_a_service_starts(place: Place, sql: str) -> None:
    await place.admin.execute(sql)
    await place.open()


async def test_a_service_starts_as_a_member_of_the_role_that_serves(place: Place) -> None:
    """How a cloud identity gets the rights that migrations grant."""
    await place.admin.execute(
        f"CREATE ROLE person LOGIN PASSWORD '{PASSWORDS.app}' IN ROLE startup_check_app; "
        "CREATE ROLE harmless; GRANT harmless TO person"
    )
    await place.open(place.dsns.app.replace("startup_check_app", "person"))


async def test_a_role_with_a_workspace_by_default_begins_in_none(place: Place) -> None:
    """What a connection says when it is opened outweighs what its role has."""
    await place.admin.execute("ALTER ROLE startup_check_app SET app.workspace_id = 'org_a'")
    settings = DatabaseSettings(app_url=place.dsns.app, sweep_url=place.dsns.sweep, app_pool=1, sweep_pool=1)
    with unrecorded("no service of this name"):
        database = await Database.open(settings, Queries.of("database"), SERVICE)
    async with database._app.acquire() as connection:
        assert await connection.fetchval("SELECT current_setting('app.workspace_id')") == ""
    await database.close()


@pytest.mark.parametrize("away", ["startup_check_app", "startup_check_sweep"])
async def test_where_one_role_cannot_log_in_no_connection_of_the_other_stays(place: Place, away: str) -> None:
    """Both pools are opened at once."""
    await place.admin.execute(f"ALTER ROLE {away} NOLOGIN")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await place.open()
    pids = "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('startup_check_app', 'startup_check_sweep')"
    async with asyncio.timeout(30):
        # PostgreSQL notices a moment later
        while await place.admin.fetchval(pids):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
