"""A run's calls: chosen once, fetched in batches, each call announced exactly once whatever happens in between.

Invariants:
  1. What is chosen is written down before the first call is fetched, and never changes: a second listing cannot add, lose or reorder.
  2. A call's row, its message and the job's counters commit together, by the holder of the job's fence only.
  3. An object is written before the row that names it; the same call gives the same bytes, so writing it again is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace

from cloud.objects import ObjectStore, StoredObject, WorkspaceObjects
from core.errors import CallmineError
from core.faultpoints import reach
from core.log import logger
from database import Database, Tx
from egress import ResponseTooLarge
from ingest import events
from ingest.domain.calls import Call, CallId, Transcript, call_object
from ingest.domain.filters import choose
from ingest.domain.jobs import CallState, Claim, Job, JobState, Progress
from ingest.gong.client import GongClient
from ingest.store import work
from ingest.store.work import StoredCall
from ingest.workers.listing import list_calls
from messaging import Draft, Outbox

log = logger("ingest.fetch")

# Twenty hour-long transcripts are 4 to 8 MB of JSON: well below egress' limit, and the first calls can be analysed while the next are
# fetched. Gong would allow 100.
BATCH_CALLS = 20

# Uploads at once: each is one small object, bound by round trips.
_UPLOADS = 8


@dataclass(frozen=True, slots=True)
class _Batch:
    """What was fetched of one batch, in the order of the run."""

    stored: list[tuple[Call, StoredObject]]
    left_out: list[tuple[CallId, CallState]]

    def counted(self, before: Progress) -> Progress:
        """The run's counters after this batch. A call that is gone has no transcript any more."""
        private = sum(state is CallState.PRIVATE for _, state in self.left_out)
        return replace(
            before,
            sequence=before.sequence + len(self.stored),
            fetched=before.fetched + len(self.stored),
            private=before.private + private,
            without_transcript=before.without_transcript + len(self.left_out) - private,
        )


@dataclass(frozen=True, slots=True)
class RunFetch:
    """Fetches the calls of runs; `batch_calls` at a time, at most 100."""

    db: Database
    outbox: Outbox
    objects: ObjectStore
    batch_calls: int = BATCH_CALLS

    async def work(self, job: Job, gong: GongClient) -> None:
        """Fetch what is left of the run. Raises LeaseLost, and what the client and the object store raise."""
        known = {} if job.planned else await self._choose(job, gong)
        while waiting := await self._waiting(job.claim):
            batch = await self._fetch(job.claim, gong, waiting, known)
            await self._commit(job.claim, batch)
            reach("fetch.after_commit")
        await self._complete(job.claim)

    async def _choose(self, job: Job, gong: GongClient) -> dict[CallId, Call]:
        """List and write down which calls the run fetches; those calls, so that they need not be asked for again."""
        listing = await list_calls(gong, job.filter)
        chosen = choose(listing.matching, job.max_calls)
        reach("fetch.before_plan")
        async with self.db.workspace(job.claim.workspace_id) as tx:
            await work.held(tx, job.claim)
            matching = len(listing.matching)
            await work.plan(tx, job.claim, [call.call_id for call in chosen], matching, listing.private)
        log.info("calls chosen", job=str(job.claim.job_id), matching=matching, chosen=len(chosen))
        return {call.call_id: call for call in chosen}

    async def _waiting(self, claim: Claim) -> list[CallId]:
        async with self.db.workspace(claim.workspace_id) as tx:
            return await work.waiting(tx, claim, self.batch_calls)

    async def _fetch(
        self, claim: Claim, gong: GongClient, call_ids: Sequence[CallId], known: dict[CallId, Call]
    ) -> _Batch:
        missing = [call_id for call_id in call_ids if call_id not in known]
        calls = {**known, **(await gong.calls(missing) if missing else {})}
        readable = [call_id for call_id in call_ids if call_id in calls and not calls[call_id].is_private]
        transcripts = await _transcripts(gong, readable)
        for call_id in call_ids:
            known.pop(call_id, None)
        return await self._upload(claim, call_ids, calls, transcripts)

    async def _upload(
        self,
        claim: Claim,
        call_ids: Sequence[CallId],
        calls: Mapping[CallId, Call],
        transcripts: Mapping[CallId, Transcript],
    ) -> _Batch:
        states = {call_id: _state(call_id, calls, transcripts) for call_id in call_ids}
        ready = [call_id for call_id in call_ids if states[call_id] is CallState.STORED]
        folder = self.objects.workspace(claim.workspace_id)
        slots = asyncio.Semaphore(_UPLOADS)
        uploads = [_put(slots, folder, calls[call_id], transcripts[call_id]) for call_id in ready]
        stored = await _all(uploads)
        reach("fetch.after_object")
        return _Batch(
            [(calls[call_id], object_) for call_id, object_ in zip(ready, stored, strict=True)],
            [(call_id, state) for call_id, state in states.items() if state is not CallState.STORED],
        )

    async def _commit(self, claim: Claim, batch: _Batch) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            before = await work.held(tx, claim)
            rows = [
                StoredCall(call.call_id, before.sequence + number, kept.name, kept.sha256, kept.size)
                for number, (call, kept) in enumerate(batch.stored, start=1)
            ]
            await work.store_calls(tx, claim, rows)
            await work.settle_calls(tx, claim, batch.left_out)
            await self._announce(tx, claim, batch, rows)
            await work.advance(tx, claim, batch.counted(before))
            reach("fetch.before_commit")

    async def _announce(self, tx: Tx, claim: Claim, batch: _Batch, rows: Sequence[StoredCall]) -> None:
        drafts = [
            Draft(
                payload=events.call_fetched(claim.job_id, call, row.object_name, row.sha256, row.size_bytes),
                aggregate_id=str(claim.job_id),
                sequence=row.sequence,
            )
            for (call, _), row in zip(batch.stored, rows, strict=True)
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


async def _transcripts(gong: GongClient, call_ids: Sequence[CallId]) -> dict[CallId, Transcript]:
    """The transcripts of a batch; in halves where they are too long to come together."""
    if not call_ids:
        return {}
    try:
        return await gong.transcripts(call_ids)
    except ResponseTooLarge:
        if len(call_ids) == 1:
            raise
        middle = len(call_ids) // 2
        return {**await _transcripts(gong, call_ids[:middle]), **await _transcripts(gong, call_ids[middle:])}


def _state(call_id: CallId, calls: Mapping[CallId, Call], transcripts: Mapping[CallId, Transcript]) -> CallState:
    """What is to become of a call; it may have been deleted or made private since it was chosen."""
    if call_id not in calls:
        return CallState.GONE
    if calls[call_id].is_private:
        return CallState.PRIVATE
    return CallState.STORED if transcripts.get(call_id) else CallState.WITHOUT_TRANSCRIPT


async def _put(slots: asyncio.Semaphore, folder: WorkspaceObjects, call: Call, transcript: Transcript) -> StoredObject:
    async with slots:
        packed = call_object(call, transcript)
        return await folder.put(packed.name, packed.content)


async def _all(uploads: Sequence[Coroutine[None, None, StoredObject]]) -> list[StoredObject]:
    """The results in order. Where one fails the others are cancelled, and the first failure is raised as it is."""
    failure: CallmineError | None = None
    tasks: list[asyncio.Task[StoredObject]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(upload) for upload in uploads]
    except* CallmineError as failures:
        failure = next(leaf for leaf in failures.exceptions if isinstance(leaf, CallmineError))
    if failure is not None:
        raise failure
    return [task.result() for task in tasks]
