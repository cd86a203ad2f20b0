"""Connecting and disconnecting, in the transaction that is given. `handlers.consenting` is the way to tokens."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from msgspec import Struct, field, structs

from contracts import Actor
from credential_vault.domain.connections import Connected, Disconnected, Face, Kind
from credential_vault.domain.credentials import BasicPair, Provider, Slot, State
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.domain.renewals import EARLY, JITTER
from credential_vault.domain.revocations import Reason
from credential_vault.encryption.keyring import Keyring
from credential_vault.handlers.revoking import let_go, let_go_present
from credential_vault.store import credentials as store
from credential_vault.store import revocations
from credential_vault.store.credentials import Content, Turn
from database import Tx

TellConnected = Callable[[Tx, Connected, Actor], Awaitable[None]]
TellDisconnected = Callable[[Tx, Disconnected, Actor], Awaitable[None]]

_DAY: Final = 86_400.0


class Received(Struct, frozen=True):
    """Tokens whose provider has vouched for them; `seconds_ago` since they were received."""

    tokens: Tokens
    account: Account
    scopes: tuple[str, ...]
    seconds_ago: float = 0.0


class Connecting(Struct, frozen=True):
    """The use cases. `default_urls` says where a provider's API is for a customer who has no address of their own.

    Whatever was connected before is let go, whichever kind it was; the version rises with every change.
    """

    keyring: Keyring
    default_urls: Mapping[Provider, str]
    tell_connected: TellConnected
    tell_disconnected: TellDisconnected
    chance: random.Random = field(default_factory=random.Random)

    async def connect_pair(self, tx: Tx, provider: Provider, pair: BasicPair, base_url: str, actor: Actor) -> Connected:
        """Store a pair that the provider has accepted; `base_url` is empty for its usual address."""
        plain = {"access_key": pair.access_key, "secret": pair.secret}
        return await self._connect(tx, provider, plain, Content(Face(Kind.BASIC, base_url), {}), actor)

    async def connect_tokens(self, tx: Tx, provider: Provider, received: Received, actor: Actor) -> Connected:
        """Store tokens that the provider has vouched for. They are renewed when three quarters of their life are over."""
        tokens = received.tokens
        plain = {"access_token": tokens.access_token}
        if tokens.refresh_token:
            plain["refresh_token"] = tokens.refresh_token
        account = received.account
        face = Face(Kind.OAUTH, tokens.base_url, account.name, received.scopes, account.account_id)
        content = Content(face, {}, provider_user=tokens.provider_user)
        if tokens.expires_in is not None:
            left = tokens.expires_in - received.seconds_ago
            renew_in = tokens.expires_in * (EARLY - JITTER * self.chance.random()) - received.seconds_ago
            content = replace(content, expires_in=left, renew_in=renew_in if tokens.refresh_token else None)
        return await self._connect(tx, provider, plain, content, actor)

    async def let_go_received(self, tx: Tx, provider: Provider, tokens: Tokens) -> None:
        """Have tokens revoked that are not stored. They never were a version of anything: their slot is one of its own."""
        key = await self.keyring.data_key(tx)
        slot = Slot(tx.workspace_id, provider, uuid.uuid4(), 1, "")
        plain = {"access_token": tokens.access_token}
        if tokens.refresh_token:
            plain["refresh_token"] = tokens.refresh_token
        await let_go(tx, slot, self._sealed(key, slot, plain), Reason.NOT_TAKEN)

    async def disconnect(self, tx: Tx, provider: Provider, actor: Actor) -> Disconnected | None:
        """Forget the credential; None when none is connected."""
        await let_go_present(tx, provider, Reason.DISCONNECTED)
        forgotten = await store.disconnect(tx, provider)
        if forgotten is None:
            return None
        change = Disconnected(provider, *forgotten)
        await self.tell_disconnected(tx, change, actor)
        return change

    def address(self, provider: Provider, base_url: str) -> str:
        """Where the provider's API is for a customer who has `base_url`, or none."""
        return base_url or self.default_urls.get(provider, "")

    async def _connect(
        self, tx: Tx, provider: Provider, plain: Mapping[str, str], content: Content, actor: Actor
    ) -> Connected:
        # The row is locked by its new version first: whoever connects at the same time waits here, then lets go of what this one stores.
        turn = await store.next_version(tx, provider, uuid.uuid4())
        await self._let_go_before(tx, turn.slot)
        return await self.keep(tx, turn, plain, content, actor)

    async def keep(self, tx: Tx, turn: Turn, plain: Mapping[str, str], content: Content, actor: Actor) -> Connected:
        """Store a version whose turn it is, encrypted, and tell of it. What the row held before must have been let go."""
        provider = turn.slot.provider
        key = await self.keyring.data_key(tx)
        check_in = _DAY * (0.5 + self.chance.random() / 2)
        content = replace(content, fields=self._sealed(key, turn.slot, plain), check_in=check_in)
        await store.connect(tx, turn.slot, content, actor.id)
        before = None if turn.before is State.NEW else self._addressed(provider, turn.face_before)
        change = Connected(provider, turn.slot.version, turn.before, self._addressed(provider, content.face), before)
        await self.tell_connected(tx, change, actor)
        return change

    async def _let_go_before(self, tx: Tx, slot: Slot) -> None:
        """What lies in the row is of the version before `slot`'s, until it is replaced."""
        held = await revocations.held(tx, slot.provider)
        if held is not None:
            await let_go(tx, replace(held.slot, version=slot.version - 1), held.fields, Reason.REPLACED)

    def _sealed(self, key: bytes, slot: Slot, plain: Mapping[str, str]) -> dict[str, bytes]:
        return {name: self.keyring.encrypt(key, replace(slot, field=name), text) for name, text in plain.items()}

    def _addressed(self, provider: Provider, face: Face) -> Face:
        return structs.replace(face, base_url=self.address(provider, face.base_url))
