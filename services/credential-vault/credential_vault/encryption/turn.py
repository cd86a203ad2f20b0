"""One at a time over all instances: who changes a secret holds its lease meanwhile, for Secret Manager takes whoever writes last."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.clock import Clock, SystemClock
from core.errors import Transient
from database import Database
from messaging.store import acquire_lease, release_lease

# A change is at most two writings of a secret (cloud.secrets: 20 s for a call with all its repetitions; latest.put: 30 s until it is
# seen) and three readings. A holder that died is in the way for no longer than this.
_LEASE_SECONDS: Final = 240.0
_WAIT_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.2


@asynccontextmanager
async def turn(db: Database, name: str, clock: Clock | None = None) -> AsyncIterator[None]:
    """Hold the lease `name` for the block. Raises Transient when somebody else keeps it for too long."""
    clock = clock or SystemClock()
    until = clock.monotonic() + _WAIT_SECONDS
    holder = f"turn-{uuid.uuid4()}"
    while True:
        async with db.sweep() as tx:
            hold = await acquire_lease(tx, name, holder, _LEASE_SECONDS)
        if hold is not None:
            break
        if clock.monotonic() >= until:
            raise Transient(f"somebody else is changing {name} right now: try again in four minutes")
        await clock.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        async with db.sweep() as tx:
            await release_lease(tx, hold)
