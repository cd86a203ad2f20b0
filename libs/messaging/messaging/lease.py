"""The relay's lease: one holder at a time, each with a higher fence than the one before.

The database's clock decides when a lease is over. What is left of it is judged here by this process's own clock, counted from before the
request was sent, so that this side always believes it to end earlier than the database does.
"""

from __future__ import annotations

import asyncio

from core.clock import Clock
from core.errors import Transient
from core.log import logger
from database import Database
from messaging import store
from messaging.store import Hold
from telemetry.instruments import RELAY_LEASE_LOST

log = logger("messaging.lease")


class LeaseLost(Transient):
    """Another relay has taken the lease, or its time is over."""


class Lease:
    """Holds, renews and gives back the lease called `name`; `seconds` is how long it lasts without being renewed."""

    def __init__(self, db: Database, clock: Clock, name: str, holder: str, seconds: float) -> None:
        self._db = db
        self._clock = clock
        self._name = name
        self._holder = holder
        self._seconds = seconds
        self._hold: Hold | None = None
        self._ends = 0.0
        self._renewing = asyncio.Lock()

    @property
    def hold(self) -> Hold:
        """The name and fence of the lease. Raises LeaseLost when it is not held."""
        if self._hold is None:
            raise LeaseLost("the relay's lease is lost; another relay goes on with the outbox")
        return self._hold

    @property
    def held(self) -> bool:
        """Whether this side believes to hold the lease."""
        return self._hold is not None and self.remaining() > 0

    def remaining(self) -> float:
        """Seconds for which the lease is surely still ours."""
        return self._ends - self._clock.monotonic() if self._hold is not None else 0.0

    async def acquire(self) -> bool:
        """Hold the lease, taking or renewing it when need be; False while another relay holds it."""
        if self._hold is not None:
            try:
                await self.keep(self._seconds * 2 / 3)
            except LeaseLost:
                self._hold = None
            else:
                return True
        asked = self._clock.monotonic()
        async with self._db.sweep() as tx:
            self._hold = await store.acquire_lease(tx, self._name, self._holder, self._seconds)
        self._ends = asked + self._seconds
        if self._hold is not None:
            log.info("relay lease taken", lease=self._name, fence=self._hold.fence)
        return self._hold is not None

    async def keep(self, needed: float) -> float:
        """Make sure that at least `needed` seconds are left, renewing if not; how many are. Raises LeaseLost."""
        async with self._renewing:
            if self.remaining() < needed:
                await self._renew()
            left = self.remaining()
        if left < needed:
            raise LeaseLost("renewing the relay's lease took too long to rely on it; it will be tried again")
        return left

    async def _renew(self) -> None:
        hold = self.hold
        asked = self._clock.monotonic()
        async with self._db.sweep() as tx:
            renewed = await store.renew_lease(tx, hold, self._seconds)
        if not renewed:
            self._hold = None
            RELAY_LEASE_LOST.add()
            raise LeaseLost("the relay's lease is lost; another relay goes on with the outbox")
        self._ends = asked + self._seconds

    async def release(self) -> None:
        """Give the lease back, so that another relay can start at once."""
        hold, self._hold = self._hold, None
        if hold is not None:
            async with self._db.sweep() as tx:
                await store.release_lease(tx, hold)
