"""Gong's limits for one company, kept by waiting beforehand, and what Gong says when they were not kept."""

from __future__ import annotations

from typing import Protocol

from core.clock import Clock
from core.ids import WorkspaceId
from database import Database
from egress import TooManyRequests
from ingest.store import budgets
from ingest.store.budgets import Terms

# Gong's limits per company (help.gong.io, "What the Gong API provides").
REQUESTS_PER_SECOND = 3.0
REQUESTS_PER_DAY = 10_000

# Of the second's worth that may come at once, kept back for requests that arrive closer together than they were sent: half a request at
# 3 a second is 167 ms. A 429 costs a second, all that is kept back a sixth of one, once.
KEPT_BACK = 0.5

# A longer wait is not slept through by whoever wants to ask: the job makes room for others. A workspace's jobs wait for a few seconds at
# most when nothing is wrong.
LONGEST_WAIT = 10.0

_PROVIDER = "gong"


class RateBudget(Protocol):
    """What one workspace may ask of its Gong."""

    async def turn(self) -> None:
        """Return when a request may be sent. Raises TooManyRequests when that is not within LONGEST_WAIT."""
        ...

    async def hold_back(self, seconds: float) -> None:
        """Gong asks to wait: the next turn comes no earlier."""
        ...


class SharedBudget:
    """The budget in the database, shared by all jobs of the workspace in all processes.

    A workspace has one Gong, whose credential changes with every renewal: the workspace is the key. Two workspaces that connect the same
    company share its limits without knowing of each other; Gong's 429 has the last word there.
    """

    def __init__(self, db: Database, workspace_id: WorkspaceId, terms: Terms, clock: Clock) -> None:
        self._db = db
        self._workspace_id = workspace_id
        self._terms = terms
        self._clock = clock

    async def turn(self) -> None:
        """Reserve a place in one short transaction, then wait for it in none."""
        async with self._db.workspace(self._workspace_id) as tx:
            wait = await budgets.reserve(tx, _PROVIDER, self._terms, LONGEST_WAIT)
        if wait > LONGEST_WAIT:
            raise TooManyRequests(_PROVIDER, wait)
        if wait > 0:
            await self._clock.sleep(wait)

    async def hold_back(self, seconds: float) -> None:
        """All jobs of the workspace hold back."""
        async with self._db.workspace(self._workspace_id) as tx:
            await budgets.hold_back(tx, _PROVIDER, seconds)


class NoBudget:
    """The limits are lifted; a 429 is obeyed by the one request that met it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held_back = 0.0

    async def turn(self) -> None:
        """Wait only for what Gong asked for."""
        wait, self._held_back = self._held_back, 0.0
        if wait > LONGEST_WAIT:
            raise TooManyRequests(_PROVIDER, wait)
        if wait > 0:
            await self._clock.sleep(wait)

    async def hold_back(self, seconds: float) -> None:
        """The next turn waits."""
        self._held_back = seconds


class Limits:
    """Makes budgets: shared ones, or none where `per_second` is 0."""

    def __init__(self, db: Database, clock: Clock, per_second: float = REQUESTS_PER_SECOND) -> None:
        self._db = db
        self._clock = clock
        self._terms = Terms(per_second, max(1.0, per_second - KEPT_BACK), REQUESTS_PER_DAY) if per_second else None

    def of(self, workspace_id: WorkspaceId) -> RateBudget:
        """The budget of a workspace."""
        if self._terms is None:
            return NoBudget(self._clock)
        return SharedBudget(self._db, workspace_id, self._terms, self._clock)
