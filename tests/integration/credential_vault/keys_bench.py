"""The vault's keys around real parts: PostgreSQL, a Secret Manager and a Cloud KMS over TLS, and credentials of every kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloud import Endpoint
from cloud.secrets import GoogleSecrets
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.keyset import Keyset
from credential_vault.encryption.rewrapping import Rewrapping
from credential_vault.encryption.rotation import Rotation
from credential_vault.encryption.shredding import Shredding, shredding
from credential_vault.encryption.source import KeysetSecret
from database import Database
from integration.credential_vault.letting_go import ACCESS, ACME, REFRESH, RIVAL, Place, place_in
from integration.credential_vault.secret_place import SecretPlace
from local.postgres import ServiceDsns

PAIR = {"access_key": "key-in-the-clear", "secret": "secret-in-the-clear"}
TOKENS = {"access_token": ACCESS, "refresh_token": REFRESH}
COLUMNS = ("access_key", "secret", "access_token", "refresh_token")

# Table, provider, field, and the version it was encrypted for.
Where = tuple[str, str, str, int]


@dataclass(slots=True)
class KeysBench:
    """A vault's database, its secrets, and one process's keyring."""

    place: Place
    secrets: GoogleSecrets
    secret: KeysetSecret
    shredding: Shredding

    @property
    def db(self) -> Database:
        return self.place.db

    @property
    def keyring(self) -> Keyring:
        return self.place.keyring

    @property
    def rotation(self) -> Rotation:
        """What an operator does, who need not wait after rewrapping."""
        return Rotation(self.db, self.secret, quiet_seconds=0)

    async def another_keyring(self) -> Keyring:
        """The keyring of another process."""
        return await Keyring.open(self.secret)

    async def rewrapped(self) -> Rewrapping:
        """A run of another process that has come to its end, whole."""
        run = Rewrapping(self.db, await self.another_keyring())
        assert (await run.run()).whole
        return run

    async def fill(self, workspace: WorkspaceId = ACME) -> dict[Where, str]:
        """A pair, two connected accounts and one that waits to be revoked; what reads as what."""
        await self.place.connect(Provider.GONG, PAIR, 4, workspace=workspace)
        await self.place.connect(Provider.HUBSPOT, TOKENS, 2, workspace=workspace)
        await self.place.connect(Provider.SLACK, {"access_token": "xoxb-in-the-clear"}, 1, workspace=workspace)
        await self.place.let_go(Provider.HUBSPOT, workspace=workspace)
        return await self.readable(workspace)

    async def readable(self, workspace: WorkspaceId = ACME, keyring: Keyring | None = None) -> dict[Where, str]:
        """Everything of the workspace in the clear, each opened in its own place. Raises CannotDecrypt."""
        keyring = keyring or await self.another_keyring()
        async with self.db.workspace(workspace) as tx:
            key = await keyring.data_key(tx)
        found = {}
        for table, row in await self.rows(workspace):
            slot = Slot(workspace, Provider(row["provider"]), row["credential_id"], row["version"], "")
            for name in COLUMNS:
                if row.get(name) is not None:
                    place = Slot(workspace, slot.provider, slot.credential_id, slot.version, name)
                    text = keyring.decrypt(key, place, row[name])
                    found[table, slot.provider.value, name, slot.version] = text
        return found

    async def rows(self, workspace: WorkspaceId = ACME) -> list[tuple[str, dict[str, Any]]]:
        """All rows that hold ciphertext, with the table's name."""
        found: list[tuple[str, dict[str, Any]]] = []
        for table in ("credentials", "revocations"):
            held = f"SELECT * FROM {table} WHERE workspace_id = $1 AND fields > 0"
            found += [(table, dict(row)) for row in await self.place.admin(held, workspace)]
        return found

    async def ciphertexts(self, workspace: WorkspaceId = ACME) -> dict[Where, bytes]:
        """What lies in the rows."""
        return {
            (table, str(row["provider"]), name, int(str(row["version"]))): bytes(value)
            for table, row in await self.rows(workspace)
            for name in COLUMNS
            if isinstance(value := row.get(name), bytes)
        }

    async def data_key(self, workspace: WorkspaceId = ACME) -> dict[str, Any]:
        """The row of the workspace's data key."""
        (row,) = await self.place.admin("SELECT * FROM data_keys WHERE workspace_id = $1", workspace)
        return dict(row)


@asynccontextmanager
async def keys_bench(
    dsns: ServiceDsns, admin_dsn: str, secret_place: SecretPlace, retention: timedelta = timedelta(days=35)
) -> AsyncIterator[KeysBench]:
    """A bench with a new keyset and an empty register."""
    await secret_place.put("vault-keyset", Keyset.generate().text.encode())
    await secret_place.put("vault-shredded", b"[]")
    endpoint = Endpoint(address=secret_place.address, ca_file=secret_place.ca_file)
    secrets = GoogleSecrets(project="callmine-test", endpoint=endpoint, kept_seconds=0)
    try:
        async with place_in(dsns, admin_dsn) as place:
            secret = KeysetSecret(secrets)
            place.keyring = await Keyring.open(secret)
            yield KeysBench(place, secrets, secret, shredding(place.db, place.keyring, secrets, retention))
    finally:
        await secrets.close()


__all__ = ["ACME", "COLUMNS", "PAIR", "RIVAL", "TOKENS", "KeysBench", "keys_bench"]
