"""Use cases: start a workspace's plan, change it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from core.errors import NotFound
from database import Tx
from retention.domain.billing import Reason
from retention.domain.plans import Catalogue, Entitlements, PlanName, Version
from retention.store import plans as store


class PlanChange(Struct, frozen=True):
    """A workspace is on `plan` from now on, `because` of something where that is to be told; `before` is None for its first one.

    Where `before` is the same plan, only its months begin at another time.
    """

    plan: PlanName
    before: PlanName | None
    version: Version
    entitlements: Entitlements
    because: Reason | None = None


class Plans(Struct, frozen=True):
    """The use cases, by the plans there are."""

    catalogue: Catalogue

    async def start(self, tx: Tx, name: str, timezone: str, sequence: int, created_at: datetime) -> PlanChange | None:
        """A workspace was created: put it on trial, its months beginning with that moment. None when it is known already."""
        await store.keep_workspace(tx, name, timezone, sequence)
        version = await store.start(tx, PlanName.TRIAL, created_at)
        return PlanChange(PlanName.TRIAL, None, version, self.catalogue[PlanName.TRIAL]) if version else None

    async def change(self, tx: Tx, plan: PlanName) -> PlanChange | None:
        """Move the workspace to `plan`; None when it is on it already. Raises NotFound for a workspace that is not known."""
        before = await store.lock_subscription(tx)
        if before is None:
            raise NotFound("There is no such workspace, or it has no plan yet.")
        version = await store.change(tx, plan)
        return PlanChange(plan, before.plan, version, self.catalogue[plan]) if version else None
