"""Analysis asks for calls: note the job and ask the vault for the credentials. The work itself is a worker's."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from google.protobuf.message import Message
from msgspec import Struct

from contracts import Event
from core.ids import uuid7
from database import Tx
from ingest import events
from ingest.domain.jobs import GrantId, JobKind, Wish
from ingest.store import job_grants, jobs
from messaging import Outbox

REQUESTER = "ingest"

# The CRM that is asked for deals which Gong does not tell of.
DEALS_FROM = "hubspot"


class FetchHandlers(Struct, frozen=True):
    """Handlers of the topic `fetches`."""

    outbox: Outbox
    new_id: Callable[[], uuid.UUID] = uuid7

    async def fetch_requested(self, tx: Tx, event: Event[events.FetchRequested]) -> None:
        """A run needs its calls."""
        asked = event.payload
        wish = Wish(
            events.job_id(asked.run_id, "run_id"),
            JobKind.RUN,
            events.call_filter(asked.filter),
            max(0, asked.max_calls),
            max(0, asked.longest_wait_seconds),
        )
        await self._start(tx, event, wish)

    async def preview_requested(self, tx: Tx, event: Event[events.PreviewRequested]) -> None:
        """Somebody wants to know how many calls a brief would read."""
        asked = event.payload
        job_id = events.job_id(asked.preview_id, "preview_id")
        wish = Wish(job_id, JobKind.PREVIEW, events.call_filter(asked.filter), max(0, asked.max_calls))
        await self._start(tx, event, wish)

    async def fetch_cancelled(self, tx: Tx, event: Event[events.FetchCancelled]) -> None:
        """The run's calls are no longer wanted; a worker that fetches them notices when it next writes."""
        await jobs.cancel(tx, events.job_id(event.payload.run_id, "run_id"), correlation_of(event))

    async def _start(self, tx: Tx, event: Event[Message], wish: Wish) -> None:
        grant_id = GrantId(self.new_id())
        if not await jobs.add(tx, wish, grant_id, correlation_of(event)):
            return
        await self.outbox.add(
            tx,
            events.credential_requested(grant_id, "gong", wish.kind, wish.job_id),
            aggregate_id=str(grant_id),
            sequence=1,
            cause=event,
            requester=REQUESTER,
        )
        if wish.kind is JobKind.RUN or wish.filter.asks_for_deals:
            await self._ask_for_deals(tx, event, wish)

    async def _ask_for_deals(self, tx: Tx, event: Event[Message], wish: Wish) -> None:
        """Ask for HubSpot's credential too, where it is connected. A preview that filters by nothing of a deal does without."""
        grant_id = GrantId(self.new_id())
        if not await job_grants.ask(tx, wish.job_id, DEALS_FROM, grant_id):
            return
        await self.outbox.add(
            tx,
            events.credential_requested(grant_id, DEALS_FROM, wish.kind, wish.job_id),
            aggregate_id=str(grant_id),
            sequence=1,
            cause=event,
            requester=REQUESTER,
        )


def correlation_of(event: Event[Message]) -> str:
    """What ties all that follows to `event`: its own correlation, or the event itself where it starts one."""
    return event.correlation_id or str(event.event_id)
