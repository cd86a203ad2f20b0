"""What Stripe's webhooks say, as ids and states. Which workspace it is about, and what is never believed."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from core.ids import WorkspaceId


class BillingChange(enum.StrEnum):
    """What a webhook of Stripe's is about."""

    SUBSCRIPTION = "subscription"
    CHECKOUT = "checkout"
    PAYMENT_FAILED = "payment_failed"


class BillingNews(Struct, frozen=True):
    """One event of Stripe's. Ids are empty where it names none.

    `named` are the workspaces that the event's own object names, which Callmine has put there: one, unless it contradicts itself.
    """

    event_id: str
    type: str
    change: BillingChange
    occurred_at: datetime
    named: frozenset[WorkspaceId]
    customer_id: str = ""
    subscription_id: str = ""
    checkout_session_id: str = ""
    invoice_id: str = ""
    mode: str = ""
    status: str = ""

    @property
    def subject(self) -> str:
        """What the news is about: the aggregate of its messages."""
        if self.change is BillingChange.SUBSCRIPTION:
            return self.subscription_id
        return self.invoice_id or self.checkout_session_id


def workspace_of(news: BillingNews, owners: Collection[WorkspaceId]) -> WorkspaceId | None:
    """Whose news it is; `owners` are the workspaces that its customer was named with before.

    None where nobody is named, and where those who are differ: nobody is guessed.
    """
    said = news.named | frozenset(owners)
    return next(iter(said)) if len(said) == 1 else None
