"""The worker that carries erasures on.

    frozen   nothing can be added; once everybody has seen it, that is told
    closed   what had to end first has ended (the part's own word); once everybody has seen that, all is erased, which is told
    erased   each verification that is asked for erases again whatever there is, and tells it

Every step is a transaction that can be repeated; who dies leaves an erasure that is due again after a minute.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from msgspec import Struct, field

from contracts.erasing import Receipt, Stage, receipt
from core.context import working_for
from core.errors import CallmineError
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from database import Database, Tx
from messaging.erasure import store
from messaging.erasure.eraser import LEASE_SECONDS, Eraser
from messaging.erasure.store import Tombstone
from messaging.outbox import Outbox

log = logger("messaging.erasure")

# Places of the receipts within the erasure's own aggregate: the stages, then verifications by their attempt.
_SEQUENCES = {Stage.FROZEN: 1, Stage.ERASED: 2, Stage.VERIFIED: 2}

# Whoever writes an object has a claim, and loses it when its row has gone: within the lease, a minute or two, and an upload that is
# under way then ends within another two (cloud.objects.RETRY_SECONDS).
QUIET_SECONDS = 600.0


class Part(Protocol):
    """What is a service's own in an erasure."""

    async def may_close(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> bool:
        """Do what has to be done before anything is erased; whether that is over."""
        ...

    async def erase_first(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> Mapping[str, int]:
        """Erase what must not go row by row; how many rows, by table. Twice is as good as once."""
        ...


class PlainPart:
    """A service in which nothing has to end first, and everything goes row by row."""

    async def may_close(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> bool:
        """At once."""
        del workspace_id, tombstone
        return True

    async def erase_first(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> Mapping[str, int]:
        """Nothing."""
        del workspace_id, tombstone
        return {}


class Erasing(Struct, frozen=True):
    """Carries on the erasures of one service. Without an `outbox`, as in retention, which asks for them itself, nobody is told.

    Times are in seconds: how long to wait for transactions under way, for a part, and before a verification for
    those who write objects.
    """

    service: str
    db: Database
    outbox: Outbox | None
    eraser: Eraser
    part: Part = field(default_factory=PlainPart)
    settle_seconds: float = 1.0
    part_seconds: float = 30.0
    quiet_seconds: float = QUIET_SECONDS
    at_once: int = 5

    async def once(self) -> bool:
        """Look at the erasures that are due; False when none could be carried on. Raises Transient when the database is away."""
        return any([await self._looked_at(one) for one in await store.due(self.db, self.at_once)])

    async def as_far_as_possible(self, workspace_id: WorkspaceId) -> Tombstone | None:
        """Carry one erasure on until there is something to wait for, or all is erased; how it stands then, None without a tombstone.

        For who asks for erasures itself, and has nobody to hear from. Raises Transient.
        """
        while True:
            before = await self._read(workspace_id)
            await self._carry_on(workspace_id)
            after = await self._read(workspace_id)
            if before is None or after is None or (before.stage, before.barrier) == (after.stage, after.barrier):
                return after

    async def _read(self, workspace_id: WorkspaceId) -> Tombstone | None:
        async with self.db.workspace(workspace_id) as tx:
            return await store.read(tx)

    async def _looked_at(self, workspace_id: WorkspaceId) -> bool:
        claim = partial(store.claim, seconds=LEASE_SECONDS)
        return await carried_on(self.db, workspace_id, claim, partial(self._carry_on, workspace_id))

    async def _carry_on(self, workspace_id: WorkspaceId) -> None:
        tombstone = await self._barred(workspace_id)
        if tombstone is None:
            return
        if not await store.settled(self.db, tombstone):
            await self._wait(workspace_id, self.settle_seconds)
        elif tombstone.stage == "frozen":
            await self._frozen(workspace_id, tombstone)
        elif tombstone.stage == "closed":
            await self._erase(workspace_id, tombstone)
        elif tombstone.asked_attempt > tombstone.answered_attempt:
            await self._verify(workspace_id, tombstone)
        else:
            await self._wait(workspace_id, None)

    async def _barred(self, workspace_id: WorkspaceId) -> Tombstone | None:
        """The tombstone with its barrier. It can be read, so whoever set its stage has committed: the barrier is taken after that."""
        found = await self._read(workspace_id)
        if found is None or found.barrier is not None:
            return found
        barrier = await store.next_transaction(self.db)
        async with self.db.workspace(workspace_id) as tx:
            await store.bar(tx, barrier)
            return await store.read(tx)

    async def _wait(self, workspace_id: WorkspaceId, seconds: float | None) -> None:
        async with self.db.workspace(workspace_id) as tx:
            await store.later(tx, seconds)

    async def _tell_frozen(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> None:
        async with self.db.workspace(workspace_id) as tx:
            if await store.told(tx):
                await self._tell(tx, tombstone, Stage.FROZEN)
            reach("erasure.before_frozen")

    async def _frozen(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> None:
        await self._tell_frozen(workspace_id, tombstone)
        if not await self.part.may_close(workspace_id, tombstone):
            await self._wait(workspace_id, self.part_seconds)
            return
        async with self.db.workspace(workspace_id) as tx:
            await store.close(tx)
            await store.later(tx, 0)

    async def _erase(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> None:
        await self._tell_frozen(workspace_id, tombstone)
        await self._erased(workspace_id, tombstone)
        async with self.db.workspace(workspace_id) as tx:
            if await store.erased(tx):
                after = await store.read(tx)
                assert after is not None, "a tombstone stays"  # noqa: S101
                await self._tell(tx, after, Stage.ERASED)
            reach("erasure.before_erased")
        log.info("workspace erased")

    async def _erased(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> Mapping[str, int]:
        first = await self.part.erase_first(workspace_id, tombstone)
        async with self.db.workspace(workspace_id) as tx:
            for relation, rows in first.items():
                await store.count(tx, relation, rows, LEASE_SECONDS)
        return {**first, **await self.eraser.erase(workspace_id)}

    async def _verify(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> None:
        if (seconds := self._unrest(tombstone)) > 0:
            await self._wait(workspace_id, seconds)
            return
        attempt = tombstone.asked_attempt
        left = await self._erased(workspace_id, tombstone)
        async with self.db.workspace(workspace_id) as tx:
            if await store.answered(tx, attempt):
                await self._tell(tx, tombstone, Stage.VERIFIED, left, attempt)
            reach("erasure.before_verified")
        if left:
            log.warning("something was left of an erased workspace, and is erased now", tables=" ".join(sorted(left)))

    def _unrest(self, tombstone: Tombstone) -> float:
        """For how many seconds somebody who was at work when all was erased may still put an object there."""
        if self.eraser.folders is None:
            return 0.0
        return self.quiet_seconds - (tombstone.erased_seconds or 0.0)

    async def _tell(
        self, tx: Tx, tombstone: Tombstone, stage: Stage, left: Mapping[str, int] | None = None, attempt: int = 0
    ) -> None:
        if self.outbox is None:
            return
        told = Receipt(
            erasure_id=tombstone.erasure_id,
            service=self.service,
            stage=stage,
            at=datetime.now(UTC),
            rows=tombstone.rows if stage is Stage.ERASED else {},
            objects=tombstone.objects if stage is Stage.ERASED else 0,
            left=left or {},
            attempt=attempt,
            providers=tombstone.providers if stage is Stage.ERASED else {},
        )
        sequence = _SEQUENCES[stage] + attempt
        await self.outbox.add(tx, receipt(told), aggregate_id=tombstone.erasure_id, sequence=sequence)


async def carried_on(
    db: Database, workspace_id: WorkspaceId, claim: Callable[[Tx], Awaitable[bool]], step: Callable[[], Awaitable[None]]
) -> bool:
    """Take an erasure of a workspace by `claim`, and make the next `step` of it; False where somebody else has it, or it was interrupted.

    One erasure's trouble does not stop the others: its lease runs out, and it is tried again.
    """
    with working_for(workspace_id, ""):
        try:
            async with db.workspace(workspace_id) as tx:
                if not await claim(tx):
                    return False
            await step()
        except CallmineError as error:
            log.warning("erasure is interrupted and will be repeated", cause=type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001 - the same for what nobody foresaw: it must not end the service
            log.error("erasure failed unexpectedly; it is tried again later", error=error)
            return False
    return True
