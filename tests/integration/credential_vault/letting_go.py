"""The vault's own work on credentials around a real database: a provider that follows a script, and time that is moved in the rows."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.domain.revocations import RevocationLine
from credential_vault.encryption.keyring import Keyring
from credential_vault.handlers.opening import Opening
from credential_vault.handlers.revoking import let_go
from credential_vault.providers.port import Guard, OAuthProvider
from credential_vault.store.revocations import latest_revocations
from credential_vault.workers.revocations import Revoker, RevokerSettings
from database import Database, Queries, Row
from local.postgres import ServiceDsns
from local.postgres.connection import connected
from testkit.postgres import settings_of
from testkit.tables import same_database

ACME, RIVAL = WorkspaceId("org_acme1"), WorkspaceId("org_rival1")

ACCESS, REFRESH = "access-token-in-the-clear", "refresh-token-in-the-clear"


_MOMENTS = {
    "revocations": ("let_go_at", "next_at"),
    "credentials": ("check_at", "check_not_before", "refused_at", "refresh_at", "leased_until"),
    "erasures": ("asked_at", "deadline_at", "next_at"),
}


@dataclass(slots=True)
class ScriptedProvider:
    """Does what `answers` say, one after the other, then what its last one says; remembers what it was asked."""

    answers: list[bool | Exception]
    provider: Provider = Provider.HUBSPOT
    scopes: tuple[str, ...] = ()
    pkce: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def revoke(self, access_token: str, refresh_token: str) -> bool:
        return self._next(access_token, refresh_token)

    async def verify(self, access_token: str, base_url: str) -> Account:
        self._next(access_token, base_url)
        return Account("Harborline")

    def _next(self, *asked: str) -> bool:
        self.asked.append((asked[0], asked[1]))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def authorize_url(self, state: str, challenge: str, redirect_uri: str) -> str:
        raise AssertionError("nobody is sent to agree here")

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        raise AssertionError("nothing is exchanged here")

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        raise AssertionError("nothing is renewed here")

    async def is_active(self, refresh_token: str) -> bool | None:
        raise AssertionError("nothing is renewed here")


@dataclass(slots=True)
class Place:
    """A vault's database with its keyring, seen as the service and as an administrator."""

    db: Database
    dsns: ServiceDsns
    admin_dsn: str
    keyring: Keyring

    @property
    def opening(self) -> Opening:
        return Opening(self.keyring)

    def revoker(self, *providers: OAuthProvider, settings: RevokerSettings | None = None) -> Revoker:
        by_name = {one.provider: one for one in providers}
        return Revoker(self.db, self.opening, by_name, settings or RevokerSettings(first_delay=0.0))

    async def sealed(self, slot: Slot, plain: Mapping[str, str], workspace: WorkspaceId = ACME) -> dict[str, bytes]:
        """The fields encrypted for their slots, with the workspace's own key."""
        async with self.db.workspace(workspace) as tx:
            key = await self.keyring.data_key(tx)
        return {
            name: self.keyring.encrypt(
                key, Slot(slot.workspace_id, slot.provider, slot.credential_id, slot.version, name), text
            )
            for name, text in plain.items()
        }

    async def let_go(
        self,
        provider: Provider = Provider.HUBSPOT,
        plain: Mapping[str, str] | None = None,
        reason: str = "disconnected",
        workspace: WorkspaceId = ACME,
    ) -> Slot:
        """Let go of a credential that was made for version 3."""
        slot = Slot(workspace, provider, uuid.uuid4(), 3, "")
        given = {"access_token": ACCESS, "refresh_token": REFRESH} if plain is None else plain
        fields = await self.sealed(slot, given, workspace)
        async with self.db.workspace(workspace) as tx:
            await let_go(tx, slot, fields, reason)
        return slot

    async def connect(
        self,
        provider: Provider,
        plain: Mapping[str, str],
        version: int = 1,
        state: str = "connected",
        workspace: WorkspaceId = ACME,
    ) -> Slot:
        """Put a connected credential into its row."""
        slot = Slot(workspace, provider, uuid.uuid4(), version, "")
        fields = await self.sealed(slot, plain, workspace)
        kind = "oauth" if "access_token" in plain else "basic"
        await self.admin(
            "INSERT INTO credentials (workspace_id, provider, credential_id, version, state, kind, account, check_at, access_key, secret,"
            " access_token, refresh_token) VALUES ($1, $2, $3, $4, $5, $6, 'Harborline', now(), $7, $8, $9, $10)",
            workspace,
            provider.value,
            slot.credential_id,
            version,
            state,
            kind,
            *(fields.get(name) for name in ("access_key", "secret", "access_token", "refresh_token")),
        )
        return slot

    async def shown(self, workspace: WorkspaceId = ACME) -> list[RevocationLine]:
        """What the page is told."""
        async with self.db.workspace(workspace) as tx:
            return await latest_revocations(tx)

    async def admin(self, sql: str, *values: object) -> list[Row]:
        """Run `sql` as the administrator."""
        async with connected(same_database(self.admin_dsn, self.dsns)) as connection:
            return await connection.fetch(sql, *values)

    async def later(self, seconds: float) -> None:
        """Let time pass, by moving all moments back."""
        for table, columns in _MOMENTS.items():
            moved = ", ".join(f"{column} = {column} - make_interval(secs => $1)" for column in columns)
            await self.admin(f"UPDATE {table} SET {moved}", seconds)


@asynccontextmanager
async def place_in(dsns: ServiceDsns, admin_dsn: str) -> AsyncIterator[Place]:
    """A place in the database of `dsns`."""
    queries = Queries.of("database", "messaging", "credential_vault")
    db = await Database.open(settings_of(dsns), queries, "credential-vault")
    try:
        yield Place(db, dsns, admin_dsn, Keyring(Keyring.generate()))
    finally:
        await db.close()
