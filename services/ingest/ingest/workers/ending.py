"""How a job ends or goes on later: always one short transaction that only the job's holder can make."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from core.faultpoints import reach
from core.ids import uuid7
from database import Database, Tx
from ingest import events
from ingest.domain.jobs import Claim, GrantId, JobKind, JobState, SealedGrant
from ingest.handlers.fetches import DEALS_FROM, REQUESTER
from ingest.store import job_grants, run_calls, work
from messaging import Outbox

# Whoever watches a run does not notice a shorter pause.
WORTH_TELLING_SECONDS = 60.0

_NO_MORE_DEALS = "HubSpot could not be asked: its credential has expired, and another one could not be had."


class Refusal(Struct, frozen=True):
    """`provider` did not accept what a grant holds: its HTTP status."""

    grant: SealedGrant
    status: int
    provider: str = "gong"


class JobEnds(Struct, frozen=True):
    """Raises LeaseLost wherever the job is no longer the claim's."""

    db: Database
    outbox: Outbox

    async def fail(self, claim: Claim, kind: JobKind, words: str, told: Refusal | None = None) -> None:
        """The job has failed; `words` are fit for the page. `told`: the vault hears that its credential was refused."""
        async with self.db.workspace(claim.workspace_id) as tx:
            before = await work.held(tx, claim)
            now = replace(before, sequence=before.sequence + 1)
            await work.finish(tx, claim, JobState.FAILED, now, words)
            await run_calls.forget(tx, claim)
            message = events.failed(kind, claim.job_id, words)
            await self.outbox.add(tx, message, aggregate_id=str(claim.job_id), sequence=now.sequence)
            if told is not None:
                await self._tell_vault(tx, told)

    async def refused(self, claim: Claim, told: Refusal, seconds: float) -> None:
        """The provider has refused the credential: tell the vault, and ask it for another one in `seconds`.

        The vault hears of each grant that was refused exactly once: the grant is over in the same transaction.
        """
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.refused(tx, claim, told.grant.credential_version, seconds)
            await self._tell_vault(tx, told)
            reach("refused.before_commit")

    async def pause(self, claim: Claim, seconds: float, *, counts: bool) -> None:
        """Go on in `seconds`; `counts` says whether this was a failure."""
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.pause(tx, claim, seconds, counts=counts)

    async def wait(self, claim: Claim, kind: JobKind, seconds: float, reason: str) -> None:
        """Go on in `seconds`, for which nobody is to blame; a run says so where it takes long, with `reason` before "until"."""
        async with self.db.workspace(claim.workspace_id) as tx:
            pause = await work.pause(tx, claim, seconds, counts=False)
            if kind is JobKind.RUN and seconds >= WORTH_TELLING_SECONDS:
                sequence = pause.sequence + 1
                await work.told(tx, claim, sequence)
                message = events.fetch_paused(claim.job_id, pause.resume_at, reason)
                await self.outbox.add(tx, message, aggregate_id=str(claim.job_id), sequence=sequence)

    async def ask_again(self, claim: Claim, kind: JobKind) -> None:
        """The grant is over: ask the vault for another one and go on when it comes."""
        grant_id = GrantId(uuid7())
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.ask_again(tx, claim, grant_id)
            request = events.credential_requested(grant_id, "gong", kind, claim.job_id)
            await self.outbox.add(tx, request, aggregate_id=str(grant_id), sequence=1, requester=REQUESTER)

    async def renew_deals(self, claim: Claim, kind: JobKind, seconds: float) -> None:
        """The grant for HubSpot is over: ask for another one and go on in `seconds`, or give HubSpot up where it cannot be had."""
        grant_id = GrantId(uuid7())
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.pause(tx, claim, seconds, counts=False)
            if await job_grants.ask(tx, claim.job_id, DEALS_FROM, grant_id):
                request = events.credential_requested(grant_id, DEALS_FROM, kind, claim.job_id)
                await self.outbox.add(tx, request, aggregate_id=str(grant_id), sequence=1, requester=REQUESTER)
            else:
                await job_grants.give_up(tx, claim.job_id, DEALS_FROM, _NO_MORE_DEALS)
            reach("deals.before_renewal")

    async def deals_refused(self, claim: Claim, told: Refusal, seconds: float) -> None:
        """HubSpot has refused the credential: tell the vault, end the grant, and look in `seconds` whether another one is to be had."""
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.pause(tx, claim, seconds, counts=False)
            await job_grants.refuse(tx, claim.job_id, told.provider, told.grant.credential_version)
            await self._tell_vault(tx, told)
            reach("deals.before_refusal")

    async def without_deals(self, claim: Claim, told: Refusal, reason: str) -> None:
        """HubSpot has refused the same credential again: tell the vault, and go on at once without, for `reason`."""
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.pause(tx, claim, 0.0, counts=False)
            await job_grants.give_up(tx, claim.job_id, told.provider, reason)
            await self._tell_vault(tx, told)
            reach("deals.before_refusal")

    async def _tell_vault(self, tx: Tx, told: Refusal) -> None:
        """After the request of the same grant, whose number is 1."""
        message = events.credential_rejected(told.grant, told.provider, told.status)
        await self.outbox.add(tx, message, aggregate_id=str(told.grant.grant_id), sequence=2, requester=REQUESTER)
