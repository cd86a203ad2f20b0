"""Renewal of a credential, as docs/decisions/0009 has it: one call for each token, whatever crashes, stalls or gets lost.

    claim (committed) -> look at the clock -> one call -> seal -> save by compare-and-set, until it is saved

Nothing is waited for here but the clock, the store and the provider, so that a simulation can drive all of it (tests/chaos/vault).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct, field

from core.clock import Clock
from core.errors import Permanent, Transient
from core.ids import WorkspaceId, uuid7
from core.log import logger
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.oauth import Outcome, Tokens
from credential_vault.domain.renewals import EARLY, JITTER, SEND_WITHIN, Attempt, Claimed, Ending, Reply
from credential_vault.providers.port import Guard, NotSpent, RefreshingProvider, Refused

T = TypeVar("T")

log = logger("credential_vault.renewing")

# Between two tries to write something down while the database is away: well below Timing.watch_gap.
FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0

# A mistake in the code that is told of an end keeps failing; a connection that breaks in an odd way does not.
MOST_FAILURES = 5

# After a call that was not carried out: doubling from a quarter of a minute to a quarter of an hour. A provider's own wish counts more.
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WISH = 15.0, 900.0, 3600.0

# What does not decrypt will not in a minute either; a person has to look, or to reconnect.
CLOSED_PAUSE = 3600.0

# Providers that can say whether a refresh token is still good (HubSpot: RFC 7662 introspection).
TELL = frozenset({Provider.HUBSPOT})

LOST = "The answer to a renewal was lost on its way, and with it the only token for the next one."
SPENT = "The provider no longer accepts the token that renews the access."


class RenewalStore(Protocol):
    """Each method is one transaction. All raise Transient while the database is away, and may have been carried out all the same."""

    async def claim(self, attempt: Attempt, tells: bool) -> Claimed | None:
        """Take the renewal of the attempt's credential, write down that it has started and that its token is decrypted.

        None unless the credential is connected and due, nobody's lease runs, and no earlier attempt on this version is open. An open one
        whose lease is over is watched instead, and handed over when it is to be asked about (`tells`: the provider can be) or settled.
        """
        ...

    async def save(self, claimed: Claimed, reply: Reply, told: bool) -> Outcome:
        """Save by compare-and-set: ROTATED when it is in place, SUPERSEDED when the credential had moved on and it was let go.

        Nothing but the version decides. May be repeated. `told`: those who wait for it are answered in the same transaction.
        """
        ...

    async def end(self, attempt: Attempt, ending: Ending, told: bool) -> bool:
        """Write down how an attempt ended, if it is open still; False when it is not, or never was."""
        ...


class Cipher(Protocol):
    """Encryption, as `encryption.keyring.Keyring` has it."""

    def encrypt(self, data_key: bytes, slot: Slot, text: str) -> bytes:
        """The ciphertext of `text` for `slot`."""
        ...

    def decrypt(self, data_key: bytes, slot: Slot, ciphertext: bytes) -> str:
        """The text that was encrypted for `slot`. Raises Permanent for any other ciphertext."""
        ...


class _Moment(Struct, frozen=True):
    """A point in time by both clocks of a machine: one of them stands still while it is suspended, the other can be set."""

    monotonic: float
    wall: datetime

    @classmethod
    def of(cls, clock: Clock) -> _Moment:
        return cls(clock.monotonic(), clock.now())

    def seconds_since(self, clock: Clock) -> float:
        """The longer of the two."""
        return max(clock.monotonic() - self.monotonic, (clock.now() - self.wall).total_seconds())


class Renewing(Struct, frozen=True):
    """The use case. `providers` are those this service is set up for; `tell` are those that can be asked about a token."""

    store: RenewalStore
    providers: Mapping[Provider, RefreshingProvider]
    cipher: Cipher
    clock: Clock
    tell: frozenset[Provider] = TELL
    chance: random.Random = field(default_factory=random.Random)
    new_id: Callable[[], uuid.UUID] = uuid7

    async def renew(self, workspace_id: WorkspaceId, provider: Provider) -> Outcome | None:
        """Renew the credential if it is due and nobody else does; what became of it, None when there was nothing to do.

        Raises Transient when the database went away before anything was sent. Once something was sent, it goes on until that is saved:
        cancelling it then may lose the only copy of a token.
        """
        oauth = self.providers.get(provider)
        if oauth is None:
            return None
        outcome = await self._turn(workspace_id, oauth, provider in self.tell)
        if outcome is not None:
            log.info("renewal", provider=provider.value, outcome=outcome.value)
        return outcome

    async def _turn(self, workspace_id: WorkspaceId, oauth: RefreshingProvider, tells: bool) -> Outcome | None:
        began = _Moment.of(self.clock)
        attempt = Attempt(self.new_id(), workspace_id, oauth.provider)
        try:
            claimed = await self.store.claim(attempt, tells)
        except Exception:
            await self._take_back(attempt)
            raise
        if claimed is None:
            return None
        try:
            token = self.cipher.decrypt(
                claimed.data_key, claimed.slot("refresh_token", claimed.version), claimed.refresh_token
            )
        except Permanent as error:
            log.error("a refresh token does not open", error=error, provider=oauth.provider.value)
            return await self._ended(claimed, Ending(Outcome.NOT_SPENT, CLOSED_PAUSE))
        if claimed.asks:
            return await self._ask(claimed, oauth, token)
        return await self._call(claimed, oauth, token, began)

    async def _take_back(self, attempt: Attempt) -> None:
        """The claim may be durable without our having heard of it. Nothing was sent, and this is the last moment to say so."""
        try:
            await self.store.end(attempt, Ending(Outcome.NOT_SPENT), told=False)
        except Exception as error:  # noqa: BLE001 - the claim's own failure is what the caller is told
            log.info("a claim may be left behind", provider=attempt.provider.value, cause=type(error).__name__)

    async def _call(self, claimed: Claimed, oauth: RefreshingProvider, token: str, began: _Moment) -> Outcome:
        try:
            tokens = await self._sent(oauth, token, claimed.base_url, self._guard(began))
        except NotSpent as error:
            return await self._ended(claimed, Ending(Outcome.NOT_SPENT, self._pause(claimed.tries, error.retry_after)))
        except Refused:
            return await self._ended(claimed, Ending(Outcome.REFUSED, reason=LOST if claimed.ripe else SPENT))
        except Exception as error:  # noqa: BLE001 - whatever it was, it does not tell whether the token was used
            log.warning("a renewal has no end", provider=oauth.provider.value, cause=type(error).__name__)
            return await self._ended(claimed, Ending(Outcome.UNKNOWN))
        return await self._saved(claimed, self._sealed(claimed, tokens, token))

    async def _sent(self, oauth: RefreshingProvider, token: str, base_url: str, guard: Guard) -> Tokens:
        return await oauth.refresh(token, base_url, guard)

    def _guard(self, began: _Moment) -> Guard:
        def guard() -> None:
            if began.seconds_since(self.clock) > SEND_WITHIN:
                raise NotSpent("the renewal came too late to be sent; it will be tried again")

        return guard

    async def _ask(self, claimed: Claimed, oauth: RefreshingProvider, token: str) -> Outcome | None:
        """The provider tells whether the token of an attempt without an end was used; nothing is spent by asking."""
        active: bool | None = None
        try:
            active = await oauth.is_active(token)
        except Exception as error:  # noqa: BLE001 - no answer is no answer
            log.warning(
                "a provider did not tell about a token", provider=oauth.provider.value, cause=type(error).__name__
            )
        if active:
            return await self._ended(claimed, Ending(Outcome.NOT_SPENT))
        if not claimed.ripe:
            return Outcome.UNKNOWN
        if active is None:
            return await self._turn(claimed.attempt.workspace_id, oauth, tells=False)
        return await self._ended(claimed, Ending(Outcome.REFUSED, reason=LOST))

    def _sealed(self, claimed: Claimed, tokens: Tokens, used: str) -> Reply:
        """The reply, encrypted at once. A provider that gives no new refresh token means the old one to go on."""
        version = claimed.version + 1

        def seal(name: str, text: str) -> bytes:
            return self.cipher.encrypt(claimed.data_key, claimed.slot(name, version), text)

        lifetime = None if tokens.expires_in is None else float(tokens.expires_in)
        return Reply(
            data_key=claimed.data_key,
            access_token=seal("access_token", tokens.access_token),
            refresh_token=seal("refresh_token", tokens.refresh_token or used),
            expires_in=lifetime,
            renew_in=None if lifetime is None else lifetime * (EARLY - JITTER * self.chance.random()),
            scopes=tokens.scopes,
            base_url=tokens.base_url,
        )

    async def _saved(self, claimed: Claimed, reply: Reply) -> Outcome:
        """Lease or no lease: whoever has received a rotation is the only one who has it."""
        received = _Moment.of(self.clock)

        async def save(told: bool) -> Outcome:
            return await self.store.save(claimed, reply.after(received.seconds_since(self.clock)), told)

        return await self._written(save, precious=True)

    async def _ended(self, claimed: Claimed, ending: Ending) -> Outcome:
        async def end(told: bool) -> Outcome:
            await self.store.end(claimed.attempt, ending, told)
            return ending.outcome

        return await self._written(end, precious=False)

    async def _written(self, write: Callable[[bool], Awaitable[T]], precious: bool) -> T:
        """Repeat `write` until it is done; what keeps failing is done in the end without those who are told in its transaction."""
        failures, delay = 0, FIRST_DELAY
        while True:
            try:
                return await write(failures < MOST_FAILURES)
            except Transient:
                log.info("the end of a renewal is not written yet; it will be tried again")
            except Exception as error:
                log.error("the end of a renewal could not be written", error=error)
                failures += 1
                # A mistake in what hangs on it must not cost the token; without one, the attempt is left to be settled.
                if not precious and failures > MOST_FAILURES:
                    raise
            await self.clock.sleep(delay * (0.5 + self.chance.random() / 2))
            delay = min(LONGEST_DELAY, delay * 2)

    def _pause(self, tries: int, wish: float | None) -> float:
        if wish is not None:
            return min(max(wish, 1.0), LONGEST_WISH)
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 10)) * (0.5 + self.chance.random() / 2)
