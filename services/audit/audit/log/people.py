"""The log's part in the erasure of one person's data: each of their ids is erased from the log as `audit log erase --person` does it."""

from __future__ import annotations

import itertools
from functools import partial

from msgspec import Struct, field

from audit.log import forgetting, store
from audit.log.erasure import Seal, erase
from audit.store import search
from core.clock import Clock, SystemClock
from core.ids import WorkspaceId
from database import Database, Tx
from messaging.erasure.people import Count, PlainPersonPart
from messaging.erasure.people.store import Attempt


class PersonLog(PlainPersonPart, Struct, frozen=True):
    """`seal` gives everything that has arrived its place in the log."""

    db: Database
    seal: Seal
    clock: Clock = field(default_factory=SystemClock)

    async def erase(self, workspace_id: WorkspaceId, attempt: Attempt, count: Count) -> None:
        """What entries tell of the people of an attempt. Raises Transient where entries of theirs keep arriving.

        Each erasure is a leaf of the log, which names the request, the attempt and the number of the person in it: never whom.
        """
        for number, person in enumerate(sorted(attempt.user_ids), 1):
            request = f"{attempt.erasure_id} {attempt.attempt}.{number}"
            await self._forget(workspace_id, request, person, count)

    async def _forget(self, workspace_id: WorkspaceId, request: str, person: str, count: Count) -> None:
        """Erase until nothing is found. An attempt that is carried out again has erased under its first names already."""
        for again in itertools.count(1):
            async with self.db.workspace(workspace_id) as tx:
                if not await store.tells_of(tx, person):
                    # Of what has not arrived yet nothing is to be kept either, and no leaf says that nothing was there.
                    await search.forget(tx, [], [person])
                    await forgetting.forget(tx, person, self.clock.now())
                    return
            emptied = partial(_count, count)
            await erase(self.db, self.seal, workspace_id, f"{request}.{again}", person, emptied)


async def _count(count: Count, tx: Tx, entries: int) -> None:
    await count(tx, "entries", entries, 0)
