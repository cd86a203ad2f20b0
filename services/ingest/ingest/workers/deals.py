"""Where a job's deals come from beside Gong: HubSpot, where its grant is there, or nothing and why.

not asked for                nothing is missed: HubSpot is not connected, or the job does not need it
just asked for               the job sleeps a moment, uncounted; it has waited for Gong's grant as long
asked for long ago           the job goes on without, and says so
denied, or it does not open  as well
held                         HubSpot is asked; the grant stays sealed in a job whose calls all tell of their deals
over                         another one is asked for
refused by HubSpot           the vault is told and, a while later, asked for another one; a version that is refused again is gone on without
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct

from contracts.sealing import Binding, CannotOpen, SealingKeys
from core.clock import Clock
from core.errors import Permanent
from core.log import logger
from egress import Egress
from ingest.budget import Limits
from ingest.domain.calls import Call
from ingest.domain.deals import DealSource, NoSource, has_questions
from ingest.domain.jobs import Claim, DealsRefused, Job, SealedGrant
from ingest.handlers.fetches import DEALS_FROM, REQUESTER
from ingest.hubspot.client import HubSpotClient
from ingest.hubspot.credential import Credential
from ingest.hubspot.lookup import DealLookup
from ingest.hubspot.source import HubSpotDeals
from ingest.store.job_grants import GrantState, OptionalGrant
from ingest.workers.ending import JobEnds, Refusal

log = logger("ingest.worker")


class HubSpotDoor(Struct, frozen=True):
    """Opens grants for HubSpot; the plaintext lives as long as the source that is made of it."""

    keys: SealingKeys
    egress: Egress
    limits: Limits
    clock: Clock

    def open(self, claim: Claim, grant: SealedGrant) -> DealSource:
        """HubSpot for the job; nothing, with a remark, for a grant that does not open or holds no token."""
        binding = Binding(claim.workspace_id, str(grant.grant_id), DEALS_FROM, REQUESTER, grant.expires_at)
        try:
            plaintext = self.keys.open(grant.sealed, grant.key_id, binding)
            credential = Credential.parse(plaintext, grant.expires_at)
        except (CannotOpen, Permanent) as error:
            log.warning("the grant for HubSpot is of no use", job=str(claim.job_id), cause=type(error).__name__)
            return NoSource(_CLOSED)
        client = HubSpotClient(self.egress, credential, self.limits.of(claim.workspace_id), self.clock)
        return HubSpotDeals(DealLookup(client))


class OpenedWhenAsked:
    """A source that is opened at its first question, so that nobody holds a token that nothing is asked with."""

    def __init__(self, open_source: Callable[[], DealSource]) -> None:
        self._open = open_source
        self._source: DealSource | None = None

    async def complete(self, calls: Sequence[Call]) -> Sequence[Call]:
        """As the port says."""
        if self._source is None:
            if not any(map(has_questions, calls)):
                return calls
            self._source = self._open()
        return await self._source.complete(calls)

    def remarks(self) -> list[str]:
        """As the port says; nothing went wrong where nothing was asked."""
        return self._source.remarks() if self._source else []


class Deals(Struct, frozen=True):
    """Decides where a job's deals come from. A grant may be awaited for `patience` seconds, looked for every `pause` seconds.

    After a refusal another one is asked for in `renewal` seconds: the vault asks HubSpot, and renews the token, in the meantime.
    """

    door: HubSpotDoor
    ends: JobEnds
    patience: float = 10.0
    pause: float = 0.5
    renewal: float = 30.0

    async def of(self, job: Job, asked: OptionalGrant | None) -> DealSource | None:
        """The source, or None where the job has been put back. Raises LeaseLost."""
        if asked is None or not _needs_deals(job):
            return NoSource()
        if asked.state is GrantState.DENIED:
            return NoSource(asked.reason)
        if asked.grant is None:
            return await self._awaited(job, asked.asked_seconds)
        if asked.is_over:
            await self.renew(job)
            return None
        return OpenedWhenAsked(partial(self.door.open, job.claim, asked.grant))

    async def renew(self, job: Job) -> None:
        """The grant is over: ask for another one, and put the job back for a moment. Raises LeaseLost."""
        await self.ends.renew_deals(job.claim, job.kind, self.pause)

    async def refused(self, job: Job, asked: OptionalGrant | None, error: DealsRefused) -> None:
        """HubSpot does not accept what the grant holds. Raises LeaseLost."""
        assert asked is not None  # noqa: S101 - nobody asks HubSpot without a grant
        assert asked.grant is not None  # noqa: S101
        told = Refusal(asked.grant, error.provider_status, DEALS_FROM)
        version = asked.grant.credential_version
        log.warning("credential refused", job=str(job.claim.job_id), version=version, status=error.provider_status)
        if version == asked.refused_version:
            await self.ends.without_deals(job.claim, told, str(error))
        else:
            await self.ends.deals_refused(job.claim, told, self.renewal)

    async def _awaited(self, job: Job, seconds: float) -> DealSource | None:
        if seconds >= self.patience:
            log.warning("the grant for HubSpot does not come", job=str(job.claim.job_id), seconds=round(seconds))
            return NoSource(_AWAITED)
        await self.ends.pause(job.claim, self.pause, counts=False)
        return None


def _needs_deals(job: Job) -> bool:
    """Deals are noted with the choice, and asked for again only with metadata that is too old."""
    return not job.planned or job.planned_long_ago


_CLOSED = "HubSpot could not be asked: its credential cannot be used. Reconnect HubSpot in Settings > Integrations."
_AWAITED = "HubSpot could not be asked: its credential did not come in time."
