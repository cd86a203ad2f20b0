"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from contracts.registry import REQUESTERS
from contracts.sealing import SealedTo
from core.clock import SystemClock
from core.errors import InvalidInput, MissingSettings
from credential_vault.domain.credentials import Provider
from credential_vault.encryption.opening import open_keys
from credential_vault.encryption.starting import check_keys
from credential_vault.events import routes
from credential_vault.handlers.vault import Vault
from credential_vault.http.integrations import Integrations, router
from credential_vault.settings import Settings
from egress import Destination, Egress
from runtime import Assembly, assembled

SERVICE = "credential-vault"


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together. Without a keyset it does not start: nothing is ever stored in the clear."""
    sealed_to = _sealing_keys(settings)
    lifetime = timedelta(seconds=settings.grant_seconds)
    async with assembled(SERVICE, settings) as parts:
        keys = await parts.stack.enter_async_context(open_keys(settings, parts.db))
        await check_keys(parts.db, keys.keyring, keys.shredding)
        vault = Vault(keys.keyring, sealed_to, SystemClock(), lifetime, {Provider.GONG: settings.gong_base_url})
        egress = Egress(
            [Destination(name="gong", base_url=settings.gong_base_url, hosts=("*.gong.io",))], ca_file=settings.ca_file
        )
        parts.stack.push_async_callback(egress.close)
        for requester in sealed_to:
            parts.consume(f"credential-requests-{requester}", routes(vault, parts.outbox, requester))
        parts.serve(router(Integrations(parts.db, vault, parts.outbox, egress)))
        yield parts


def _sealing_keys(settings: Settings) -> dict[str, SealedTo]:
    """Each requester's public key. Raises MissingSettings naming those that are none."""
    found: dict[str, SealedTo] = {}
    problems: list[str] = []
    for requester in REQUESTERS:
        name = f"{requester}_sealing_public_key"
        try:
            found[requester] = SealedTo.parse(getattr(settings, name))
        except InvalidInput as error:
            problems.append(f"CALLMINE_{name.upper()} is malformed: {error}")
    if problems:
        raise MissingSettings(SERVICE, problems)
    return found
