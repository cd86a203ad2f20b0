"""Renewal of a credential, as docs/decisions/0009 has it: one call for each token, whatever crashes, stalls or gets lost.

    claim (committed) -> guard -> one call -> save by compare-and-set (repeated until it is saved or known to be too late)

Nothing here but the clock, the store and the provider is waited for, so that a simulation can drive all of it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from core.clock import Clock
from core.errors import Transient
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Outcome, Tokens
from credential_vault.providers.port import NotSpent, OAuthProvider, Refused, Unknown

log = logger("credential_vault.renewing")

# How long after the claim began the request may still be sent. Connecting takes under a second; a process that took longer has stalled.
SEND_WITHIN = 10.0
# A provider's token endpoint answers in under a second; what has not come by then is not waited for.
CALL_SECONDS = 20.0
# Longer than both together: while the lease runs, its holder may still be sending or waiting.
LEASE_SECONDS = 60.0
# An attempt whose end nobody knows is settled no sooner. By then whoever holds its reply has saved it, stalled for minutes or not.
SETTLE_SECONDS = 600.0
# Between two tries to save a reply, while the database is away.
SAVE_AGAIN_SECONDS = 0.5
# A process that cannot save for so long has lost the reply: the credential is settled by then.
SAVE_FOR_SECONDS = SETTLE_SECONDS - LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class Attempt:
    """A claim on the renewal of one version of a credential. `settles` says that an earlier call's end is unknown."""

    id: uuid.UUID
    workspace_id: WorkspaceId
    provider: Provider
    version: int
    fence: int
    base_url: str
    settles: bool
    refresh_token: str = field(repr=False)


class RenewalStore(Protocol):
    """Each method is one transaction. All raise Transient while the database is away, and may have been carried out all the same."""

    async def claim(self, workspace_id: WorkspaceId, provider: Provider, now: datetime) -> Attempt | None:
        """Take the credential's renewal, journal the attempt as started and the use of the token; None when there is nothing to do.

        Nothing is to do unless it is connected and due, nobody's lease runs, and no attempt on this version is open; one whose end is
        unknown is open until SETTLE_SECONDS after its start, and can be claimed once more then, to be settled.
        """
        ...

    async def save(self, attempt: Attempt, tokens: Tokens, now: datetime) -> bool:
        """Seal and store a rotation if the credential still has the attempt's version; True when it has been, now or before."""
        ...

    async def end(self, attempt: Attempt, outcome: Outcome, again_at: datetime) -> None:
        """Close the attempt (`not_spent`), or leave it open (`unknown`); give the lease back, to be claimed no sooner than `again_at`."""
        ...

    async def refuse(self, attempt: Attempt, reason: str) -> None:
        """The credential needs reconnecting, if it still has the attempt's version."""
        ...

    async def let_go(self, attempt: Attempt, tokens: Tokens) -> None:
        """Tokens of a credential that has been replaced meanwhile: to be revoked."""
        ...


@dataclass(frozen=True, slots=True)
class Renewing:
    """The use case. `wait_after_failure` is in seconds."""

    store: RenewalStore
    clock: Clock
    wait_after_failure: float = 30.0

    async def renew(self, workspace_id: WorkspaceId, oauth: OAuthProvider) -> Outcome | None:
        """Renew the credential if it is due and nobody else does; what became of it, None when there was nothing to do.

        Raises Transient when the database went away at a moment at which nothing can be lost.
        """
        began = self.clock.monotonic()
        attempt = await self.store.claim(workspace_id, oauth.provider, self.clock.now())
        if attempt is None:
            return None
        outcome = await self._carried_out(attempt, oauth, began)
        log.info("renewal", provider=attempt.provider.value, fence=attempt.fence, outcome=outcome.value)
        return outcome

    async def _carried_out(self, attempt: Attempt, oauth: OAuthProvider, began: float) -> Outcome:
        def guard() -> None:
            if self.clock.monotonic() - began > SEND_WITHIN:
                raise NotSpent("the renewal was not sent: this process had stalled")

        try:
            if attempt.settles and await oauth.is_active(attempt.refresh_token) is False:
                raise Refused("the answer to an earlier renewal was lost on its way")
            tokens = await oauth.refresh(attempt.refresh_token, attempt.base_url, guard)
        except NotSpent:
            return await self._ended(attempt, Outcome.NOT_SPENT, self.wait_after_failure)
        except Unknown:
            return await self._ended(attempt, Outcome.UNKNOWN, SETTLE_SECONDS)
        except Refused as refusal:
            await self.store.refuse(attempt, str(refusal))
            return Outcome.REFUSED
        return await self._saved(attempt, tokens)

    async def _ended(self, attempt: Attempt, outcome: Outcome, wait: float) -> Outcome:
        # An attempt that settles stays open when it could not be sent either: the first one's end is still unknown.
        if attempt.settles:
            outcome = Outcome.UNKNOWN
        await self.store.end(attempt, outcome, self.clock.now() + timedelta(seconds=wait))
        return outcome

    async def _saved(self, attempt: Attempt, tokens: Tokens) -> Outcome:
        """Save the rotation, lease or no lease: whoever has received one is the only one who has it."""
        until = self.clock.monotonic() + SAVE_FOR_SECONDS
        while True:
            try:
                if await self.store.save(attempt, tokens, self.clock.now()):
                    return Outcome.ROTATED
                await self.store.let_go(attempt, tokens)
            except Transient:
                if self.clock.monotonic() > until:
                    raise
                await self.clock.sleep(SAVE_AGAIN_SECONDS)
            else:
                return Outcome.SUPERSEDED
