"""The load: how many events, over how many keys and workspaces, and what has arrived."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaos.effects import draft, workspace
from core.ids import WorkspaceId
from messaging import Draft

WORKSPACES = 200
EVENTS_PER_TRANSACTION = 50

# Producers' transactions open at once: so many requests are being served.
PRODUCERS = 8


@dataclass(frozen=True, slots=True)
class Load:
    """`events` over `keys` ordering keys, each key in one of 200 workspaces."""

    events: int
    keys: int

    def transactions(self, size: int = EVENTS_PER_TRANSACTION) -> Iterator[tuple[WorkspaceId, list[Draft]]]:
        """What the producers write: transactions go round the workspaces, and the events of one round the keys of its workspace."""
        keys_of = self._keys_by_workspace()
        sequence = 0
        for number in range((self.events + size - 1) // size):
            owner = number % len(keys_of)
            count = min(size, self.events - number * size)
            drafts = [draft(keys_of[owner][i % len(keys_of[owner])], sequence + i) for i in range(count)]
            sequence += count
            yield workspace(owner), drafts

    def _keys_by_workspace(self) -> list[list[str]]:
        owners = min(WORKSPACES, self.keys)
        return [[f"key-{key}" for key in range(owner, self.keys, owners)] for owner in range(owners)]


@dataclass(slots=True)
class Arrivals:
    """Counts committed effects, and how long each took from its producer."""

    expected: int
    began: float = field(default_factory=time.monotonic)
    seconds: list[float] = field(default_factory=list)
    sent: dict[uuid.UUID, float] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _count: int = 0

    def arrived(self, event_id: uuid.UUID) -> None:
        """One effect has been committed."""
        self._count += 1
        if (sent := self.sent.pop(event_id, None)) is not None:
            self.seconds.append(time.monotonic() - sent)
        if self._count == self.expected:
            self.done.set()

    @property
    def rate(self) -> float:
        """Events a second from the start until now."""
        return self._count / (time.monotonic() - self.began)

    def percentile(self, percent: int) -> float:
        """Milliseconds from before the producer's commit until after the consumer's."""
        return statistics.quantiles(self.seconds, n=100)[percent - 1] * 1000
