"""An integration needs reconnecting, or a sub-processor is going to be added: somebody is told by Slack, once for each.

The vault is asked for Slack's credential whatever is known here of Slack: it has the last word, in whatever order its messages come.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from google.protobuf.message import Message
from msgspec import Struct

from analysis import events
from analysis.domain.notices import TOLD_OF, Announcement, GrantId, Loss, NoticeState
from analysis.slack.credential import REQUESTER
from analysis.store import notices
from contracts import Event
from core.errors import NotFound
from core.ids import uuid7
from database import Tx
from messaging import Outbox, Routes


class Notices(Struct, frozen=True):
    """The use cases. `wake` is called once a notice can be sent: a hint for the workers."""

    outbox: Outbox
    wake: Callable[[], None]
    new_id: Callable[[], uuid.UUID] = uuid7

    def grants(self) -> Routes:
        """What the vault answers."""
        routes = Routes()
        routes.on(events.CredentialGranted, self.granted)
        routes.on(events.CredentialDenied, self.denied)
        return routes

    async def lost(self, tx: Tx, event: Event[events.IntegrationNeedsReconnect]) -> None:
        """Have it told, unless it was, or cannot be: that Slack itself is lost."""
        loss = events.loss(event)
        if loss.provider in TOLD_OF:
            await self._add(tx, event, loss)

    async def announced(self, tx: Tx, event: Event[events.SubProcessorAnnounced]) -> None:
        """Have it told that a sub-processor is going to be added, once for each listing. Raises InvalidInput."""
        announcement = events.announcement(event.payload)
        await self._add(tx, event, announcement.loss, announcement)

    async def _add(self, tx: Tx, event: Event[Message], loss: Loss, announcement: Announcement | None = None) -> None:
        grant_id = GrantId(self.new_id())
        if not await notices.add(tx, loss, grant_id, announcement):
            return
        request = events.credential_requested(grant_id, loss.subject)
        await self.outbox.add(tx, request, aggregate_id=str(grant_id), sequence=1, cause=event, requester=REQUESTER)

    async def granted(self, tx: Tx, event: Event[events.CredentialGranted]) -> None:
        """The notice that asked can be sent; a grant nobody waits for any more is not kept."""
        sealed = events.sealed_grant(event.payload)
        if await _asking(tx, sealed.grant_id) is NoticeState.WAITING_GRANT:
            await notices.grant(tx, sealed)
            tx.on_commit(self.wake)

    async def denied(self, tx: Tx, event: Event[events.CredentialDenied]) -> None:
        """The notice that asked ends: Slack is not connected, or not to be used."""
        grant_id = events.grant_id_of(event.payload.grant_id)
        if await _asking(tx, grant_id) is NoticeState.WAITING_GRANT:
            await notices.deny(tx, grant_id, events.denial(event.payload))


async def _asking(tx: Tx, grant_id: GrantId) -> NoticeState:
    """The notice behind the grant. A grant is asked for in the transaction that writes its notice, so a stranger is never early."""
    state = await notices.state_by_grant(tx, grant_id)
    if state is None:
        raise NotFound("no notice of this workspace has asked for this grant")
    return state
