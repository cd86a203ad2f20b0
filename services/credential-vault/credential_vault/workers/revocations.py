"""The worker that ends at the provider what was let go here.

    claim and open (committed) -> call -> record

At least once: whoever dies in between leaves a lease that runs out, and asking a provider twice to end a token is harmless. The ciphertext
goes with the outcome.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from core.context import working_for
from core.errors import Transient
from core.faultpoints import reach
from core.log import logger
from credential_vault.domain import revocations as words
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Revocation
from credential_vault.domain.revocations import Ending, LetGo
from credential_vault.encryption.keyring import CannotDecrypt, Shredded
from credential_vault.handlers.losing import look_soon
from credential_vault.handlers.opening import Opening
from credential_vault.providers.port import OAuthProvider, Refused
from credential_vault.store import revocations as store
from credential_vault.store.revocations import Due
from database import Database, Tx

log = logger("credential_vault.revocations")

PURPOSE = "revocation"


class RevokerSettings(msgspec.Struct, frozen=True):
    """Times are in seconds.

    The defaults: a lease outlives a call and the transaction after it; pauses grow from half a minute to six hours; a week is longer than
    the longest outage that anybody sleeps through (the same week as in deploy/topology.yaml), and a vault that was itself away for it
    still tries `least_attempts` times.
    """

    at_once: int = 8
    lease_seconds: float = 90.0
    call_seconds: float = 30.0
    first_delay: float = 30.0
    longest_delay: float = 6 * 3600.0
    give_up_after: float = 7 * 86_400.0
    least_attempts: int = 8

    def delay_after(self, attempts: int) -> float:
        """Seconds to wait after so many attempts: doubling, with jitter."""
        delay = min(self.longest_delay, self.first_delay * 2.0 ** min(attempts - 1, 30))
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing

    def gives_up(self, let_go: LetGo) -> bool:
        """Whether a failure of this attempt is the last one."""
        return let_go.age_seconds >= self.give_up_after and let_go.attempts >= self.least_attempts


class _Again(msgspec.Struct, frozen=True):
    """No outcome yet: why not, and in how many seconds to try again (None for the usual pause)."""

    outcome: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a revocation needs: the tokens, and whether the connected credential has one of them too."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    in_use: bool


class Revoker(msgspec.Struct, frozen=True):
    """Revokes what is due. `providers` are those that this service is configured for."""

    db: Database
    opening: Opening
    providers: Mapping[Provider, OAuthProvider]
    settings: RevokerSettings = msgspec.field(default_factory=RevokerSettings)

    async def once(self) -> bool:
        """Try what is due now, some at once; False when nothing was. Raises Transient when the database is away."""
        due = await store.due(self.db, self.settings.at_once)
        async with asyncio.TaskGroup() as group:
            tried = [group.create_task(self._try(one)) for one in due]
        return any(task.result() for task in tried)

    async def _try(self, due: Due) -> bool:
        with working_for(due.workspace_id, str(due.id)):
            async with self.db.workspace(due.workspace_id) as tx:
                let_go = await store.claim(tx, due.id, self.settings.lease_seconds)
                if let_go is None:
                    return False
                opened = await self._open(tx, let_go)
            reach("revocation.after_claim")
            result = await self._ask(let_go, opened) if isinstance(opened, _Opened) else opened
            reach("revocation.after_call")
            async with self.db.workspace(due.workspace_id) as tx:
                await self._record(tx, let_go, result)
        return True

    async def _open(self, tx: Tx, let_go: LetGo) -> _Opened | _Again | Ending:
        """Journal, decrypt, and compare with what is in use: a provider may have given the same token again on reconnecting."""
        try:
            mine = await self.opening.open(tx, let_go.held, PURPOSE, str(let_go.id))
            held = await store.tokens_in_use(tx, let_go.held.slot.provider)
            used = await self.opening.open(tx, held, PURPOSE, str(let_go.id)) if held else {}
        except Shredded:
            return words.shredded(let_go.held.slot.provider)
        except CannotDecrypt:
            return _Again("It cannot be opened at the moment; it will be tried again.")
        in_use = not set(mine.values()).isdisjoint(used.values())
        return _Opened(mine["access_token"], mine.get("refresh_token", ""), in_use)

    async def _ask(self, let_go: LetGo, opened: _Opened) -> Ending | _Again:
        provider = let_go.held.slot.provider
        if opened.in_use:
            return words.in_use(provider)
        oauth = self.providers.get(provider)
        if oauth is None:
            return _Again(f"Callmine is not set up for {provider.title} at the moment; it will be tried again.")
        try:
            async with asyncio.timeout(self.settings.call_seconds):
                revoked = await oauth.revoke(opened.access_token, opened.refresh_token)
        except Refused:
            return words.ended_before(provider)
        except (Transient, TimeoutError) as error:
            asked = error.retry_after if isinstance(error, Transient) else None
            return _Again(words.no_answer(provider), asked)
        except Exception as error:  # noqa: BLE001 - one provider's surprise must not stop the others' revocations
            log.error("revocation failed in a way nobody foresaw", error=error, provider=provider.value)
            return _Again(words.no_answer(provider))
        return words.revoked(provider) if revoked else words.no_way(provider)

    async def _record(self, tx: Tx, let_go: LetGo, result: Ending | _Again) -> None:
        provider = let_go.held.slot.provider
        if isinstance(result, _Again):
            if not self.settings.gives_up(let_go):
                delay = self.settings.delay_after(let_go.attempts)
                seconds = delay if result.seconds is None else min(result.seconds, self.settings.longest_delay)
                await store.again(tx, let_go, result.outcome, seconds)
                return
            result = words.given_up(provider)
        await store.end(tx, let_go.id, result)
        if result.state is Revocation.REVOKED:
            await self._look_at_present(tx, provider)
        log.info("revocation has ended", provider=provider.value, outcome=result.state.value, attempts=let_go.attempts)

    async def _look_at_present(self, tx: Tx, provider: Provider) -> None:
        """Have the connected credential looked at: somebody may have been given the same token while it was being ended."""
        held = await store.tokens_in_use(tx, provider)
        if held is not None:
            await look_soon(tx, provider, held.slot.version)
