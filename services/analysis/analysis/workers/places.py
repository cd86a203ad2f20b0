"""Places for questions that are being asked of a model at the same time, shared out fairly between workspaces.

More calls are claimed than there are places, so that the next question is ready when an answer comes. Which of those that are ready is
asked next is decided here: one of the workspace that has the fewest questions under way, and of its calls the one that has waited longest.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct, field

from core.ids import WorkspaceId

Waiting = asyncio.Future[None]


class Places(Struct):
    """`size` questions at a time."""

    size: int
    _taken: Counter[WorkspaceId] = field(default_factory=Counter)
    _waiting: dict[WorkspaceId, deque[Waiting]] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        """How many questions are under way."""
        return self._taken.total()

    @asynccontextmanager
    async def one(self, workspace_id: WorkspaceId) -> AsyncIterator[None]:
        """A place for the length of the block."""
        await self._take(workspace_id)
        try:
            yield
        finally:
            self._give_back(workspace_id)

    async def _take(self, workspace_id: WorkspaceId) -> None:
        if self.taken < self.size:
            # Nobody waits while there is a place: it would have been handed on.
            self._taken[workspace_id] += 1
            return
        turn: Waiting = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace_id, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                # It was this one's turn just then: the place goes on to the next.
                self._give_back(workspace_id)
            else:
                self._forget(workspace_id, turn)
            raise

    def _give_back(self, workspace_id: WorkspaceId) -> None:
        self._taken[workspace_id] -= 1
        if not self._taken[workspace_id]:
            del self._taken[workspace_id]
        while self._waiting:
            # Of equals the one that came into the dictionary first: it goes to its end when it has had its turn.
            chosen = min(self._waiting, key=lambda waiting: self._taken[waiting])
            line = self._waiting.pop(chosen)
            turn = line.popleft()
            if line:
                self._waiting[chosen] = line
            # One that is being cancelled has not had the time to leave the line.
            if not turn.done():
                turn.set_result(None)
                self._taken[chosen] += 1
                return

    def _forget(self, workspace_id: WorkspaceId, turn: Waiting) -> None:
        line = self._waiting.get(workspace_id, deque())
        if turn in line:
            line.remove(turn)
            if not line:
                del self._waiting[workspace_id]
