"""How a job ends or goes on later: always one short transaction that only the job's holder can make."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.ids import uuid7
from database import Database
from ingest import events
from ingest.domain.jobs import Claim, GrantId, JobKind, JobState
from ingest.handlers.fetches import REQUESTER
from ingest.store import work
from messaging import Outbox


@dataclass(frozen=True, slots=True)
class JobEnds:
    """Raises LeaseLost wherever the job is no longer the claim's."""

    db: Database
    outbox: Outbox

    async def fail(self, claim: Claim, kind: JobKind, words: str) -> None:
        """The job has failed; `words` are fit for the page."""
        async with self.db.workspace(claim.workspace_id) as tx:
            before = await work.held(tx, claim)
            now = replace(before, sequence=before.sequence + 1)
            await work.finish(tx, claim, JobState.FAILED, now, words)
            message = events.failed(kind, claim.job_id, words)
            await self.outbox.add(tx, message, aggregate_id=str(claim.job_id), sequence=now.sequence)

    async def pause(self, claim: Claim, seconds: float, *, counts: bool) -> None:
        """Go on in `seconds`; `counts` says whether this was a failure."""
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.pause(tx, claim, seconds, counts=counts)

    async def ask_again(self, claim: Claim, kind: JobKind) -> None:
        """The grant has expired: ask the vault for another one and go on when it comes."""
        grant_id = GrantId(uuid7())
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.ask_again(tx, claim, grant_id)
            request = events.credential_requested(grant_id, kind, claim.job_id)
            await self.outbox.add(tx, request, aggregate_id=str(grant_id), sequence=1, requester=REQUESTER)
