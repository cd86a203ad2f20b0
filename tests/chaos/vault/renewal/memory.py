"""The vault's store in memory: each method is carried out at one moment, after and before waits in which the process may die or stall."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from chaos.vault.renewal.engine import Engine, pause, seconds_of
from chaos.vault.renewal.provider import LIFETIME, Server
from core.errors import Transient
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, State
from credential_vault.domain.oauth import Outcome, Tokens
from credential_vault.handlers.renewing import LEASE_SECONDS, SETTLE_SECONDS, Attempt

T = TypeVar("T")

EARLY = 0.8
WORKSPACE = WorkspaceId("org_simulated")


@dataclass(slots=True)
class Row:
    """The credential."""

    refresh_token: str
    state: State = State.CONNECTED
    version: int = 1
    fence: int = 0
    leased_until: float = 0.0
    refresh_at: float = LIFETIME * EARLY


@dataclass(slots=True)
class Entry:
    """One attempt in the journal."""

    version: int
    started_at: float
    outcome: Outcome = Outcome.STARTED


@dataclass(slots=True)
class Table:
    """What is durable: one credential and its journal by fence, and what was let go."""

    row: Row
    journal: dict[int, Entry] = field(default_factory=dict)
    let_go: set[str] = field(default_factory=set)
    outages: list[tuple[float, float]] = field(default_factory=list)
    claims: int = 0
    on_claim: Callable[[], None] = lambda: None


@dataclass(slots=True)
class MemoryStore:
    """A process's connection to the table. The rules that mutants break are methods of their own."""

    engine: Engine
    table: Table
    server: Server
    unheard: float = 0.005
    lease: float = LEASE_SECONDS
    settle: float = SETTLE_SECONDS

    async def claim(self, workspace_id: WorkspaceId, provider: Provider, now: datetime) -> Attempt | None:
        """As the port says."""
        return await self._transaction(lambda: self._claim(seconds_of(now)))

    async def save(self, attempt: Attempt, tokens: Tokens, now: datetime) -> bool:
        """As the port says."""
        return await self._transaction(lambda: self._save(attempt, tokens, seconds_of(now)))

    async def end(self, attempt: Attempt, outcome: Outcome, again_at: datetime) -> None:
        """As the port says."""
        await self._transaction(lambda: self._end(attempt, outcome, seconds_of(again_at)))

    async def refuse(self, attempt: Attempt, reason: str) -> None:
        """As the port says."""

        def change() -> None:
            if self.table.row.version == attempt.version:
                self.table.row.state = State.NEEDS_RECONNECT
            self._close(attempt, Outcome.REFUSED)

        await self._transaction(change)

    async def let_go(self, attempt: Attempt, tokens: Tokens) -> None:
        """As the port says."""

        def change() -> None:
            self.table.let_go.add(tokens.refresh_token)
            self._close(attempt, Outcome.SUPERSEDED)

        await self._transaction(change)

    def next_fence(self) -> int:
        """It rises with each attempt."""
        return self.table.row.fence + 1

    def blocked(self, now: float) -> bool:
        """Whether a lease runs."""
        return self.table.row.leased_until > now

    def open_attempt(self) -> Entry | None:
        """The attempt on the present version whose end is unknown."""
        found = (
            entry
            for entry in self.table.journal.values()
            if entry.version == self.table.row.version and entry.outcome in (Outcome.STARTED, Outcome.UNKNOWN)
        )
        return next(found, None)

    def is_current(self, attempt: Attempt) -> bool:
        """Compare-and-set."""
        return self.table.row.version == attempt.version

    def _claim(self, now: float) -> Attempt | None:
        row = self.table.row
        if row.state is not State.CONNECTED or row.refresh_at > now or self.blocked(now):
            return None
        opened = self.open_attempt()
        if opened is not None and opened.started_at + self.settle > now:
            return None
        if opened is not None:
            opened.outcome = Outcome.SUPERSEDED
        row.fence = self.next_fence()
        row.leased_until = now + self.lease
        self.table.journal[row.fence] = Entry(row.version, now)
        settles = opened is not None
        self.table.claims += 1
        self.table.on_claim()
        return Attempt(
            uuid.UUID(int=row.fence), WORKSPACE, Provider.GONG, row.version, row.fence, "", settles, row.refresh_token
        )

    def _save(self, attempt: Attempt, tokens: Tokens, now: float) -> bool:
        row = self.table.row
        if row.refresh_token == tokens.refresh_token:
            return True
        if not self.is_current(attempt):
            return False
        row.refresh_token, row.version = tokens.refresh_token, row.version + 1
        row.refresh_at, row.leased_until = now + LIFETIME * EARLY, 0.0
        row.state = State.CONNECTED
        self._close(attempt, Outcome.ROTATED)
        return True

    def _end(self, attempt: Attempt, outcome: Outcome, again_at: float) -> None:
        row = self.table.row
        self._close(attempt, outcome)
        if row.fence == attempt.fence and row.version == attempt.version:
            row.leased_until, row.refresh_at = 0.0, again_at

    def _close(self, attempt: Attempt, outcome: Outcome) -> None:
        self.table.journal[attempt.fence].outcome = outcome

    async def _transaction(self, change: Callable[[], T]) -> T:
        rng = self.engine.rng
        await pause(rng.uniform(0.001, 0.05))
        if any(begin <= self.engine.now < end for begin, end in self.table.outages):
            raise Transient("the database is away")
        result = change()
        await pause(rng.uniform(0.001, 0.02))
        if rng.random() < self.unheard and self.engine.now < self.engine.quiet_from:
            raise Transient("the connection broke after the commit")
        return result
