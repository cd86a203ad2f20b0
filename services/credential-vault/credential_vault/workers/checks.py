"""The worker that notices what happens at the providers: a key deleted there, an app uninstalled, an access revoked.

    claim and open (committed) -> ask -> record

Once a day for each connected credential, spread over the day, and at once when a service was refused, but not more often than once a minute
for its word, nor while the provider has asked to be left alone. Only the provider's own refusal counts; a failure to answer says nothing.
What a refusal means:

an access token that can be renewed   its renewal is brought forward: what the provider says to that decides (docs/decisions/0009)
another access token                  it needs reconnecting
a key pair                            it is asked again some minutes later; refused twice, it needs reconnecting
"""

from __future__ import annotations

import asyncio
import enum
import random
from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct, field

from core.context import working_for
from core.errors import CallmineError, Transient
from core.faultpoints import reach
from core.log import logger
from credential_vault.domain.credentials import BasicPair, Provider
from credential_vault.encryption.keyring import CannotDecrypt
from credential_vault.handlers.losing import TellLoss, lose
from credential_vault.handlers.opening import Opening
from credential_vault.providers.port import OAuthProvider, Refused
from credential_vault.store import checks as store
from credential_vault.store.checks import Check, Due
from database import Database, Tx

log = logger("credential_vault.checks")

PURPOSE = "check"

VerifyPair = Callable[[BasicPair, str], Awaitable[None]]
"""Asks a provider whether it accepts a pair, at a base URL that may be empty. Raises Refused only for a 401."""


class _Quiet(enum.Enum):
    """Answers that change nothing."""

    ACCEPTED = enum.auto()
    NOT_ASKED = enum.auto()


Answer = Refused | Transient | _Quiet


class CheckerSettings(Struct, frozen=True):
    """Times are in seconds.

    The defaults: once a day, give or take a tenth, so that credentials that were connected together drift apart; a pair that was refused is
    asked about again after five minutes, longer than a provider's deploy takes to answer 401 by mistake; a provider that does not answer,
    after an hour; somebody who says that it refuses the credential has it asked once a minute at most.
    """

    at_once: int = 4
    lease_seconds: float = 120.0
    call_seconds: float = 30.0
    every: float = 86_400.0
    second_look: float = 300.0
    after_failure: float = 3600.0
    quiet: float = 60.0

    def next_check(self) -> float:
        """Seconds until the next check, with jitter."""
        return self.every * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, protects nothing


class Checker(Struct, frozen=True):
    """Asks providers about what is connected. `pairs` and `oauth` are those that this service is configured for."""

    db: Database
    opening: Opening
    oauth: Mapping[Provider, OAuthProvider]
    pairs: Mapping[Provider, VerifyPair]
    tell: TellLoss
    settings: CheckerSettings = field(default_factory=CheckerSettings)

    async def once(self) -> bool:
        """Ask about what is due now, a few at once; False when nothing was. Raises Transient when the database is away."""
        due = await store.due(self.db, self.settings.at_once)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._look(one)) for one in due]
        return any(task.result() for task in asked)

    async def _look(self, due: Due) -> bool:
        with working_for(due.workspace_id, ""):
            async with self.db.workspace(due.workspace_id) as tx:
                check = await store.claim(tx, due.provider, self.settings.lease_seconds, self.settings.quiet)
                if check is None:
                    return False
                plain = await self._open(tx, check)
            reach("check.after_claim")
            answer = await self._ask(check, plain) if plain else _Quiet.NOT_ASKED
            reach("check.after_call")
            async with self.db.workspace(due.workspace_id) as tx:
                await self._record(tx, check, answer)
        return True

    async def _open(self, tx: Tx, check: Check) -> dict[str, str] | None:
        """None when there is nothing to ask with: a token that is about to be renewed, or a credential that does not open."""
        if check.being_renewed or not self._knows(check):
            return None
        try:
            return await self.opening.open(tx, check.held, PURPOSE, str(check.held.slot.credential_id))
        except CannotDecrypt:
            log.error("a connected credential does not open", provider=check.provider.value)
            return None

    def _knows(self, check: Check) -> bool:
        """Whether this service is configured to ask the provider."""
        return check.provider in (self.pairs if "access_key" in check.held.fields else self.oauth)

    async def _ask(self, check: Check, plain: Mapping[str, str]) -> Answer:
        """What the provider says."""
        try:
            async with asyncio.timeout(self.settings.call_seconds):
                await self._verify(check, plain)
        except (Refused, Transient) as answer:
            return answer
        except (CallmineError, TimeoutError) as error:
            return Transient(f"no answer that tells ({type(error).__name__})")
        except Exception as error:  # noqa: BLE001 - one provider's surprise must not stop the others' checks
            log.error("check failed in a way nobody foresaw", error=error, provider=check.provider.value)
            return Transient("no answer that tells")
        return _Quiet.ACCEPTED

    async def _verify(self, check: Check, plain: Mapping[str, str]) -> None:
        if "access_token" in plain:
            await self.oauth[check.provider].verify(plain["access_token"], check.base_url)
        else:
            await self.pairs[check.provider](BasicPair(plain["access_key"], plain["secret"]), check.base_url)

    async def _record(self, tx: Tx, check: Check, answer: Answer) -> None:
        slot = check.held.slot
        if answer is _Quiet.ACCEPTED:
            await store.passed(tx, check, self.settings.next_check())
        elif answer is _Quiet.NOT_ASKED:
            await store.again(tx, check, self.settings.next_check())
        elif isinstance(answer, Transient):
            asked = min(answer.retry_after or 0.0, self.settings.every)
            seconds = self.settings.after_failure if answer.retry_after is None else asked
            await store.again(tx, check, seconds, asked)
        elif check.renewable:
            await store.renew_soon(tx, check, self.settings.next_check())
        elif self._has_to_be_seen_again(check):
            await store.refused(tx, check, self.settings.second_look)
        elif await lose(tx, self.tell, slot, _reason(slot.provider)):
            log.warning("a provider does not accept a credential any more", provider=slot.provider.value)

    def _has_to_be_seen_again(self, check: Check) -> bool:
        """A pair is only given up after a second refusal, some minutes after the first."""
        if "access_key" not in check.held.fields:
            return False
        return check.refused_for is None or check.refused_for < self.settings.second_look


def _reason(provider: Provider) -> str:
    return f"{provider.title} no longer accepts the credential; it may have been revoked or deleted there."
