"""Clerk's webhooks: workspaces, members and invitations as they are now, told to all services and audited, in one transaction."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from contracts import Actor, ActorKind, Source
from core.errors import Transient
from database import Tx
from ingest.domain.intents import Wish
from ingest.handlers.changes import Authors, Changes
from ingest.store import members, webhooks, workspaces
from ingest.webhooks.clerk import Told
from messaging import Outbox

# Clerk does not say who did it: where nobody did it here, it was done at Clerk.
CLERK = Actor(kind=ActorKind.SYSTEM, id="clerk", source=Source.WEBHOOK)


class ClerkHandlers(Struct, frozen=True):
    """Takes what `webhooks.clerk.read_webhook` gives."""

    outbox: Outbox

    async def hear(self, tx: Tx, told: Told) -> bool:
        """Make `told` true here and tell the others what it changes; False if it was heard before. What is old changes nothing.

        Raises Transient for an invitation into a workspace that is not known yet.
        """
        if not await webhooks.note(tx, "clerk", told.message_id, told.type):
            return False
        changes = Changes(self.outbox, _authors(told.happened_at))
        if told.invitation is not None:
            if await workspaces.known(tx) is None:
                raise Transient("the workspace is not known yet: its own webhook comes first, and this one again")
            await changes.invitation(tx, told.invitation)
        if told.organisation is None:
            return True
        workspace = await changes.organisation(tx, told.organisation)
        if told.membership is not None:
            await changes.membership(tx, workspace, told.membership)
        return True


def _authors(happened_at: datetime) -> Authors:
    async def find(tx: Tx, wish: Wish) -> Actor:
        return await members.take_intent(tx, wish, happened_at) or CLERK

    return find
