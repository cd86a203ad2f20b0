"""The vault answers: the credential, sealed, or why there is none."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from contracts import Event
from core.errors import Permanent
from database import Tx
from ingest import events
from ingest.domain.jobs import GrantId, JobState, deals_denial_words, denial_words
from ingest.handlers.fetches import DEALS_FROM
from ingest.store import job_grants, jobs
from messaging import Outbox


class CredentialHandlers(Struct, frozen=True):
    """Handlers of the topic `credential-grants-ingest`. `wake` is called once a job is ready: a hint for the workers."""

    outbox: Outbox
    wake: Callable[[], None]

    async def credential_granted(self, tx: Tx, event: Event[events.CredentialGranted]) -> None:
        """The job that asked can be worked on; a grant nobody waits for any more is not kept."""
        if events.is_for_deals(event.payload):
            await self._deals_granted(tx, event.payload)
            return
        sealed = events.sealed_grant(event.payload, "gong")
        asking = await _asking(tx, sealed.grant_id)
        if asking.state is JobState.WAITING_GRANT:
            await jobs.grant(tx, asking.job_id, sealed)
            tx.on_commit(self.wake)

    async def credential_denied(self, tx: Tx, event: Event[events.CredentialDenied]) -> None:
        """The job that asked has failed, in words that say what to do; for want of HubSpot's none fails."""
        if events.is_for_deals(event.payload):
            words = deals_denial_words(events.denial(event.payload))
            if await job_grants.deny(tx, events.grant_id(event.payload.grant_id), words):
                tx.on_commit(self.wake)
            return
        asking = await _asking(tx, events.grant_id(event.payload.grant_id))
        if asking.state is not JobState.WAITING_GRANT:
            return
        words = denial_words(events.denial(event.payload))
        sequence = asking.sequence + 1
        await jobs.deny(tx, asking.job_id, words, sequence)
        await self.outbox.add(
            tx,
            events.failed(asking.kind, asking.job_id, words),
            aggregate_id=str(asking.job_id),
            sequence=sequence,
            cause=event,
        )

    async def _deals_granted(self, tx: Tx, message: events.CredentialGranted) -> None:
        if await job_grants.hold(tx, events.sealed_grant(message, DEALS_FROM)):
            tx.on_commit(self.wake)


async def _asking(tx: Tx, grant_id: GrantId) -> jobs.Asking:
    """The job behind the grant. A grant is asked for in the transaction that writes its job, so a stranger is never early."""
    asking = await jobs.by_grant(tx, grant_id)
    if asking is None:
        raise Permanent("no job of this workspace waits for this grant")
    return asking
