"""Our own algorithm with one rule taken out at a time: the simulation has to notice each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaos.vault.renewal.memory import Entry, MemoryStore
from chaos.vault.renewal.provider import Line
from chaos.vault.renewal.schedule import Player, World, ours
from credential_vault.domain.oauth import Outcome, Tokens
from credential_vault.handlers.renewing import Attempt, Renewing
from credential_vault.providers.port import Guard, OAuthProvider, Unknown


@dataclass(slots=True)
class NoFence(MemoryStore):
    """Attempts cannot be told apart: one that wakes up late ends another's."""

    def next_fence(self) -> int:
        """Always the same."""
        return 1


@dataclass(slots=True)
class NoCompareAndSet(MemoryStore):
    """A rotation is saved whatever the credential has become."""

    def is_current(self, attempt: Attempt) -> bool:
        """Always."""
        return True


@dataclass(slots=True)
class NoJournal(MemoryStore):
    """Nobody knows of an attempt once its lease has passed."""

    def open_attempt(self) -> Entry | None:
        """Never one."""
        return None


@dataclass(slots=True)
class WithoutTheLock(MemoryStore):
    """A caller goes on without the lease, whoever has it."""

    def blocked(self, now: float) -> bool:
        """Never."""
        return False

    def open_attempt(self) -> Entry | None:
        """Never one."""
        return None


class RetryOnTimeOut(Renewing):
    """Takes a time-out for nothing having happened."""

    async def _carried_out(self, attempt: Attempt, oauth: OAuthProvider, began: float) -> Outcome:
        assert isinstance(oauth, Line)
        return await Renewing._carried_out(self, attempt, _again(oauth), began)


@dataclass(slots=True)
class _Twice(Line):
    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        try:
            return await Line.refresh(self, refresh_token, base_url, guard)
        except Unknown:
            return await Line.refresh(self, refresh_token, base_url, lambda: None)


def _again(line: Line) -> Line:
    return _Twice(line.engine, line.server, line.process, line.trouble, tells=line.tells)


def _on(kind: type[MemoryStore]) -> Player:
    return ours(lambda world: kind(world.engine, world.table, world.server))


def _short(world: World) -> MemoryStore:
    return MemoryStore(world.engine, world.table, world.server, lease=1.0, settle=1.0)


MUTANTS: Mapping[str, Player] = {
    "no fence": _on(NoFence),
    "no compare-and-set": _on(NoCompareAndSet),
    "no journal": _on(NoJournal),
    "proceed without the lock": _on(WithoutTheLock),
    "lease shorter than the call": ours(_short),
    "retry on time-out": ours(renewing=RetryOnTimeOut),
}
