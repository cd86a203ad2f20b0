"""The tick: fires schedules that are due.

A firing is one transaction (see `handlers.schedules`): a process that dies in it has changed nothing, and the claim ends by itself. Two
that fire the same schedule wait for each other at its row, and the second finds it no longer due.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

import core.log
from analysis.domain.schedule import Firing
from analysis.handlers.schedules import Schedules
from analysis.store import schedules as store
from analysis.store.schedules import ScheduleClaim
from core.faultpoints import reach

log = core.log.logger("analysis.schedules")


class ScheduleWork(Struct, frozen=True):
    """The work of firing one schedule. Due is what is due by the clock of the use cases; leases go by the database's."""

    schedules: Schedules

    async def claim(self, limit: int, seconds: float) -> Sequence[ScheduleClaim]:
        """Schedules that are due, of any workspace, the longest due first."""
        async with self.schedules.db.sweep() as tx:
            return await store.claim(tx, self.schedules.lifecycle.clock.now(), limit, seconds)

    async def renew(self, claim: ScheduleClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.schedules.db.workspace(claim.workspace_id) as tx:
            return await store.renew(tx, claim, seconds)

    async def do(self, claim: ScheduleClaim) -> None:
        """Fire one schedule, once."""
        async with self.schedules.db.workspace(claim.workspace_id) as tx:
            firing = await self.schedules.fire(tx, claim)
            reach("analysis.schedule.before_commit")
            if firing is not None:
                tx.on_commit(lambda: _log(claim, firing))
        reach("analysis.schedule.committed")


def _log(claim: ScheduleClaim, firing: Firing) -> None:
    log.info(
        "a schedule has fired",
        schedule=str(claim.id),
        outcome=firing.outcome.value,
        cause=firing.reason.value if firing.reason else "",
        late=firing.is_late,
    )
