"""The worker that ends trials when their time is over. However long it did not run, each is ended once."""

from __future__ import annotations

from msgspec import Struct

from core.context import working_for
from core.faultpoints import reach
from database import Database
from retention.domain.billing import Tariff
from retention.domain.plans import Catalogue
from retention.handlers.settling import Telling, end_trial
from retention.store import plans

_AT_ONCE = 50


class Trials(Struct, frozen=True):
    """A round of `runtime.rounds`."""

    db: Database
    tariff: Tariff
    catalogue: Catalogue
    tell: Telling

    async def once(self) -> bool:
        """End what is over now; False when nothing was. Raises Transient when the database is away."""
        ended = False
        for workspace_id in await plans.trials_over(self.db, self.tariff.trial_days, _AT_ONCE):
            with working_for(workspace_id, ""):
                async with self.db.workspace(workspace_id) as tx:
                    ended |= await end_trial(tx, self.tariff, self.catalogue, self.tell)
                    reach("trial.before_commit")
        return ended
