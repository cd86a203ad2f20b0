"""A preview: the listing only, counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

from database import Database
from ingest import events
from ingest.domain.calls import Call
from ingest.domain.deals import DealSource
from ingest.domain.jobs import Job, JobState
from ingest.gong.client import GongClient
from ingest.store import work
from ingest.workers.listing import list_calls
from messaging import Outbox


@dataclass(frozen=True, slots=True)
class PreviewFetch:
    """Counts the calls that match, and their length."""

    db: Database
    outbox: Outbox

    async def work(self, job: Job, gong: GongClient, deals: DealSource) -> None:
        """List, count, tell. Raises LeaseLost, and what the client raises."""
        tally = await list_calls(gong, deals, job.filter, _not_kept)
        async with self.db.workspace(job.claim.workspace_id) as tx:
            before = await work.held(tx, job.claim)
            now = replace(before, sequence=before.sequence + 1, matching=tally.matching, private=tally.private)
            await work.finish(tx, job.claim, JobState.DONE, now)
            message = events.preview_ready(job.claim.job_id, tally.matching, tally.seconds)
            await self.outbox.add(tx, message, aggregate_id=str(job.claim.job_id), sequence=now.sequence)


def _not_kept(_call: Call) -> None:
    """Counting is all."""
