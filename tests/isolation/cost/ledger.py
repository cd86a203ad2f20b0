"""The audit log of 200 workspaces, and two ways into it: the service's own, and one without any wall."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from msgspec.structs import replace

from core.ids import WorkspaceId
from database import Database, DatabaseSettings, MigrationSettings, Queries, migrate
from database.connect import open_pool
from database.queries import CROSS_WORKSPACE
from local.postgres import drop, provision
from local.postgres.connection import Connection, connected
from testkit.postgres import PASSWORDS, ROOT, migration_folders

# A million rows take some twenty seconds.
_FILL_SECONDS = 600.0

WORKSPACES = tuple(WorkspaceId(f"org_ledger{number}") for number in range(200))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where to connect, and some ids of each workspace's entries."""

    settings: DatabaseSettings
    unwalled_url: str
    ids: dict[str, list[uuid.UUID]]


def queries() -> Queries:
    """The statements of the audit service and the measurement's own."""
    folders = ("libs/database/database", "libs/messaging/messaging", "services/audit/audit")
    return Queries.load(*(ROOT / folder / "queries" for folder in folders), Path(__file__).parent / "queries")


@asynccontextmanager
async def ledger(admin_url: str, name: str, rows: int) -> AsyncIterator[Ledger]:
    """A migrated audit database with `rows` entries, and a role that no policy holds back; both are gone at the end."""
    dsns = await provision(admin_url, "audit", PASSWORDS, name)
    role, password = f"unwalled_{uuid.uuid4().hex[:12]}", secrets.token_urlsafe(24)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("audit")))
        async with connected(into(admin_url, dsns.app)) as oracle:
            ids = await _filled(oracle, rows)
            await _add_role(oracle, role, password)
        unwalled = into(admin_url, dsns.app, f"{role}:{quote(password)}")
        yield Ledger(DatabaseSettings(app_url=dsns.app, sweep_url=dsns.sweep), unwalled, ids)
    finally:
        await drop(admin_url, name)
        async with connected(admin_url) as admin:
            await admin.execute(f'DROP ROLE IF EXISTS "{role}"')


async def _filled(oracle: Connection, rows: int) -> dict[str, list[uuid.UUID]]:
    statements = queries()
    await oracle.execute(statements["entries_fill"].sql, rows, list(WORKSPACES), timeout=_FILL_SECONDS)
    await oracle.execute("VACUUM (ANALYZE) entries", timeout=_FILL_SECONDS)
    # Or the server writes the new rows to disk while it is being measured.
    await oracle.execute("CHECKPOINT", timeout=_FILL_SECONDS)
    return {row["workspace_id"]: row["ids"] for row in await oracle.fetch(statements["entry_ids"].sql)}


async def _add_role(oracle: Connection, role: str, password: str) -> None:
    await oracle.execute(f"CREATE ROLE \"{role}\" LOGIN BYPASSRLS PASSWORD '{password}'")
    await oracle.execute(f'GRANT USAGE ON SCHEMA public TO "{role}"')
    await oracle.execute(f'GRANT SELECT ON tombstones, log_forgotten TO "{role}"')
    await oracle.execute(f'GRANT SELECT, INSERT ON entries, log_arrivals, word_entries TO "{role}"')
    await oracle.execute(
        f"DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), '{role}'); END $$"
    )


@asynccontextmanager
async def unwalled(url: str) -> AsyncIterator[Database]:
    """The same library over a role without policies: statements run in a plain transaction and are told the workspace by the caller."""
    open_to_all = Queries({one.name: replace(one, description=f"{CROSS_WORKSPACE} no walls") for one in queries()})
    pool = await open_pool(url, 10, "unwalled")
    try:
        yield Database(pool, pool, open_to_all)
    finally:
        await pool.close()


def into(admin_url: str, dsn: str, who: str = "") -> str:
    """The administrator's DSN, or that of `who` (`role:password`), pointed at the database of `dsn`."""
    name = dsn.partition("?")[0].rpartition("/")[2]
    head, question, options = admin_url.partition("?")
    scheme, _, rest = head.rpartition("/")[0].partition("://")
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}://{who or credentials}{at}{host}/{name}{question}{options}"
