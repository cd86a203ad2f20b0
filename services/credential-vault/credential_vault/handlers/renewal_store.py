"""The renewal's store on PostgreSQL: each method is one transaction in the credential's workspace, times are the database's."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace

from msgspec import Struct

from core.ids import uuid7
from core.log import logger
from credential_vault.domain.credentials import GrantRequest, Provider, Slot, State
from credential_vault.domain.oauth import Outcome
from credential_vault.domain.renewals import Attempt, Claimed, Ending, Reply, Timing
from credential_vault.domain.revocations import Reason
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from credential_vault.handlers.renewing import CLOSED_PAUSE
from credential_vault.handlers.revoking import let_go
from credential_vault.store import credentials
from credential_vault.store import renewals as store
from database import Database, Tx

log = logger("credential_vault.renewing")

# Who the journal names when no other service asked, and what for.
ITSELF, PURPOSE = "credential-vault", "renewal"

Saved = Callable[[Tx, Provider], Awaitable[None]]
"""Called in the transaction that saves a rotation."""

Recovered = Callable[[Tx, Provider], Awaitable[None]]
"""Called as well when the credential was said to need reconnecting, and a late rotation has shown otherwise."""

NeedsReconnect = Callable[[Tx, Slot, str], Awaitable[None]]
"""Called in the transaction in which a credential turns out to be of no use, with the reason in words fit for the page."""


class Telling(Struct, frozen=True):
    """Who is told of an end, in its own transaction. `saved` is None where nobody waits for it."""

    recovered: Recovered
    needs_reconnect: NeedsReconnect
    saved: Saved | None = None


class Renewals(Struct, frozen=True):
    """Implements `renewing.RenewalStore`."""

    db: Database
    keyring: Keyring
    telling: Telling
    timing: Timing = Timing()

    async def claim(self, attempt: Attempt, tells: bool) -> Claimed | None:
        """As the port says."""
        async with self.db.workspace(attempt.workspace_id) as tx:
            found = await store.claimable(tx, attempt.provider)
            if found is None:
                return None
            try:
                data_key = await self.keyring.data_key(tx)
            except CannotDecrypt as error:
                log.error("a credential cannot be renewed: its data key is gone", error=error)
                await store.look_again(tx, attempt.provider, CLOSED_PAUSE)
                return None
            opened = await store.open_attempt(tx, found)
            if opened is None:
                return await self._taken(tx, attempt, found, data_key)
            return await self._watched(tx, attempt, opened, found, data_key, tells)

    async def _watched(
        self, tx: Tx, attempt: Attempt, opened: uuid.UUID, found: store.Renewable, data_key: bytes, tells: bool
    ) -> Claimed | None:
        """What is to be done about an earlier attempt that has no end: wait, ask, or settle it with a last call."""
        watched = await store.watch(tx, opened, self.timing)
        ripe = watched.seconds >= self.timing.settle_after
        if not ripe:
            await store.look_again(tx, attempt.provider, self.timing.watch_every)
        if tells and (ripe or watched.may_ask):
            await store.asked(tx, opened)
            known = Attempt(opened, attempt.workspace_id, attempt.provider)
            return replace(await self._journalled(tx, known, uuid7(), found, data_key), asks=True, ripe=ripe)
        if not ripe:
            return None
        await store.settled(tx, opened)
        return replace(await self._taken(tx, attempt, found, data_key), ripe=True)

    async def _taken(self, tx: Tx, attempt: Attempt, found: store.Renewable, data_key: bytes) -> Claimed:
        claimed = await self._journalled(tx, attempt, attempt.id, found, data_key)
        await store.start(tx, attempt, found, self.timing.lease)
        return claimed

    async def _journalled(
        self, tx: Tx, attempt: Attempt, use_id: uuid.UUID, found: store.Renewable, data_key: bytes
    ) -> Claimed:
        """The token is decrypted once this transaction has committed."""
        use = GrantRequest(use_id, attempt.provider, ITSELF, PURPOSE, str(attempt.id))
        await credentials.journal(tx, use, found.version)
        return Claimed(
            attempt=attempt,
            credential_id=found.credential_id,
            version=found.version,
            base_url=found.base_url,
            tries=await store.tries(tx, found),
            data_key=data_key,
            refresh_token=found.refresh_token,
        )

    async def save(self, claimed: Claimed, reply: Reply, told: bool) -> Outcome:
        """As the port says."""
        attempt = claimed.attempt
        async with self.db.workspace(attempt.workspace_id) as tx:
            place = await store.locked(tx, attempt.provider)
            known = await store.entry(tx, attempt)
            if known is not None and known.outcome in (Outcome.ROTATED, Outcome.SUPERSEDED):
                return known.outcome
            outcome = await self._kept(tx, claimed, reply, told)
            await store.answered(tx, attempt, outcome)
            if told and outcome is Outcome.ROTATED:
                if self.telling.saved is not None:
                    await self.telling.saved(tx, attempt.provider)
                if place is not None and place.state is State.NEEDS_RECONNECT:
                    await self.telling.recovered(tx, attempt.provider)
            return outcome

    async def _kept(self, tx: Tx, claimed: Claimed, reply: Reply, told: bool) -> Outcome:
        successor = claimed.slot("", claimed.version + 1)
        try:
            if await store.rotate(tx, claimed, await self._moved(tx, reply, successor, successor)):
                return Outcome.ROTATED
            if told:
                # Its version's own number: the next one is the slot of what the credential holds by now.
                own = claimed.slot("", claimed.version)
                await let_go(tx, own, dict((await self._moved(tx, reply, successor, own)).fields()), Reason.SUPERSEDED)
        except CannotDecrypt as error:
            log.error("a renewed token cannot be kept: the workspace's data key is gone", error=error)
        return Outcome.SUPERSEDED

    async def _moved(self, tx: Tx, reply: Reply, made_for: Slot, meant_for: Slot) -> Reply:
        """The reply for another slot, or for a data key that has taken the place of the one it was encrypted with."""
        key = await self.keyring.data_key(tx)
        if key == reply.data_key and made_for == meant_for:
            return reply

        def again(name: str, sealed: bytes) -> bytes:
            text = self.keyring.decrypt(reply.data_key, replace(made_for, field=name), sealed)
            return self.keyring.encrypt(key, replace(meant_for, field=name), text)

        return replace(
            reply,
            data_key=key,
            access_token=again("access_token", reply.access_token),
            refresh_token=again("refresh_token", reply.refresh_token),
        )

    async def end(self, attempt: Attempt, ending: Ending, told: bool) -> bool:
        """As the port says."""
        async with self.db.workspace(attempt.workspace_id) as tx:
            place = await store.locked(tx, attempt.provider)
            known = await store.entry(tx, attempt)
            if place is None or known is None or not await store.ended(tx, attempt, ending.outcome):
                return False
            if ending.outcome is Outcome.NOT_SPENT:
                await store.give_back(tx, attempt.provider, known, ending.again_in)
            if ending.outcome is Outcome.REFUSED and await store.refuse(tx, attempt.provider, known, ending) and told:
                slot = Slot(tx.workspace_id, attempt.provider, place.credential_id, place.version, "")
                await self.telling.needs_reconnect(tx, slot, ending.reason)
            return True
