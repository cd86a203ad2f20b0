"""Workers over the sandbox's Gong, and what becomes of a run."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted, FetchFailed
from callmine.credentials.v1.credentials_pb2 import CredentialRequested
from callmine.fetches.v1.fetches_pb2 import CallFilter
from callmine.integrations.v1.integrations_pb2 import PROVIDER_GONG
from cloud.objects import ObjectStore
from core.clock import SystemClock
from egress import Destination, Egress
from ingest.gong.limits import gong_limits
from ingest.hubspot.limits import hubspot_limits
from ingest.workers import (
    Deals,
    FetchTerms,
    FetchWorker,
    GongDoor,
    HubSpotDoor,
    JobEnds,
    PreviewFetch,
    RunFetch,
    WorkerSettings,
    Works,
)
from ingest.workers.preview import LIST_SECONDS
from integration.ingest.harness import KEYS, Gong, Ingest, MemoryObjects, fetch_requested, granted, new_id
from messaging import Outbox

# More attempts than any test can need; a job that is not done by then will never be.
MOST_TURNS = 40


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@dataclass(slots=True)
class Trap:
    """Kills at the given time that `point` is reached, once."""

    point: str
    time: int = 1
    seen: int = field(default=0, init=False)

    def __call__(self, point: str) -> None:
        """What `core.faultpoints` calls."""
        if point == self.point:
            self.seen += 1
            if self.seen == self.time:
                raise Killed


@dataclass(slots=True)
class Workshop:
    """Makes workers, as many as a test has processes."""

    ingest: Ingest
    gong: Gong
    egress: Egress
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    settings: WorkerSettings = field(default_factory=lambda: WorkerSettings(first_delay=0.001, longest_delay=0.001))
    terms: FetchTerms = field(default_factory=lambda: FetchTerms(batch_calls=2))
    per_second: float = 0.0
    list_seconds: int = LIST_SECONDS

    def worker(self, objects: ObjectStore | None = None) -> FetchWorker:
        """A worker as a fresh process would have it."""
        db, outbox, clock = self.ingest.db, Outbox("ingest"), SystemClock()
        run = RunFetch(db, outbox, objects or self.objects, self.terms)
        works = Works(run, PreviewFetch(db, outbox, objects or self.objects, clock, self.list_seconds))
        door = GongDoor(KEYS, self.egress, gong_limits(db, clock, self.per_second), clock)
        ends = JobEnds(db, outbox)
        deals = Deals(HubSpotDoor(KEYS, self.egress, hubspot_limits(db, clock, 0.0), clock), ends)
        return FetchWorker(db, door, deals, works, ends, self.settings)

    async def start(self, max_calls: int = 0, wanted: CallFilter | None = None) -> uuid.UUID:
        """A run whose credential has come."""
        run = new_id()
        await self.ingest.hear(fetch_requested(run, max_calls, wanted))
        await self.grant(run)
        return run

    async def grant(
        self, job: uuid.UUID, lasts: timedelta = timedelta(hours=1), gong: Gong | None = None, version: int = 1
    ) -> None:
        """Answer the job's latest request."""
        asked = [
            event
            for event in await self.ingest.told(CredentialRequested)
            if isinstance(event.payload, CredentialRequested)
            and (event.payload.subject_id, event.payload.provider) == (str(job), PROVIDER_GONG)
        ]
        await self.ingest.hear(granted(asked[-1], gong or self.gong, lasts, version))

    async def finish(self, worker: FetchWorker | None = None) -> None:
        """Work until nothing is due, with leases of dead workers over and pauses passed."""
        worker = worker or self.worker()
        for _ in range(MOST_TURNS):
            await self.skip_waits()
            if not await worker.work_once():
                return
        raise AssertionError("the jobs do not come to an end")

    async def skip_waits(self) -> None:
        """Let all leases and pauses be over."""
        await self.ingest.sql("UPDATE jobs SET next_attempt_at = clock_timestamp() WHERE state = 'ready'")
        await self.ingest.sql("UPDATE jobs SET lease_expires_at = clock_timestamp() WHERE state = 'fetching'")

    async def state(self, job: uuid.UUID) -> str:
        """The job's state."""
        [row] = await self.ingest.sql("SELECT state FROM jobs WHERE id = $1", job)
        found: str = row["state"]
        return found

    async def announced(self, run: uuid.UUID) -> list[tuple[int, str]]:
        """Sequence and content of every message about the run: a call's id, or the message's name."""
        messages = []
        for event in await self.ingest.told():
            payload = event.payload
            if event.aggregate_id == str(run):
                name = payload.call_id if isinstance(payload, CallFetched) else type(payload).__name__
                messages.append((event.sequence, name))
        return messages

    async def completed(self, run: uuid.UUID) -> FetchCompleted:
        """The one FetchCompleted of the run."""
        found = [e.payload for e in await self.ingest.told(FetchCompleted) if e.aggregate_id == str(run)]
        assert len(found) == 1
        assert isinstance(found[0], FetchCompleted)
        return found[0]

    async def failure(self, run: uuid.UUID) -> str:
        """The reason in the one FetchFailed of the run."""
        found = [e.payload for e in await self.ingest.told(FetchFailed) if e.aggregate_id == str(run)]
        assert len(found) == 1
        assert isinstance(found[0], FetchFailed)
        return found[0].reason


@asynccontextmanager
async def opened(ingest: Ingest, gong: Gong, ca_file: Path) -> AsyncIterator[Workshop]:
    """A workshop whose way out leads to the sandbox of `gong` only, and there to HubSpot as well."""
    hubspot = Destination(name="hubspot", base_url=f"{gong.base_url.removesuffix('/gong')}/hubspot")
    async with Egress([Destination(name="gong", base_url=gong.base_url), hubspot], ca_file=ca_file) as egress:
        yield Workshop(ingest, gong, egress)
