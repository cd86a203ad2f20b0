"""The use case of granting. It runs inside the transaction it is given; `handlers.connecting` has connecting and disconnecting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from contracts.sealing import Binding, SealedTo, seal
from core.clock import Clock
from core.errors import Transient
from core.log import logger
from credential_vault.domain.credentials import (
    BasicPair,
    Denial,
    Grant,
    GrantRequest,
    Provider,
    State,
    is_allowed,
)
from credential_vault.domain.oauth import Bearer
from credential_vault.domain.signing import SigningSecrets
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from credential_vault.store import credentials as store
from database import Tx

log = logger("credential_vault.granting")

# An access token that ends sooner is not handed out while it can be renewed: it would end before its requester has done anything with it.
SOON_SECONDS: Final = 60.0
# Grants end at a whole second: of a token that ends within this one, nothing would be left.
_OVER_SECONDS: Final = 1.0


class Denied(Struct, frozen=True):
    """A grant was refused."""

    request: GrantRequest
    reason: Denial


class Vault(Struct, frozen=True):
    """The use case.

    `sealed_to` pins the public sealing key of each service that may ask; `default_urls` says where a provider's API is for a customer who
    gave no address; `wake` is called when a renewal is waited for.
    """

    keyring: Keyring
    sealed_to: Mapping[str, SealedTo]
    clock: Clock
    grant_lifetime: timedelta
    default_urls: Mapping[Provider, str]
    wake: Callable[[], None] = lambda: None

    def address(self, provider: Provider, base_url: str) -> str:
        """Where the provider's API is for a customer who gave `base_url`, or none."""
        return base_url or self.default_urls.get(provider, "")

    async def grant(self, tx: Tx, request: GrantRequest) -> Grant | Denied | None:
        """Seal the credential to the requester, recording it first; or say why not. None for a grant that was made before.

        Raises Transient while an access token that is over, or nearly, waits to be renewed: to be asked again.
        """
        sealed_to = self.sealed_to.get(request.requester)
        if sealed_to is None or not is_allowed(request.requester, request.provider):
            return Denied(request, Denial.NOT_ALLOWED)
        stored = await store.credential(tx, request.provider)
        if stored is None:
            return Denied(request, Denial.NOT_CONNECTED)
        if stored.state is State.NEEDS_RECONNECT or self._is_over(stored):
            return Denied(request, Denial.NEEDS_RECONNECT)
        if not await store.journal(tx, request, stored.version):
            return None
        # Before anything is decrypted: an entry whose grant is then denied says too much, never too little.
        try:
            return await self._seal(tx, request, stored, sealed_to)
        except CannotDecrypt as error:
            log.error("a credential that was asked for does not open", error=error, provider=request.provider.value)
            return Denied(request, Denial.NEEDS_RECONNECT)

    def _is_over(self, stored: store.Stored) -> bool:
        """Whether the access token has ended for good. Raises Transient for one that is renewed instead of being granted."""
        if stored.seconds_left is None:
            return False
        if not stored.renewable:
            return stored.seconds_left < _OVER_SECONDS
        if stored.seconds_left < SOON_SECONDS:
            # It has been due since three quarters of its life were over. Its renewal is not brought forward here: where it was put off, the
            # provider has failed just now, and is left alone for as long as decision 0009 says.
            self.wake()
            raise Transient("the access token is about to end: the grant is made once it has been renewed")
        return False

    async def _seal(self, tx: Tx, request: GrantRequest, stored: store.Stored, sealed_to: SealedTo) -> Grant:
        # No new data key for a workspace that has lost its own: it would open nothing.
        key = await self.keyring.data_key_if_any(tx)
        if key is None:
            raise CannotDecrypt("the workspace's data key is gone; reconnect the integration")
        plaintext = self._plaintext(tx, key, stored)
        expires_at = self._expiry(stored)
        binding = Binding(tx.workspace_id, str(request.grant_id), request.provider.value, request.requester, expires_at)
        return Grant(request, seal(sealed_to, plaintext, binding), sealed_to.key_id, expires_at, stored.version)

    def _plaintext(self, tx: Tx, key: bytes, stored: store.Stored) -> bytes:
        fields = {
            name: self.keyring.decrypt(key, stored.slot(tx, name), sealed) for name, sealed in stored.fields.items()
        }
        address = self.address(stored.provider, stored.base_url)
        token = fields.get("access_token")
        if token is not None:
            return Bearer(token, stored.provider_user).grant(address)
        if stored.provider is Provider.SIEM:
            return SigningSecrets.stored(fields, stored.age_seconds).grant()
        return BasicPair(fields["access_key"], fields["secret"]).grant(address)

    def _expiry(self, stored: store.Stored) -> datetime:
        """A grant never outlives its token. Whole seconds, as the binding has them."""
        ours = self.clock.now() + self.grant_lifetime
        return (ours if stored.expires_at is None else min(ours, stored.expires_at)).replace(microsecond=0)
