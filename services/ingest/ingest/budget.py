"""A provider's limits for one workspace, kept by waiting beforehand."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from core.clock import Clock
from core.ids import WorkspaceId
from database import Database
from egress import TooManyRequests
from ingest.store import budgets
from ingest.store.budgets import Terms


class RateBudget(Protocol):
    """What one workspace may ask of its provider."""

    async def turn(self) -> None:
        """Return when a request may be sent. Raises TooManyRequests when that is too far away to wait for."""
        ...

    async def hold_back(self, seconds: float) -> None:
        """The provider asks to wait: the next turn comes no earlier."""
        ...


class SharedBudget(Struct, frozen=True):
    """The budget in the database, shared by all jobs of the workspace in all processes; turns are at most `longest` seconds away.

    A workspace has one account with the provider, whose credential changes with every renewal: the workspace is the key. Two workspaces
    that connect the same account share its limits without knowing of each other; the provider's 429 has the last word there.
    """

    db: Database
    workspace_id: WorkspaceId
    provider: str
    terms: Terms
    longest: float
    clock: Clock

    async def turn(self) -> None:
        """Reserve a place in one short transaction, then wait for it in none."""
        async with self.db.workspace(self.workspace_id) as tx:
            wait = await budgets.reserve(tx, self.provider, self.terms, self.longest)
        if wait > self.longest:
            raise TooManyRequests(self.provider, wait)
        if wait > 0:
            await self.clock.sleep(wait)

    async def hold_back(self, seconds: float) -> None:
        """All jobs of the workspace hold back."""
        async with self.db.workspace(self.workspace_id) as tx:
            await budgets.hold_back(tx, self.provider, seconds)


class NoBudget:
    """The limits are lifted; a 429 is obeyed by the one request that met it."""

    def __init__(self, provider: str, longest: float, clock: Clock) -> None:
        self._provider = provider
        self._longest = longest
        self._clock = clock
        self._held_back = 0.0

    async def turn(self) -> None:
        """Wait only for what the provider asked for."""
        wait, self._held_back = self._held_back, 0.0
        if wait > self._longest:
            raise TooManyRequests(self._provider, wait)
        if wait > 0:
            await self._clock.sleep(wait)

    async def hold_back(self, seconds: float) -> None:
        """The next turn waits."""
        self._held_back = seconds


class Limits(Struct, frozen=True):
    """Makes the budgets of one provider: shared ones, or none where `terms` are None. `longest`: seconds that a turn may be away."""

    db: Database
    clock: Clock
    provider: str
    terms: Terms | None
    longest: float

    def of(self, workspace_id: WorkspaceId) -> RateBudget:
        """The budget of a workspace."""
        if self.terms is None:
            return NoBudget(self.provider, self.longest, self.clock)
        return SharedBudget(self.db, workspace_id, self.provider, self.terms, self.longest, self.clock)
