"""Giving entries their place: whatever has arrived, of all workspaces, goes to the end of their logs in one transaction.

Recording an entry takes no lock for it and no number: an entry's place is where the sealer finds it, so that one that is committed late
is sealed late and none is skipped. Taking arrivals out of the queue, writing seals and tiles and moving the heads commit together: an
entry has exactly one place, whatever dies when. One process seals at a time, by a lease; it would do no harm if two did, for the heads
are locked.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

import core.log
from audit.log import making
from audit.log.anchoring import anchor
from audit.log.making import LogInvalid
from audit.log.note import Checkpoint, Keyring
from audit.log.store import Head, sweeps
from audit.log.store.sweeps import Arrival, Grown, LogBroken
from audit.log.tree import split, tiles_of
from core.clock import Clock, SystemClock
from core.context import working_for
from core.errors import CallmineError, Gone, Transient
from core.faultpoints import reach
from core.ids import WorkspaceId, uuid7
from database import Database, Tx
from messaging.lease import Lease

log = core.log.logger("audit.log")

# In one transaction: some megabytes, and well below a second.
MOST_ARRIVALS = 20_000

# Workspaces whose leaves are made anew between two passes.
_MOST_STALE = 50


class SealerSettings(Struct, frozen=True):
    """`origin` is what the names of the logs begin with. In seconds: `pause`, how often the queue is looked at, `anchor_pause`, how often
    heads go into the global log, `lease`, how soon another process takes over from one that died.

    A pass costs by the workspace: each signs a checkpoint and writes its tiles' ends anew, whatever the number of entries. So what arrives
    during a pass waits for the next look, `pause` after it.
    """

    origin: str
    pause: float = 1.0
    anchor_pause: float = 10.0
    lease: float = 10.0


class Sealed(NamedTuple):
    """What a pass took out of the queue, and how many entries got their place by it."""

    arrivals: int
    entries: int

    @property
    def full(self) -> bool:
        """Whether it took as many as it may, so that others may have been waiting."""
        return self.arrivals >= MOST_ARRIVALS


class Sealer:
    """Seals the logs of all workspaces, and puts their heads into the global one."""

    def __init__(self, db: Database, keyring: Keyring, settings: SealerSettings, clock: Clock | None = None) -> None:
        self._db = db
        self._keyring = keyring
        self._settings = settings
        self._clock = clock or SystemClock()
        # Logs that do not hold together are left alone, and hold up nobody else's.
        self._broken: set[WorkspaceId] = set()
        self._anchored_at = float("-inf")
        self._lease = Lease(db, self._clock, "audit-log", str(uuid7()), settings.lease)

    async def run(self) -> None:
        """Seal until cancelled."""
        try:
            while True:
                await self._turn()
                await self._clock.sleep(self._settings.pause)
        finally:
            await asyncio.shield(self._release())

    async def _turn(self) -> None:
        try:
            if await self._lease.acquire():
                await self._look()
                if self._clock.monotonic() - self._anchored_at >= self._settings.anchor_pause:
                    await self._anchor_all()
        except Transient as error:
            log.warning("sealing will be tried again", cause=type(error).__name__)

    async def _release(self) -> None:
        try:
            await self._lease.release()
        except Transient:
            log.info("the sealer's lease was not given back; it ends by itself")

    async def drain(self) -> int:
        """Seal all that has arrived, and anchor it; how many entries. Raises Transient."""
        sealed = 0
        await self._renew()
        while (one := await self._sealed()).arrivals:
            sealed += one.entries
        await self._anchor_all()
        return sealed

    async def _look(self) -> None:
        """Seal what is waiting. Going on until nothing is would never end while entries arrive, and cost a pass for each few of them."""
        await self._renew()
        while (await self._sealed()).full:
            pass

    async def _anchor_all(self) -> None:
        while await anchor(self._db, self._keyring, self._settings.origin):
            pass
        self._anchored_at = self._clock.monotonic()

    async def _sealed(self) -> Sealed:
        while True:
            try:
                return await self.seal()
            except LogBroken as error:
                self._broken.add(error.workspace_id)
                _tell(error.workspace_id, error)

    async def seal(self) -> Sealed:
        """One pass: at most MOST_ARRIVALS arrivals. Raises Transient, LogBroken."""
        async with self._db.sweep() as tx:
            arrivals = await sweeps.take(tx, MOST_ARRIVALS, self._broken)
            if not arrivals:
                return Sealed(0, 0)
            reach("audit.seal.after_take")
            by_workspace = _sorted(arrivals)
            heads = await sweeps.lock(tx, by_workspace)
            grown = [self._grown(heads[one], by_workspace[one]) for one in sorted(by_workspace)]
            moved = await sweeps.write(tx, grown)
            if moved != len(grown):
                raise Transient("a log has grown while it was being sealed; it will be tried again")
            reach("audit.seal.before_commit")
        reach("audit.seal.after_commit")
        return Sealed(len(arrivals), sum(one.range.size - one.old_size for one in grown))

    def _grown(self, head: Head, arrivals: Sequence[Arrival]) -> Grown:
        workspace_id = arrivals[0].workspace_id
        if any(one.epoch != head.epoch for one in arrivals):
            raise Transient("something was erased meanwhile; leaves are made anew and sealed then")
        leaves = split(b"".join(one.leaves for one in arrivals))
        range_, tiled = head.range.extended(leaves)
        checkpoint = Checkpoint(origin_of(self._settings.origin, workspace_id), range_.size, range_.root)
        return Grown(
            workspace_id,
            head.range.size,
            ",".join(one.entries for one in arrivals),
            range_,
            self._keyring.sign(checkpoint.body),
            tiles_of(tiled),
        )

    async def _renew(self) -> None:
        """Make the leaves of steps of staff access, and anew those that need it; a workspace where that fails waits, and is told of."""
        async with self._db.sweep() as tx:
            with_steps = await sweeps.with_steps(tx, _MOST_STALE)
            stale = await sweeps.stale(tx, _MOST_STALE)
        for workspace_id in with_steps:
            await self._made(workspace_id, making.place_steps)
        for workspace_id in stale:
            await self._made(workspace_id, making.renew)

    async def _made(self, workspace_id: WorkspaceId, make: Callable[[Tx], Awaitable[int]]) -> None:
        """Go on making leaves until there is nothing to make."""
        made = 1
        try:
            while made:
                async with self._db.workspace(workspace_id) as tx:
                    made = await make(tx)
        except LogInvalid as error:
            _tell(workspace_id, error)
        except Gone:
            log.info("nothing more is sealed of a workspace that is erased")


def _tell(workspace_id: WorkspaceId, error: CallmineError) -> None:
    with working_for(workspace_id):
        log.error("an audit log cannot be sealed", error=error)


def origin_of(origin: str, workspace_id: str) -> str:
    """The name of a workspace's log."""
    return f"{origin}/workspaces/{workspace_id}"


def _sorted(arrivals: Sequence[Arrival]) -> dict[WorkspaceId, list[Arrival]]:
    """By workspace, each in the order of arrival as far as ids tell it."""
    by_workspace: defaultdict[WorkspaceId, list[Arrival]] = defaultdict(list)
    for one in sorted(arrivals, key=lambda arrival: arrival.id):
        by_workspace[one.workspace_id].append(one)
    return by_workspace
