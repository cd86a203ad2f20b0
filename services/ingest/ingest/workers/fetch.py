"""A run's calls: chosen once, fetched in batches, each call announced exactly once whatever happens in between.

Invariants:
  1. What is chosen is written down, with its metadata, before the first call is fetched, and never changes: a second listing cannot add,
     lose or reorder. Only a call that is erased meanwhile is left out after all, and counted so.
  2. A call's row, its message and the job's counters commit together, by the holder of the job's fence only.
  3. An object is written before the row that names it; the same call gives the same bytes, so writing it again is harmless.

Some batches are on their way at once, so that requests follow each other as fast as Gong allows while earlier answers are stored; they are
committed one after the other, in the order of the run. Memory holds those batches and nothing else of the run.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from cloud.objects import ObjectStore
from core.faultpoints import reach
from core.log import logger
from database import Database, Tx
from ingest import events
from ingest.domain.deals import DealSource
from ingest.domain.jobs import CallState, Claim, Job, JobState, NotReadyYet, Progress, too_long_call_words
from ingest.gong.client import GongClient
from ingest.store import call_tombstones, run_calls, work
from ingest.store.run_calls import StoredCall, WaitingCall
from ingest.workers.batches import MOST_CALLS, expected_bytes, in_batches, is_room
from ingest.workers.choosing import RunChoice, remarks
from ingest.workers.loading import TRANSCRIPT_WAITS, KeptCall, Loaded, Loader
from messaging import Draft, Outbox

log = logger("ingest.fetch")


class FetchTerms(Struct, frozen=True):
    """How a run is fetched.

    `batch_calls` transcripts are asked for at a time, at most 100, by `in_flight` requests at once, or three times as many where answers
    are short: while some are on their way and others are stored, one waits for its turn. A transcript that is not ready is asked for again
    after each of `transcript_waits` seconds. A call that has been held for more than `held_days` is fetched anew; 0 holds none.
    """

    batch_calls: int = MOST_CALLS
    in_flight: int = 4
    transcript_waits: tuple[float, ...] = TRANSCRIPT_WAITS
    held_days: int = 30


class _UnderWay(Struct, frozen=True):
    """A batch that is being asked for or stored, and the bytes that its answer may have."""

    loading: asyncio.Task[Loaded]
    expects: int


class RunFetch(Struct, frozen=True):
    """Fetches the calls of runs."""

    db: Database
    outbox: Outbox
    objects: ObjectStore
    terms: FetchTerms = FetchTerms()

    async def work(self, job: Job, gong: GongClient, deals: DealSource) -> None:
        """Fetch what is left of the run. Raises NotReadyYet, LeaseLost, and what the client and the object store raise."""
        if not job.planned:
            await RunChoice(self.db).choose(job, gong, deals)
        await self._fetch(job, gong, deals)
        async with self.db.workspace(job.claim.workspace_id) as tx:
            before = await work.held(tx, job.claim)
            await _let_go(tx, job.claim, before)
            left = await run_calls.later(tx, job.claim)
        if left is not None:
            raise NotReadyYet(*left)
        await self._complete(job.claim)

    async def _fetch(self, job: Job, gong: GongClient, deals: DealSource) -> None:
        """Load batches, some at once, and commit them in order."""
        reach("fetch.before_batches")
        refresh = job.planned_long_ago
        loader = Loader(gong, deals, self.objects, job.claim, self.terms.transcript_waits, refresh=refresh)
        under_way: deque[_UnderWay] = deque()
        try:
            async for batch in in_batches(lambda after, most: self._waiting(job, after, most), self.terms.batch_calls):
                adds = sum(map(expected_bytes, batch))
                while not is_room([one.expects for one in under_way], adds, self.terms.in_flight):
                    await self._commit(job.claim, deals, await under_way.popleft().loading)
                under_way.append(_UnderWay(asyncio.create_task(loader.load(batch)), adds))
            while under_way:
                await self._commit(job.claim, deals, await under_way.popleft().loading)
        finally:
            for one in under_way:
                one.loading.cancel()
            await asyncio.gather(*(one.loading for one in under_way), return_exceptions=True)

    async def _waiting(self, job: Job, after: int, most: int) -> list[WaitingCall]:
        held_days = 0 if job.planned_long_ago else self.terms.held_days
        async with self.db.workspace(job.claim.workspace_id) as tx:
            return await run_calls.waiting(tx, job.claim, after, most, held_days)

    async def _commit(self, claim: Claim, deals: DealSource, loaded: Loaded) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            before = await work.held(tx, claim)
            before = await _let_go(tx, claim, before)
            erased = await call_tombstones.among(tx, loaded.call_ids)
            batch = loaded.without(erased)
            rows = [
                StoredCall(call.call_id, before.sequence + number, call.kept)
                for number, call in enumerate(batch.kept, start=1)
            ]
            await run_calls.store(tx, claim, rows)
            await run_calls.settle(tx, claim, batch.left_out)
            await run_calls.defer(tx, claim, batch.deferred)
            await run_calls.hold(tx, [(call.call_id, call.checksum, call.kept) for call in batch.kept if call.checksum])
            await self._announce(tx, claim, batch, before.sequence)
            now = _counted(batch, before)
            told = (*remarks(before, deals), *map(too_long_call_words, batch.too_long))
            await work.advance(tx, claim, replace(now, remarks=told))
            reach("fetch.before_commit")
        reach("fetch.after_commit")
        await self._take_away(claim, [call for call in loaded.kept if call.call_id in erased])

    async def _take_away(self, claim: Claim, calls: Sequence[KeptCall]) -> None:
        """Remove what was stored of calls that were erased meanwhile. Who dies before leaves it to the erasure, which looks again."""
        for call in calls:
            await self.objects.workspace(claim.workspace_id).delete(call.kept.name)

    async def _announce(self, tx: Tx, claim: Claim, batch: Loaded, sequence: int) -> None:
        drafts = [
            Draft(
                payload=events.call_fetched(
                    claim.job_id, call.call_id, call.started_at, call.duration_seconds, call.kept
                ),
                aggregate_id=str(claim.job_id),
                sequence=sequence + number,
            )
            for number, call in enumerate(batch.kept, start=1)
        ]
        await self.outbox.add_many(tx, drafts)

    async def _complete(self, claim: Claim) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            before = await work.held(tx, claim)
            now = replace(before, sequence=before.sequence + 1)
            await work.finish(tx, claim, JobState.DONE, now)
            message = events.fetch_completed(claim.job_id, now)
            await self.outbox.add(tx, message, aggregate_id=str(claim.job_id), sequence=now.sequence)
        log.info("run fetched", job=str(claim.job_id), calls=now.fetched)


async def _let_go(tx: Tx, claim: Claim, before: Progress) -> Progress:
    """The run's counters once calls that are to be fetched and are erased are left out. The job is locked."""
    gone = await run_calls.let_go(tx, claim)
    if gone:
        await work.left_out(tx, claim, gone)
    return replace(before, without_transcript=before.without_transcript + gone)


def _counted(batch: Loaded, before: Progress) -> Progress:
    """The run's counters after this batch. A call that is gone has no transcript any more."""
    private = sum(state is CallState.PRIVATE for _, state in batch.left_out)
    return replace(
        before,
        sequence=before.sequence + len(batch.kept),
        fetched=before.fetched + len(batch.kept),
        private=before.private + private,
        without_transcript=before.without_transcript + len(batch.left_out) - private,
    )
