"""Use case: nothing is paid for a workspace any more."""

from __future__ import annotations

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database
from retention.store import billing
from retention.stripe.client import Stripe


class Payments(Struct, frozen=True):
    """What is paid for workspaces, at Stripe."""

    db: Database
    stripe: Stripe

    async def end(self, workspace_id: WorkspaceId) -> None:
        """Delete the workspace's customer at Stripe: its subscriptions end at once, unpaid ones too. Again is fine.

        Raises Transient where Stripe cannot be asked now, Refused.
        """
        async with self.db.workspace(workspace_id) as tx:
            account = await billing.account(tx)
        if account is None or account.customer_deleted:
            return
        await self.stripe.delete_customer(account.customer_id)
        async with self.db.workspace(workspace_id) as tx:
            await billing.gone(tx, account.customer_id)
