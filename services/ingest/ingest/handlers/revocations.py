"""A provider's webhook says that access was taken away: the vault is told, which asks the provider."""

from __future__ import annotations

from msgspec import Struct

from contracts import Actor, ActorKind, Source
from database import Tx
from ingest import events
from ingest.domain.webhooks import Revocation
from ingest.store import webhooks
from messaging import Outbox


class RevocationHandlers(Struct, frozen=True):
    """Takes what the webhooks of HubSpot and Slack say, in each workspace that has connected the account."""

    outbox: Outbox

    async def hear(self, tx: Tx, told: Revocation) -> bool:
        """Tell the vault; False if it was heard before. Nothing changes here: what ingest knows of integrations the vault tells it."""
        provider = told.provider.value
        if not await webhooks.note(tx, provider, told.message_id, told.type):
            return False
        await self.outbox.add(
            tx,
            events.revocation_noticed(provider, told.account_id),
            aggregate_id=f"{tx.workspace_id}:{provider}",
            sequence=max(1, int(told.occurred_at.timestamp())),
            actor=Actor(kind=ActorKind.SYSTEM, id=provider, source=Source.WEBHOOK),
            requester="ingest",
        )
        return True
