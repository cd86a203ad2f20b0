"""The worker that has workspaces told of new sub-processors by Slack, each once for each listing, however often it is looked."""

from __future__ import annotations

from msgspec import Struct

from core.clock import Clock
from core.context import working_for
from core.faultpoints import reach
from database import Database
from egress import Register
from egress.register import Recipient
from messaging import Outbox
from retention.events import sub_processor_announced
from retention.store import sub_processors as store

# Workspaces a round: each is a transaction of its own.
_AT_ONCE = 100


class Announcing(Struct, frozen=True):
    """A round of `runtime.rounds`. Register and day are those that the banner goes by."""

    db: Database
    outbox: Outbox
    register: Register
    clock: Clock

    async def once(self) -> bool:
        """Tell the next workspaces; False when all were. Raises Transient when the database is away."""
        told = False
        for one in self.register.announced(self.clock.now().date()):
            told |= await self._announce(one)
        return told

    async def _announce(self, one: Recipient) -> bool:
        untold = await store.untold(self.db, one.name, one.listed_on, _AT_ONCE)
        for workspace_id in untold:
            with working_for(workspace_id, ""):
                async with self.db.workspace(workspace_id) as tx:
                    # Whoever looked at the same time may have been faster.
                    if await store.note_announced(tx, one.name, one.listed_on):
                        await self.outbox.add(tx, sub_processor_announced(one), aggregate_id=one.name, sequence=1)
                    reach("announcing.before_commit")
        return bool(untold)
