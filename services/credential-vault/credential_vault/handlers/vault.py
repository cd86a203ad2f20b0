"""The use case of granting. It runs inside the transaction it is given; `handlers.connecting` has connecting and disconnecting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from contracts.sealing import Binding, SealedTo, seal
from core.clock import Clock
from credential_vault.domain.credentials import (
    BasicPair,
    Denial,
    Grant,
    GrantRequest,
    Provider,
    State,
    is_allowed,
)
from credential_vault.encryption.keyring import Keyring
from credential_vault.store import credentials as store
from database import Tx


@dataclass(frozen=True, slots=True)
class Denied:
    """A grant was refused."""

    request: GrantRequest
    reason: Denial


@dataclass(frozen=True, slots=True)
class Vault:
    """The use case.

    `sealed_to` pins the public sealing key of each service that may ask; `default_urls` says where a provider's API is for a customer who
    gave no address.
    """

    keyring: Keyring
    sealed_to: Mapping[str, SealedTo]
    clock: Clock
    grant_lifetime: timedelta
    default_urls: Mapping[Provider, str]

    def address(self, provider: Provider, base_url: str) -> str:
        """Where the provider's API is for a customer who gave `base_url`, or none."""
        return base_url or self.default_urls.get(provider, "")

    async def grant(self, tx: Tx, request: GrantRequest) -> Grant | Denied | None:
        """Seal the credential to the requester, recording it first; or say why not. None for a grant that was made before."""
        sealed_to = self.sealed_to.get(request.requester)
        if sealed_to is None or not is_allowed(request.requester, request.provider):
            return Denied(request, Denial.NOT_ALLOWED)
        stored = await store.credential(tx, request.provider)
        if stored is None:
            return Denied(request, Denial.NOT_CONNECTED)
        if stored.state is State.NEEDS_RECONNECT:
            return Denied(request, Denial.NEEDS_RECONNECT)
        if not await store.journal(tx, request, stored.version):
            return None
        return await self._seal(tx, request, stored, sealed_to)

    async def _seal(self, tx: Tx, request: GrantRequest, stored: store.Stored, sealed_to: SealedTo) -> Grant:
        key = await self._data_key(tx)
        pair = BasicPair(
            self.keyring.decrypt(key, stored.slot(tx, "access_key"), stored.access_key),
            self.keyring.decrypt(key, stored.slot(tx, "secret"), stored.secret),
        )
        expires_at = (self.clock.now() + self.grant_lifetime).replace(microsecond=0)
        binding = Binding(tx.workspace_id, str(request.grant_id), request.provider.value, request.requester, expires_at)
        sealed = seal(sealed_to, pair.grant(self.address(request.provider, stored.base_url)), binding)
        return Grant(request, sealed, sealed_to.key_id, expires_at, stored.version)

    async def _data_key(self, tx: Tx) -> bytes:
        return await self.keyring.data_key(tx)
