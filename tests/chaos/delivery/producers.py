"""Producers: transactions that announce facts, some rolled back, some committing late."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass, field

from chaos.delivery.danger import Crash
from chaos.effects import draft, workspace, write_fact
from core.errors import Transient
from core.ids import WorkspaceId
from database import Database
from messaging import Outbox

# Open transactions hold connections of the pool.
_MOST_LATE = 2


class RolledBack(Exception):
    """A producer changed its mind."""


@dataclass(frozen=True, slots=True)
class Announced:
    """An event whose transaction committed."""

    workspace_id: WorkspaceId
    event_id: uuid.UUID
    aggregate_id: str
    sequence: int


@dataclass(slots=True)
class _Late:
    """A transaction that has written its rows and waits before its commit."""

    aggregate_id: str
    gate: asyncio.Event
    task: asyncio.Task[None]


@dataclass(slots=True)
class Producers:
    """Announces events about a few aggregates in two workspaces; knows what has been committed and what has not."""

    db: Database
    rng: random.Random
    schedule: int
    announced: list[Announced] = field(default_factory=list)
    withdrawn: set[uuid.UUID] = field(default_factory=set)
    crashes: int = 0
    _sequences: dict[str, int] = field(default_factory=dict)
    _late: list[_Late] = field(default_factory=list)

    @property
    def workspaces(self) -> tuple[WorkspaceId, WorkspaceId]:
        """The schedule's own two."""
        return workspace(2 * self.schedule), workspace(2 * self.schedule + 1)

    async def turn(self) -> None:
        """One transaction, or the end of a late one."""
        if self._late and self.rng.random() < 0.4:
            await self._release(self._late.pop(self.rng.randrange(len(self._late))))
            return
        free = [name for name in self._aggregates() if name not in {late.aggregate_id for late in self._late}]
        aggregate_id = self.rng.choice(free)
        fate = self.rng.random()
        if fate < 0.15 and len(self._late) < _MOST_LATE:
            await self._begin_late(aggregate_id, commits=self.rng.random() < 0.7)
        else:
            await self._announce(aggregate_id, commits=fate < 0.85)

    async def finish(self) -> None:
        """Let all late transactions come to their end."""
        while self._late:
            await self._release(self._late.pop())

    def _aggregates(self) -> list[str]:
        return [f"{self.schedule}-aggregate{number}" for number in range(4)]

    def _workspace_of(self, aggregate_id: str) -> WorkspaceId:
        return self.workspaces[int(aggregate_id[-1]) % 2]

    async def _announce(self, aggregate_id: str, commits: bool, gate: asyncio.Event | None = None) -> None:
        """One to three events in one transaction, which commits or not, at once or when `gate` opens."""
        workspace_id = self._workspace_of(aggregate_id)
        first = self._sequences.get(aggregate_id, 0) + 1
        drafts = [draft(aggregate_id, first + offset) for offset in range(self.rng.randint(1, 3))]
        ids: list[uuid.UUID] = []
        try:
            async with self.db.workspace(workspace_id) as tx:
                await write_fact(tx)
                ids = await Outbox("ingest").add_many(tx, drafts)
                tx.before_commit(lambda: _hesitate(gate, commits))
        except (RolledBack, Transient):
            self.withdrawn.update(ids)
        except BaseException:
            self.withdrawn.update(ids)
            raise
        else:
            self._sequences[aggregate_id] = first + len(drafts) - 1
            self.announced.extend(
                Announced(workspace_id, event_id, aggregate_id, one.sequence)
                for event_id, one in zip(ids, drafts, strict=True)
            )

    async def _begin_late(self, aggregate_id: str, commits: bool) -> None:
        gate = asyncio.Event()
        task = asyncio.create_task(self._announce(aggregate_id, commits, gate))
        self._late.append(_Late(aggregate_id, gate, task))

    async def _release(self, late: _Late) -> None:
        late.gate.set()
        try:
            await late.task
        except Crash:
            self.crashes += 1


async def _hesitate(gate: asyncio.Event | None, commits: bool) -> None:
    """After the rows have been written and before the commit."""
    if gate is not None:
        await gate.wait()
    if not commits:
        raise RolledBack
