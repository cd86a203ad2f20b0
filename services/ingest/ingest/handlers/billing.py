"""Stripe's webhooks: told to retention, once each, as something to read at Stripe again."""

from __future__ import annotations

from msgspec import Struct

from contracts import Actor, ActorKind, Source
from database import Tx
from ingest import events
from ingest.domain.billing import BillingNews
from ingest.store import webhooks
from messaging import Outbox

STRIPE = Actor(kind=ActorKind.SYSTEM, id="stripe", source=Source.WEBHOOK)


class BillingHandlers(Struct, frozen=True):
    """Takes what `webhooks.stripe.read_event` gives, in the workspace that it is about."""

    outbox: Outbox

    async def hear(self, tx: Tx, news: BillingNews) -> bool:
        """Tell it; False if it was heard before.

        Stripe's events come in any order, and what they say may have changed since: the time of the event is the sequence, and whoever
        listens reads the state at Stripe.
        """
        if not await webhooks.note(tx, "stripe", news.event_id, news.type):
            return False
        if news.customer_id:
            await webhooks.remember_customer(tx, news.customer_id)
        sequence = max(1, int(news.occurred_at.timestamp()))
        payload = events.billing_message(news)
        await self.outbox.add(tx, payload, aggregate_id=news.subject, sequence=sequence, actor=STRIPE)
        return True
