"""The vault's keys, put together from its settings: for the service and for its command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.shredding import Shredding, shredding
from credential_vault.encryption.source import KeysetSecret
from credential_vault.settings import Settings
from database import Database
from runtime import endpoint, secrets_for

if TYPE_CHECKING:
    from cloud.kms import GoogleKms


class Keys(Struct, frozen=True):
    """The keyring, where it comes from, and what destroys data keys."""

    keyring: Keyring
    secret: KeysetSecret
    shredding: Shredding


@asynccontextmanager
async def open_secret(settings: Settings) -> AsyncIterator[KeysetSecret]:
    """The keyset's secret, read anew each time; its connections are closed at the end of the block."""
    secrets = secrets_for(settings, kept_seconds=0)
    kms = _kms(settings)
    try:
        yield KeysetSecret(secrets, kms, settings.vault_kms_key)
    finally:
        if kms is not None:
            await kms.close()
        await secrets.close()


@asynccontextmanager
async def open_keys(settings: Settings, db: Database) -> AsyncIterator[Keys]:
    """The vault's keys. Raises MissingSettings, NotFound, Permanent, Transient when there is no right keyset."""
    async with open_secret(settings) as secret:
        keyring = await Keyring.open(secret)
        yield Keys(keyring, secret, shredding(db, keyring, secret.secrets, timedelta(days=settings.backup_days)))


def _kms(settings: Settings) -> GoogleKms | None:
    """Cloud KMS where a key of it wraps the keyset. Its client takes longer to load than all of the vault, so it is not without."""
    if not settings.vault_kms_key:
        return None
    from cloud.kms import GoogleKms

    return GoogleKms(endpoint(settings, settings.kms_endpoint))
