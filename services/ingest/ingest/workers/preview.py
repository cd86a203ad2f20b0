"""A preview: the listing only, counted, with some of the calls to look at.

Somebody who tries filters asks for one preview after another of the same time range. What the first has read from Gong is kept for some
minutes, so that the others need no request. Runs never use it.

The sample is an object, since names and titles do not travel in messages. It is written before the transaction that announces it: a worker
that dies in between leaves an object that nobody names, in the workspace's own folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from cloud.objects import ObjectStore, StoredObject
from core.clock import Clock
from core.errors import Transient
from core.faultpoints import reach
from core.log import logger
from database import Database, Tx
from ingest import events
from ingest.domain.calls import CallId, call_of
from ingest.domain.choice import Choice, ChosenCall
from ingest.domain.deals import DealSource
from ingest.domain.jobs import Claim, Job, JobState
from ingest.domain.listing import Listing
from ingest.domain.packing import unpack
from ingest.domain.sample import SAMPLE_CALLS, sample_object
from ingest.gong.client import GongClient
from ingest.store import call_tombstones, listings, work
from ingest.workers.listing import Tally, list_calls
from messaging import Outbox

log = logger("ingest.preview")

# How long a list may answer other previews, in seconds: a person who tries filters does so within minutes.
LIST_SECONDS = 600

# Other work gets its turn between so many calls that are unpacked; a hundred take some milliseconds.
_AT_A_STRETCH = 100

# How often a preview looks whether the list that another one reads is there, and for how long: 1,000 calls take Gong 2.33 s, the 5,000 that
# a list may have 16 s.
_LOOK_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 20.0

# How often lists whose time is over are looked for.
_SWEEP_SECONDS = 60.0


class _Fresh(Struct, frozen=True):
    """What was read from Gong, and when that began by the monotonic clock."""

    listing: Listing
    began: float


class PreviewFetch(Struct, frozen=True):
    """Counts the calls that match, and their length. `list_seconds` 0 keeps no list."""

    db: Database
    outbox: Outbox
    objects: ObjectStore
    clock: Clock
    list_seconds: int = LIST_SECONDS

    async def work(self, job: Job, gong: GongClient, deals: DealSource) -> None:
        """List, count, tell. Raises LeaseLost, and what the client and the object store raise."""
        claim, choice = job.claim, Choice(SAMPLE_CALLS)
        fresh = None
        await self._let_finish(job)
        tally = await self._counted_before(job, deals, choice)
        if tally is None:
            fresh = _Fresh(Listing(job.filter), self.clock.monotonic())
            tally = await list_calls(
                gong, deals, job.filter, partial(self._erased, claim), choice.add, fresh.listing.add
            )
        sample = await self._keep(claim, choice.newest_first())
        reach("preview.after_sample")
        async with self.db.workspace(claim.workspace_id) as tx:
            before = await work.held(tx, claim)
            now = replace(before, sequence=before.sequence + 1, matching=tally.matching, private=tally.private)
            await work.finish(tx, claim, JobState.DONE, now)
            message = events.preview_ready(claim.job_id, tally.matching, tally.seconds, sample)
            await self.outbox.add(tx, message, aggregate_id=str(claim.job_id), sequence=now.sequence)
            if fresh is not None:
                await self._remember(tx, job, fresh)
            reach("preview.before_commit")

    async def _erased(self, claim: Claim, call_ids: Sequence[CallId]) -> frozenset[CallId]:
        async with self.db.workspace(claim.workspace_id) as tx:
            return await call_tombstones.among(tx, call_ids)

    async def _let_finish(self, job: Job) -> None:
        """Wait while an earlier preview reads the list that this one needs: reading it twice at once would take both twice as long."""
        until = self.clock.monotonic() + _LONGEST_WAIT_SECONDS
        while self.list_seconds and self.clock.monotonic() < until:
            async with self.db.workspace(job.claim.workspace_id) as tx:
                if not await listings.awaited(tx, job.claim.job_id):
                    return
            await self.clock.sleep(_LOOK_SECONDS)

    async def _counted_before(self, job: Job, deals: DealSource, choice: Choice) -> Tally | None:
        """The count by a list that was read lately; None where there is none for this range. It knows of no private call.

        The list holds what Gong told: the deals of others are looked up anew.
        """
        async with self.db.workspace(job.claim.workspace_id) as tx:
            version = job.grant.credential_version
            known = await listings.recent(tx, job.filter.from_time, job.filter.to_time, version)
        if known is None:
            return None
        tally = Tally()
        for start in range(0, len(known), _AT_A_STRETCH):
            calls = [call_of(unpack(packed)) for packed in known[start : start + _AT_A_STRETCH]]
            for call in await deals.complete(calls):
                if tally.count(call, job.filter):
                    choice.add(call)
            await asyncio.sleep(0)
        log.info("preview answered from the list", job=str(job.claim.job_id), listed=len(known))
        return tally

    async def _keep(self, claim: Claim, calls: Sequence[ChosenCall]) -> StoredObject | None:
        if not calls:
            return None
        made = sample_object(claim.job_id, [unpack(call.metadata.content) for call in calls])
        return await self.objects.workspace(claim.workspace_id).put(made.name, made.content)

    async def _remember(self, tx: Tx, job: Job, fresh: _Fresh) -> None:
        """Keep the list from when its reading began: what Gong said first is as old as that."""
        left = self.list_seconds - (self.clock.monotonic() - fresh.began)
        calls = fresh.listing.calls
        if calls is not None and left > 0:
            times = fresh.listing.from_time, fresh.listing.to_time
            await listings.save(tx, *times, job.grant.credential_version, calls, left)


async def forget_lists(db: Database, clock: Clock) -> None:
    """Delete lists whose time is over, every minute until cancelled; several processes doing so do no harm."""
    while True:
        try:
            if forgotten := await listings.forget_over(db):
                log.info("lists of calls forgotten", lists=forgotten)
        except Transient as error:
            log.warning("lists of calls not tidied, next try in a minute", cause=type(error).__name__)
        await clock.sleep(_SWEEP_SECONDS)
