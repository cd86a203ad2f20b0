"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from contracts import Actor
from contracts.registry import REQUESTERS
from contracts.sealing import SealedTo
from core.clock import SystemClock
from core.errors import InvalidInput, MissingSettings
from credential_vault.domain.connections import Connected, Disconnected
from credential_vault.domain.credentials import BasicPair, Provider, Slot
from credential_vault.encryption.keyring import Keyring
from credential_vault.encryption.opening import Keys, open_keys
from credential_vault.encryption.starting import check_keys
from credential_vault.events import (
    announce_connected,
    announce_disconnected,
    announce_needs_reconnect,
    announce_recovered,
    routes,
)
from credential_vault.handlers.connecting import Connecting
from credential_vault.handlers.consenting import Consenting
from credential_vault.handlers.opening import Opening
from credential_vault.handlers.parting import VaultPart
from credential_vault.handlers.rejecting import Rejecting
from credential_vault.handlers.renewal_store import Renewals, Telling
from credential_vault.handlers.renewing import Renewing
from credential_vault.handlers.signing import Signing
from credential_vault.handlers.vault import Vault
from credential_vault.http.consents import router as consents
from credential_vault.http.integrations import Integrations, router
from credential_vault.http.signing import router as signing_router
from credential_vault.providers.composed import destinations, oauth_providers
from credential_vault.providers.gong_key import verify
from credential_vault.providers.port import OAuthProvider
from credential_vault.settings import Settings
from credential_vault.workers.checks import Checker, VerifyPair
from credential_vault.workers.consents import Forgetter
from credential_vault.workers.erasures import Eraser
from credential_vault.workers.renewals import Renewer
from credential_vault.workers.revocations import Revoker
from database import Database, Tx
from egress import Egress
from messaging import Outbox
from runtime import Assembly, assembled, secrets_for
from runtime.rounds import Round, Rounds

SERVICE = "credential-vault"

# Who did what nobody did.
_ITSELF = Actor(id=SERVICE)


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together. Without a keyset it does not start: nothing is ever stored in the clear."""
    sealed_to = _sealing_keys(settings)
    lifetime = timedelta(seconds=settings.grant_seconds)
    async with assembled(SERVICE, settings) as parts:
        keys = await parts.stack.enter_async_context(open_keys(settings, parts.db))
        await check_keys(parts.db, keys.keyring, keys.shredding)
        egress = parts.outbound.egress(destinations(settings))
        secrets = secrets_for(settings)
        parts.stack.push_async_callback(secrets.close)
        oauth = await oauth_providers(settings, egress, secrets)
        urls = {Provider.GONG: settings.gong_base_url}
        tell = _Telling(parts.outbox, urls)
        renewer = _renewer(parts.db, keys.keyring, oauth, tell)
        check_gong = partial(_check_gong, egress, settings.gong_base_url)
        rounds = _rounds(parts.db, keys, oauth, check_gong, tell)
        rejecting = Rejecting(rounds.wake)
        vault = Vault(keys.keyring, sealed_to, SystemClock(), lifetime, urls, renewer.wake)
        for requester in sealed_to:
            parts.consume(f"credential-requests-{requester}", routes(vault, rejecting, parts.outbox, requester))
        parts.erase_by(VaultPart(parts.db))
        parts.erase_people()
        connecting = Connecting(keys.keyring, urls, tell.connected, tell.disconnected)
        integrations = Integrations(parts.db, connecting, egress, oauth)
        consenting = Consenting(parts.db, connecting, oauth, SystemClock(), settings.public_url)
        signing = Signing(parts.db, connecting, Opening(keys.keyring))
        parts.serve(signing_router(signing), router(integrations), consents(consenting, integrations))
        parts.work(rounds.run, renewer.run)
        yield parts


class _Telling:
    """Who is told of what, in the transaction in which it happens."""

    def __init__(self, outbox: Outbox, urls: Mapping[Provider, str]) -> None:
        self._outbox = outbox
        self._urls = urls

    async def connected(self, tx: Tx, change: Connected, actor: Actor) -> None:
        await announce_connected(tx, self._outbox, change, actor)

    async def disconnected(self, tx: Tx, change: Disconnected, actor: Actor) -> None:
        await announce_disconnected(tx, self._outbox, change, actor)

    async def gone(self, tx: Tx, change: Disconnected) -> None:
        await announce_disconnected(tx, self._outbox, change, _ITSELF)

    async def needs_reconnect(self, tx: Tx, slot: Slot, reason: str) -> None:
        await announce_needs_reconnect(tx, self._outbox, slot, reason)

    async def recovered(self, tx: Tx, provider: Provider) -> None:
        await announce_recovered(tx, self._outbox, provider, self._urls.get(provider, ""))


def _rounds(
    db: Database, keys: Keys, oauth: Mapping[Provider, OAuthProvider], check_gong: VerifyPair, tell: _Telling
) -> Rounds:
    """What is done in the background beside renewals: revocations, checks, erasures."""
    opening = Opening(keys.keyring)
    rounds: list[Round] = [
        Revoker(db, opening, oauth),
        Checker(db, opening, oauth, {Provider.GONG: check_gong}, tell.needs_reconnect),
        Eraser(db, keys.shredding.shred, tell.gone),
        Forgetter(db),
    ]
    return Rounds(rounds, SystemClock())


def _renewer(db: Database, keyring: Keyring, oauth: Mapping[Provider, OAuthProvider], tell: _Telling) -> Renewer:
    """Renews what is due. A request that meets a token at its end is not kept: it comes again, so nobody else has to be told."""
    store = Renewals(db, keyring, Telling(tell.recovered, tell.needs_reconnect))
    return Renewer(db, Renewing(store, oauth, keyring, SystemClock()))


async def _check_gong(egress: Egress, default_url: str, pair: BasicPair, base_url: str) -> None:
    await verify(egress, pair, base_url or default_url)


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
