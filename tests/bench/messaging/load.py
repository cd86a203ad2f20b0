"""The load: how many events, over how many keys and workspaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
