"""Our own algorithm with one rule taken out at a time: the simulation has to notice each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from chaos.vault.renewal.schedule import Player, ours
from chaos.vault.renewal.table import Content, Entry, Row, Rules
from credential_vault.domain.oauth import Tokens
from credential_vault.domain.renewals import Attempt, Claimed, Ending, Timing
from credential_vault.handlers.renewing import Renewing, _Moment
from credential_vault.providers.port import Guard, RefreshingProvider, Unknown


@dataclass(frozen=True, slots=True)
class NoFence(Rules):
    """Attempts cannot be told apart: one that ends late ends whichever is open by then."""

    def end(self, content: Content, attempt: Attempt, ending: Ending, told: bool, now: float) -> bool:
        """Of the attempt that is open."""
        opened = self.opened(content)
        return opened is not None and Rules.end(self, content, replace(attempt, id=opened), ending, told, now)


@dataclass(frozen=True, slots=True)
class NoCompareAndSet(Rules):
    """A rotation is saved whatever the credential has become."""

    def is_same(self, content: Content, claimed: Claimed) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class NoJournal(Rules):
    """Nobody knows of an attempt once its lease is over."""

    def opened(self, content: Content) -> uuid.UUID | None:
        """Never one."""
        return None


@dataclass(frozen=True, slots=True)
class NoLease(NoJournal):
    """A caller goes on without the lock, whoever has it."""

    def is_leased(self, row: Row, now: float) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class RipeByAge(Rules):
    """An attempt is settled by its age, also when the database was away all the time and nobody could save anything."""

    def is_ripe(self, entry: Entry, now: float) -> bool:
        """Its age only."""
        return now - entry.started_at >= self.timing.lease + self.timing.settle_after


class RetryOnTimeOut(Renewing, frozen=True):
    """Takes a time-out for nothing having happened."""

    async def _sent(self, oauth: RefreshingProvider, token: str, base_url: str, guard: Guard) -> Tokens:
        try:
            return await oauth.refresh(token, base_url, guard)
        except Unknown:
            return await oauth.refresh(token, base_url, lambda: None)


class NoGuard(Renewing, frozen=True):
    """Sends however late it is."""

    def _guard(self, began: _Moment) -> Guard:
        return lambda: None


MUTANTS: Mapping[str, Player] = {
    "no fence": ours(rules=NoFence()),
    "no compare-and-set": ours(rules=NoCompareAndSet()),
    "no journal": ours(rules=NoJournal()),
    "proceed without the lock": ours(rules=NoLease()),
    "lease shorter than the call": ours(rules=Rules(Timing(lease=10.0))),
    "retry on time-out": ours(renewing=RetryOnTimeOut),
    "no look at the clock before sending": ours(renewing=NoGuard),
    "settled by age alone": ours(rules=RipeByAge()),
}
