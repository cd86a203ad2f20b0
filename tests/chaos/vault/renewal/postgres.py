"""The vault's own store on a real PostgreSQL, seen as an administrator as well: rows are set, read, and moved in time."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chaos.vault.renewal.table import WORKSPACE
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.renewals import Timing
from credential_vault.encryption.keyring import Keyring
from credential_vault.handlers.renewal_store import Renewals, Telling
from database import Database, MigrationSettings, Queries, Tx, migrate
from local.postgres import ServiceDsns, drop, provision
from local.postgres.connection import Connection, connected
from testkit.postgres import PASSWORDS, migration_folders, settings_of
from testkit.tables import same_database

GONG = Provider.GONG

# Every point in time of the two tables.
_CREDENTIAL_TIMES = ("expires_at", "refresh_at", "leased_until")
_RENEWAL_TIMES = ("started_at", "ended_at", "watched_from", "watched_at", "asked_at")


@dataclass(slots=True)
class Told:
    """Who was told what, in the order of the commits."""

    lines: list[str] = field(default_factory=list)

    def telling(self) -> Telling:
        """The ports that write it down."""
        return Telling(self._recovered, self._needs_reconnect, self._saved)

    async def _saved(self, tx: Tx, provider: Provider) -> None:
        tx.on_commit(lambda: self.lines.append("saved"))

    async def _recovered(self, tx: Tx, provider: Provider) -> None:
        tx.on_commit(lambda: self.lines.append("recovered"))

    async def _needs_reconnect(self, tx: Tx, slot: Slot, reason: str) -> None:
        tx.on_commit(lambda: self.lines.append("needs reconnect"))


@dataclass(slots=True)
class Bench:
    """A vault's database with one connected credential."""

    dsns: ServiceDsns
    db: Database
    admin: Connection
    keyring: Keyring
    workspace: WorkspaceId
    credential_id: uuid.UUID
    told: Told = field(default_factory=Told)
    _key: bytes = b""

    def store(self, db: Database | None = None, timing: Timing | None = None) -> Renewals:
        """The store of a process."""
        return Renewals(db or self.db, self.keyring, self.told.telling(), timing or Timing())

    async def connect(self, refresh_token: str, lives: float, due_in: float) -> str | None:
        """A person connects, for the first time or again; the token that was there until now."""
        async with self.admin.transaction():
            version = await self.admin.fetchval(
                "SELECT version + 1 FROM credentials WHERE workspace_id = $1 AND provider = $2 FOR UPDATE",
                self.workspace,
                GONG.value,
            )
            before = await self.refresh_token()
            await self._put(refresh_token, version or 1, lives, due_in)
        return before

    async def _put(self, refresh_token: str, version: int, lives: float, due_in: float) -> None:
        await self.admin.execute(
            "INSERT INTO credentials (workspace_id, provider, credential_id, version, state, kind, access_token, refresh_token,"
            " expires_at, refresh_at) VALUES ($1, $2, $3, $4, 'connected', 'oauth', $5, $6, clock_timestamp() + $7 * interval '1 second',"
            " clock_timestamp() + $8 * interval '1 second') ON CONFLICT (workspace_id, provider) DO UPDATE SET version = $4,"
            " state = 'connected', reason = '', leased_until = NULL, access_token = $5, refresh_token = $6,"
            " expires_at = excluded.expires_at, refresh_at = excluded.refresh_at",
            self.workspace,
            GONG.value,
            self.credential_id,
            version,
            await self.sealed("access_token", version, f"access for {refresh_token}"),
            await self.sealed("refresh_token", version, refresh_token),
            lives,
            due_in,
        )

    async def disconnect(self) -> None:
        """A person disconnects."""
        await self.admin.execute(
            "UPDATE credentials SET version = version + 1, state = 'disconnected', reason = '', leased_until = NULL, access_token = NULL,"
            " refresh_token = NULL, expires_at = NULL, refresh_at = NULL"
            " WHERE workspace_id = $1 AND state IN ('connected', 'needs_reconnect')",
            self.workspace,
        )

    async def advance(self, seconds: float) -> None:
        """Let time pass: all that is stored becomes so much older."""
        for table, columns in (("credentials", _CREDENTIAL_TIMES), ("renewals", _RENEWAL_TIMES)):
            changes = ", ".join(f"{name} = {name} - $2 * interval '1 second'" for name in columns)
            await self.admin.execute(
                f"UPDATE {table} SET {changes} WHERE workspace_id = $1", self.workspace, float(seconds)
            )

    async def refresh_token(self) -> str | None:
        """The token in the row, in the clear."""
        row = await self.admin.fetchrow(
            "SELECT version, refresh_token FROM credentials WHERE workspace_id = $1", self.workspace
        )
        if row is None or row["refresh_token"] is None:
            return None
        return await self.opened("refresh_token", row["version"], row["refresh_token"])

    async def sealed(self, name: str, version: int, text: str) -> bytes:
        """A text encrypted for the credential."""
        return self.keyring.encrypt(await self._data_key(), self._slot(name, version), text)

    async def opened(self, name: str, version: int, ciphertext: bytes) -> str:
        """What was encrypted for the credential."""
        return self.keyring.decrypt(await self._data_key(), self._slot(name, version), bytes(ciphertext))

    async def _data_key(self) -> bytes:
        if not self._key:
            async with self.db.workspace(self.workspace) as tx:
                self._key = await self.keyring.data_key(tx)
        return self._key

    def _slot(self, name: str, version: int) -> Slot:
        return Slot(self.workspace, GONG, self.credential_id, version, name)


@asynccontextmanager
async def vault_database(admin_url: str, name: str) -> AsyncIterator[ServiceDsns]:
    """A migrated database of the vault, dropped at the end."""
    dsns = await provision(admin_url, "credential-vault", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("credential-vault")))
        yield dsns
    finally:
        await drop(admin_url, name)


@asynccontextmanager
async def opened(dsns: ServiceDsns) -> AsyncIterator[Database]:
    """A process's pools."""
    db = await Database.open(
        settings_of(dsns), Queries.of("database", "messaging", "credential_vault"), "credential-vault"
    )
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def bench_in(dsns: ServiceDsns, admin_url: str, workspace: WorkspaceId = WORKSPACE) -> AsyncIterator[Bench]:
    """A bench in a database of its own, or in a workspace of its own."""
    async with opened(dsns) as db, connected(same_database(admin_url, dsns)) as admin:
        yield Bench(dsns, db, admin, Keyring(Keyring.generate()), workspace, uuid.uuid4())
