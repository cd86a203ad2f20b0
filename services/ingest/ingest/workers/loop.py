"""The worker: claims jobs of all workspaces one after another, keeps the lease while it works, and decides what an error means.

provider asks to wait        the job sleeps that long; nothing is counted. It fails where the run may not wait so long
transcripts are not ready    the job sleeps until they are to be asked for again; all other calls are done
Transient                    the job sleeps, longer each time; given up after `most_attempts` without coming forward
Permanent                    the job fails, in the error's own words
a grant has expired          another one is asked for; the job goes on where it was
the credential is refused    the vault is told and asked for another grant; the job fails where that holds the version that was refused
HubSpot refuses its own      the same, but the job goes on without deals in the end (`workers/deals.py`)
the lease is lost            nothing is written: somebody else has the job, or it was cancelled
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Protocol

from msgspec import Struct

from contracts.sealing import Binding, CannotOpen, SealingKeys
from core.clock import Clock
from core.context import working_for
from core.errors import CallmineError, Permanent, Transient
from core.faultpoints import reach
from core.log import logger
from database import Database
from egress import Egress, TooManyRequests
from ingest.budget import Limits
from ingest.domain.deals import DealSource
from ingest.domain.jobs import (
    Claim,
    DealsRefused,
    GrantExpired,
    Job,
    JobKind,
    LeaseLost,
    NotReadyYet,
    not_ready_words,
    too_long_words,
)
from ingest.gong.client import ASKED_TO_WAIT, CredentialRefused, GongClient
from ingest.gong.credential import Credential
from ingest.handlers.fetches import DEALS_FROM, REQUESTER
from ingest.store import job_grants, jobs, work
from ingest.store.job_grants import OptionalGrant
from ingest.workers.deals import Deals
from ingest.workers.ending import JobEnds, Refusal
from telemetry import span
from telemetry.instruments import WORK_SECONDS

log = logger("ingest.worker")

# Gong's daily allowance comes back within a day; a longer wish is a mistake.
LONGEST_PAUSE = 86_400.0

# Of the ten that the platform gives a process to stop; answers under way may take 7 (web.server).
_LET_GO_SECONDS = 2.0


class WorkerSettings(Struct, frozen=True):
    """Times are in seconds.

    The defaults: a lease outlives one request to Gong, its time-out included; four jobs at once share one process, two of them for one
    workspace at most, since Gong limits a company to 3 requests a second anyway; eight attempts span about eight minutes.
    """

    concurrency: int = 4
    share: int = 2
    lease_seconds: float = 60.0
    poll_seconds: float = 1.0
    grant_margin_seconds: float = 5.0
    most_attempts: int = 8
    first_delay: float = 2.0
    longest_delay: float = 300.0
    # Before another grant is asked for where a token was refused: the vault asks the provider, and renews the token, in the meantime.
    renewal_seconds: float = 30.0

    def delay_after(self, attempts: int) -> float:
        """Seconds to wait after so many failed attempts: doubling, with jitter."""
        delay = min(self.longest_delay, self.first_delay * 2.0 ** min(attempts - 1, 30))
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing


class Work(Protocol):
    """What is done for one kind of job."""

    async def work(self, job: Job, gong: GongClient, deals: DealSource) -> None:
        """Do all that is left of `job`, with deals that Gong lacks from `deals`, and tell the others."""
        ...


class Works(Struct, frozen=True):
    """The two kinds."""

    run: Work
    preview: Work

    def for_kind(self, kind: JobKind) -> Work:
        """The work that `kind` stands for."""
        return self.run if kind is JobKind.RUN else self.preview


class GongDoor(Struct, frozen=True):
    """Opens grants and makes clients of what is inside; the plaintext lives as long as the client."""

    keys: SealingKeys
    egress: Egress
    limits: Limits
    clock: Clock

    def open(self, job: Job) -> GongClient:
        """A client for the job. Raises Permanent for a grant that does not open, or holds a credential of an unknown kind."""
        grant = job.grant
        binding = Binding(job.claim.workspace_id, str(grant.grant_id), "gong", REQUESTER, grant.expires_at)
        try:
            plaintext = self.keys.open(grant.sealed, grant.key_id, binding)
        except CannotOpen as error:
            raise Permanent(_CLOSED) from error
        credential = Credential.parse(plaintext, grant.expires_at)
        return GongClient(self.egress, credential, self.limits.of(job.claim.workspace_id), self.clock)


class FetchWorker:
    """Runs fetch jobs until cancelled; any number of processes may run one each."""

    def __init__(
        self,
        db: Database,
        door: GongDoor,
        deals: Deals,
        works: Works,
        ends: JobEnds,
        settings: WorkerSettings | None = None,
    ) -> None:
        self._db = db
        self._door = door
        self._deals = deals
        self._works = works
        self._ends = ends
        self._settings = settings or WorkerSettings()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """A job may be ready: look now instead of at the next poll. A hint; nothing depends on it."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.concurrency):
                group.create_task(self._serve())

    async def work_once(self) -> bool:
        """Claim one job and do what can be done of it now; False when none is due. Raises Transient when the database is away."""
        claim = await jobs.claim(self._db, self._settings.lease_seconds, self._settings.share)
        if claim is None:
            return False
        reach("fetch.after_claim")
        with (
            working_for(claim.workspace_id, claim.correlation_id),
            span("fetch calls", parent=claim.traceparent, run_id=str(claim.job_id)),
        ):
            try:
                await self._held(claim)
            except asyncio.CancelledError:
                await self._let_go(claim)
                raise
        return True

    async def _held(self, claim: Claim) -> None:
        try:
            await self._hold(claim)
        except* LeaseLost:
            log.info("job is no longer ours", job=str(claim.job_id))

    async def _let_go(self, claim: Claim) -> None:
        """Told to stop: end the lease, so that others go on with the job at once, from the page where it was."""
        try:
            async with asyncio.timeout(_LET_GO_SECONDS), self._db.workspace(claim.workspace_id) as tx:
                await work.renew(tx, claim, 0)
        except (LeaseLost, CallmineError, TimeoutError) as error:
            log.info("a lease could not be ended; others wait for its end", cause=type(error).__name__)

    async def _serve(self) -> None:
        while True:
            self._woken.clear()
            try:
                worked = await self.work_once()
            except* CallmineError as group:
                log.warning("worker is interrupted and will try again", cause=type(group.exceptions[0]).__name__)
                worked = False
            if not worked:
                await self._rest()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._woken.wait()

    async def _hold(self, claim: Claim) -> None:
        """Work on the job while its lease is kept; losing it cancels the work."""
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(self._keep(claim))
            await self._attempt(claim)
            keeper.cancel()

    async def _keep(self, claim: Claim) -> None:
        while True:
            await self._door.clock.sleep(self._settings.lease_seconds / 3)
            try:
                async with self._db.workspace(claim.workspace_id) as tx:
                    await work.renew(tx, claim, self._settings.lease_seconds)
            except Transient as error:
                # Two more tries before the lease is over; after that the fence keeps this worker from writing.
                log.warning("lease not renewed", cause=type(error).__name__)

    async def _attempt(self, claim: Claim) -> None:
        async with self._db.workspace(claim.workspace_id) as tx:
            job = await work.read(tx, claim, self._settings.grant_margin_seconds)
            optional = await job_grants.of_job(tx, claim.job_id, DEALS_FROM, self._settings.grant_margin_seconds)
        if job.grant_expired:
            await self._give_way(job)
            return
        deals = await self._deals.of(job, optional)
        if deals is not None:
            await self._work(job, deals, optional)

    async def _work(self, job: Job, deals: DealSource, optional: OptionalGrant | None) -> None:
        claim, began, outcome = job.claim, self._door.clock.monotonic(), "put_off"
        try:
            await self._works.for_kind(job.kind).work(job, self._door.open(job), deals)
            outcome = "done"
        except LeaseLost:
            raise
        except GrantExpired as error:
            if error.provider == DEALS_FROM:
                await self._deals.renew(job)
            else:
                await self._ends.ask_again(claim, job.kind)
        except DealsRefused as error:
            await self._deals.refused(job, optional, error)
        except TooManyRequests as error:
            await self._wait_or_stop(job, ASKED_TO_WAIT if error.retry_after is None else error.retry_after)
        except CredentialRefused as error:
            await self._refused(job, error)
        except NotReadyYet as error:
            log.info(
                "transcripts are not ready", job=str(claim.job_id), calls=error.calls, seconds=round(error.seconds)
            )
            await self._ends.wait(claim, job.kind, error.seconds, not_ready_words(error.calls))
        except Permanent as error:
            log.warning("job failed", job=str(claim.job_id), cause=type(error).__name__)
            await self._ends.fail(claim, job.kind, str(error))
        except Exception as error:  # noqa: BLE001 - an unforeseen error must not take the process and its other jobs along
            await self._again_or_never(job, error)
        finally:
            WORK_SECONDS.record(self._door.clock.monotonic() - began, stage=f"fetch_{job.kind.value}", outcome=outcome)

    async def _wait_or_stop(self, job: Job, seconds: float) -> None:
        """Gong asks to wait: sleep so long, or end a run that may not."""
        log.info("provider asks to wait", job=str(job.claim.job_id), seconds=round(seconds))
        if 0 < job.longest_wait_seconds < seconds:
            await self._ends.fail(job.claim, job.kind, too_long_words(seconds, job.longest_wait_seconds))
        else:
            await self._ends.wait(job.claim, job.kind, min(seconds, LONGEST_PAUSE), "Gong asks to wait")

    async def _give_way(self, job: Job) -> None:
        """The grant was over before it could be used: ask for another one, but not for ever."""
        if job.attempts >= self._settings.most_attempts:
            await self._ends.fail(job.claim, job.kind, _TOO_LATE)
        else:
            await self._ends.ask_again(job.claim, job.kind)

    async def _refused(self, job: Job, error: CredentialRefused) -> None:
        """Another grant may hold another credential, replaced or renewed meanwhile. One that was refused twice is not asked for again.

        The attempts bound it where each grant holds a newer version and each is refused. Asking again is an attempt too.
        """
        told = Refusal(job.grant, error.provider_status)
        version = job.grant.credential_version
        log.warning("credential refused", job=str(job.claim.job_id), version=version, status=error.provider_status)
        if version == job.refused_version or job.attempts + 1 >= self._settings.most_attempts:
            await self._ends.fail(job.claim, job.kind, str(error), told)
        else:
            seconds = self._settings.renewal_seconds if error.renewable else 0.0
            await self._ends.refused(job.claim, told, seconds)

    async def _again_or_never(self, job: Job, error: Exception) -> None:
        claim = job.claim
        if not isinstance(error, Transient):
            log.error("job failed in a way nobody foresaw", error=error, job=str(claim.job_id))
        if job.attempts >= self._settings.most_attempts:
            words = f"{error}." if isinstance(error, Transient) else "something went wrong on our side."
            await self._ends.fail(
                claim, job.kind, f"Fetching the calls was given up: {words} Please start again later."
            )
            return
        asked = error.retry_after if isinstance(error, Transient) else None
        delay = asked if asked is not None else self._settings.delay_after(job.attempts)
        log.info("job will be tried again", job=str(claim.job_id), seconds=round(delay), attempts=job.attempts)
        await self._ends.pause(claim, min(delay, LONGEST_PAUSE), counts=True)


_CLOSED = "The credential for Gong could not be opened. Reconnect Gong in Settings > Integrations, then start again."
_TOO_LATE = "The credential for Gong came too late to be used, again and again. Please start again later."
