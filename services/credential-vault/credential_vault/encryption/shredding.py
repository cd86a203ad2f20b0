"""Shredding: destroying a workspace's data key makes unreadable whatever survives of its credentials, wherever it lies.

Two things keep it destroyed:

- **The row stays**, empty. No data key is made for the workspace again, however often somebody connects, until an operator says so with
  `callmine vault keys begin-again <workspace>`: then it gets a new one, which opens nothing of what was before.
- **A register outside the database**, the secret `vault-shredded`: fingerprints of the workspaces and when they were shredded. Before the
  vault serves, and before it rewraps, it destroys every data key that is on it and was made before that moment. So a backup that is put
  back stays unreadable, and a key that an operator has made since is left alone. Entries go once no backup can be as old.

The register is written before the transaction commits: a workspace that is on it although its erasure failed is shredded at the next start,
as was asked; the other way round a backup would bring it back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from cloud.secrets import LARGEST_BYTES, SecretVersions
from core.clock import Clock, SystemClock
from core.errors import Conflict, MissingSettings, NotFound, Permanent
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.latest import put
from credential_vault.encryption.turn import turn
from credential_vault.store import keys as store
from database import Database, Tx

log = logger("credential_vault.shredding")

SECRET: Final = "vault-shredded"  # noqa: S105 - the secret's name

# 128 bits: two workspaces never share one, and the register names no customer.
_FINGERPRINT_DIGITS: Final = 32

# Moments are whole microseconds since 1970, as exact as the database's.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def fingerprint(workspace_id: WorkspaceId) -> str:
    """What stands for a workspace in the register: half of the SHA-256 of its id."""
    return hashlib.sha256(workspace_id.encode()).hexdigest()[:_FINGERPRINT_DIGITS]


class Register(Struct, frozen=True):
    """The secret `vault-shredded`. `secrets` must not keep what it has read; `retention` is how long the oldest backup is kept."""

    secrets: SecretVersions
    retention: timedelta
    clock: Clock

    async def read(self) -> dict[str, datetime]:
        """The moment by fingerprint. Raises NotFound, Permanent, Transient, MissingSettings for a register that cannot be read."""
        content = await self.secrets.read(SECRET)
        try:
            return {str(name): _EPOCH + int(moment) * _MICROSECOND for name, moment in json.loads(content)}
        except (ValueError, TypeError, OverflowError):
            raise MissingSettings("credential-vault", [f"the secret {SECRET} is not a register: []"]) from None

    @property
    def oldest(self) -> datetime:
        """What was destroyed before, no backup can bring back."""
        return self.clock.now() - self.retention

    async def add(self, moments: Mapping[WorkspaceId, datetime]) -> None:
        """Enter workspaces, and drop what no backup can bring back any more. Call it in a `turn`. Raises as `read` does, and Conflict."""
        oldest = self.oldest
        entries = {name: at for name, at in (await self.read()).items() if at >= oldest}
        for workspace_id, moment in moments.items():
            name = fingerprint(workspace_id)
            entries[name] = max(moment, entries.get(name, moment))
        content = _encoded(entries)
        if len(content) > LARGEST_BYTES:
            raise Permanent(f"the secret {SECRET} is full: keep backups for a shorter time")
        await put(self.secrets, SECRET, content, self.clock)


class Shredding(Struct, frozen=True):
    """Destroys data keys, and keeps them destroyed."""

    db: Database
    keyring: Keyring
    register: Register

    async def shred(self, tx: Tx) -> datetime:
        """Destroy the workspace's data key when `tx` commits; when that was. Doing it twice changes nothing."""
        moment = await store.destroy(tx)
        async with turn(self.db, SECRET):
            # With all that the database knows: an entry that was lost comes back.
            known = await store.destroyed(self.db, self.register.oldest)
            await self.register.add({**known, tx.workspace_id: moment})
        tx.on_commit(lambda: self.keyring.forget(tx.workspace_id))
        log.info("data key destroyed")
        return moment

    async def begin_again(self, tx: Tx) -> None:
        """Give a shredded workspace a new data key. Raises Conflict when it was not shredded."""
        wrapped = self.keyring.new_data_key(tx.workspace_id)
        if not await store.begin_again(tx, wrapped):
            raise Conflict("the workspace's data key was not destroyed: there is nothing to begin again")

    async def destroy_again(self) -> int:
        """Destroy the data keys that a restored backup has brought back; how many there were.

        Raises MissingSettings when the register is missing although something was shredded.
        """
        try:
            entries = await self.register.read()
        except NotFound:
            if await store.any_destroyed(self.db):
                raise MissingSettings("credential-vault", [f"the secret {SECRET} is missing: put it back"]) from None
            return 0
        found = await store.listed(self.db, entries)
        for workspace_id in found:
            async with self.db.workspace(workspace_id) as tx:
                await store.destroy(tx)
            self.keyring.forget(workspace_id)
        if found:
            log.warning("data keys destroyed again after a restore", workspaces=len(found))
        await self._complete(entries)
        return len(found)

    async def _complete(self, entries: Mapping[str, datetime]) -> None:
        """Enter again what the register has lost: Secret Manager takes whoever writes last."""
        known = await store.destroyed(self.db, self.register.oldest)
        lost = {
            one: at for one, at in known.items() if fingerprint(one) not in entries or entries[fingerprint(one)] < at
        }
        if lost:
            async with turn(self.db, SECRET):
                await self.register.add(lost)
            log.warning("the register of destroyed data keys lacked some", workspaces=len(lost))


def shredding(
    db: Database, keyring: Keyring, secrets: SecretVersions, retention: timedelta, clock: Clock | None = None
) -> Shredding:
    """Put together. `secrets` must not keep what it has read."""
    return Shredding(db, keyring, Register(secrets, retention, clock or SystemClock()))


def _encoded(entries: Mapping[str, datetime]) -> bytes:
    pairs = [[name, (moment - _EPOCH) // _MICROSECOND] for name, moment in sorted(entries.items())]
    return json.dumps(pairs, separators=(",", ":")).encode()
