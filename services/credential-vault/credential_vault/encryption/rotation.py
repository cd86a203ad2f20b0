"""Changes of the keyset: a new primary key, and the end of an old one. Each is a new version of the secret; earlier versions stay."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from core.errors import Conflict, NotFound
from core.log import logger
from credential_vault.encryption.census import Uses, census
from credential_vault.encryption.keyset import Keyset, KeyStatus
from credential_vault.encryption.source import SECRET, KeysetSecret
from credential_vault.encryption.turn import turn
from credential_vault.store import keys as store
from database import Database

log = logger("credential_vault.rotation")

_NONE: Final = Uses()

# A renewal that began before its data key was moved still holds the old one: until its answer is saved, minutes later at the latest
# (domain/renewals.py: the lease, and SETTLE_AFTER for whoever hears late). Nothing of that stands in a row that a census could count.
QUIET_SECONDS: Final = 900.0

# A backup that was noted so many days ago may still be running.
_BACKUP_DAYS: Final = 1


class Rotation(Struct, frozen=True):
    """What an operator does with the keyset."""

    db: Database
    secret: KeysetSecret
    quiet_seconds: float = QUIET_SECONDS

    async def rotate(self) -> Keyset:
        """Add a new primary key. Data keys move to it by rewrapping; until then the old key opens them.

        Raises Conflict when the secret lacks a key that something needs: it is an old version, or another vault's.
        """
        async with turn(self.db, SECRET):
            keyset = (await self._read()).rotated()
            # Before any data key can need it, so that no backup is without it.
            await store.lengthen_backups(self.db, keyset.primary, _BACKUP_DAYS)
            await self.secret.write(keyset)
        log.info("keyset rotated", primary=keyset.primary, keys=len(keyset.statuses))
        return keyset

    async def wrap(self) -> Keyset:
        """Have Cloud KMS wrap a keyset that lies in the clear; destroy the version in the clear afterwards."""
        async with turn(self.db, SECRET):
            keyset = await self.secret.read_plain()
            await self.secret.write(keyset)
        return keyset

    async def disable(self, key_id: int) -> Keyset:
        """Stop using a key that nothing needs. It can be enabled again.

        Raises NotFound for a key that the keyset does not have, Conflict for the primary one and for one that something needs.
        """
        async with turn(self.db, SECRET):
            before = await self._refuse_needed(key_id)
            if moved := await store.moved_lately(self.db, self.quiet_seconds):
                raise Conflict(
                    f"{moved} data keys were moved within the last {self.quiet_seconds / 60:.0f} minutes, and what was under way then may"
                    " still need the key: wait so long after the last `keys rewrap`"
                )
            after = before.with_status(key_id, KeyStatus.DISABLED)
            await self.secret.write(after)
            # An instance that had not heard of the rotation may have wrapped a new data key in this very moment.
            uses = (await census(self.db, after.statuses)).get(key_id, _NONE)
            if not uses.none:
                await self.secret.write(before)
                raise _needed(key_id, uses)
        log.info("key disabled", key=key_id)
        return after

    async def enable(self, key_id: int) -> Keyset:
        """Use a disabled key again, to open what it encrypted."""
        async with turn(self.db, SECRET):
            before = await self.secret.read()
            _refuse_unknown(before, key_id)
            if before.statuses[key_id] is KeyStatus.ENABLED:
                return before
            after = before.with_status(key_id, KeyStatus.ENABLED)
            await self.secret.write(after)
        log.info("key enabled", key=key_id)
        return after

    async def destroy(self, key_id: int) -> Keyset:
        """Take a disabled key that nothing needs out of the keyset. It is gone once the secret's earlier versions are destroyed.

        Raises as `disable` does, and Conflict for a key that is not disabled.
        """
        async with turn(self.db, SECRET):
            before = await self._refuse_needed(key_id)
            if before.statuses[key_id] is not KeyStatus.DISABLED:
                raise Conflict(f"key {key_id} is in use: disable it first, and wait until nobody misses it")
            after = before.without(key_id)
            await self.secret.write(after)
        log.info("key destroyed", key=key_id)
        return after

    async def _read(self) -> Keyset:
        """The keyset, if it has all the keys that are needed."""
        keyset = await self.secret.read()
        uses = await census(self.db, keyset.statuses)
        missing = [key_id for key_id, one in uses.items() if key_id not in keyset.statuses and not one.none]
        if missing:
            raise Conflict(
                f"the secret {SECRET} lacks keys that something needs: {', '.join(map(str, missing))}. Either Secret Manager still hands"
                " out an earlier version (wait some minutes), or the latest one is wrong: add the one that has them again"
            )
        return keyset

    async def _refuse_needed(self, key_id: int) -> Keyset:
        keyset = await self._read()
        _refuse_unknown(keyset, key_id)
        if key_id == keyset.primary:
            raise Conflict(f"key {key_id} is the primary one: rotate first")
        uses = (await census(self.db, keyset.statuses)).get(key_id, _NONE)
        if not uses.none:
            raise _needed(key_id, uses)
        return keyset


def _refuse_unknown(keyset: Keyset, key_id: int) -> None:
    if key_id not in keyset.statuses:
        known = ", ".join(str(known) for known in sorted(keyset.statuses))
        raise NotFound(f"the keyset has no key {key_id}; it has {known}")


def _needed(key_id: int, uses: Uses) -> Conflict:
    return Conflict(
        f"key {key_id} is still needed: {uses.data_keys} data keys with {uses.fields} fields, {uses.parked} messages,"
        f" {uses.backups} backups. Rewrap, replay or drop the messages, and wait until the backups have expired."
    )
