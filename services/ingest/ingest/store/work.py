"""A job while a worker holds it. Every change carries the fence: a worker that has lost its job changes nothing.

`held` locks the job's row, so what is written in the same transaction is written by the holder only.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from database import Row, Tx
from ingest.domain.jobs import Claim, GrantId, Job, JobKind, JobState, LeaseLost, Progress, SealedGrant
from ingest.store import job_grants
from ingest.store.jobs import filter_of


class Pause(Struct, frozen=True):
    """The sequence of the last message about the job, and when it goes on."""

    sequence: int
    resume_at: datetime


# Metadata noted with a choice so long ago is asked for again: a call may have been made private or deleted meanwhile.
PLAN_LASTS_SECONDS = 3_600.0


async def read(tx: Tx, claim: Claim, margin_seconds: float) -> Job:
    """The job that was claimed; its grant counts as expired `margin_seconds` early. Raises LeaseLost."""
    row = await tx.fetch_one(
        "job_claimed",
        id=claim.job_id,
        fence=claim.fence,
        margin_seconds=margin_seconds,
        plan_lasts_seconds=PLAN_LASTS_SECONDS,
    )
    if row is None:
        raise lost()
    return Job(
        claim=claim,
        kind=JobKind(row["kind"]),
        filter=filter_of(row["filter"]),
        max_calls=row["max_calls"],
        grant=_grant(row),
        grant_expired=row["grant_expired"],
        attempts=row["attempts"],
        planned=row["planned_at"] is not None,
        refused_version=row["refused_version"],
        planned_long_ago=row["planned_long_ago"],
        longest_wait_seconds=row["longest_wait_seconds"],
    )


async def renew(tx: Tx, claim: Claim, lease_seconds: float) -> None:
    """Extend the lease. Raises LeaseLost."""
    if not await tx.execute("job_renew", id=claim.job_id, fence=claim.fence, lease_seconds=lease_seconds):
        raise lost()


async def held(tx: Tx, claim: Claim) -> Progress:
    """The job's counters, locked until the transaction ends. Raises LeaseLost."""
    row = await tx.fetch_one("job_held", id=claim.job_id, fence=claim.fence)
    if row is None:
        raise lost()
    return Progress(
        sequence=row["sequence"],
        planned=row["planned_at"] is not None,
        matching=row["calls_matching"],
        private=row["calls_private"],
        without_transcript=row["calls_without_transcript"],
        fetched=row["calls_fetched"],
        remarks=tuple(row["remarks"]),
    )


async def page_read(tx: Tx, claim: Claim, number: int, remarks: tuple[str, ...]) -> None:
    """The run's list has been read up to page `number`, with these remarks so far."""
    await tx.execute("job_page_read", id=claim.job_id, fence=claim.fence, number=number, remarks=remarks)


async def planned(tx: Tx, claim: Claim, now: Progress) -> None:
    """The run's calls are chosen: of `now`, how many match, are private, or are left out already, and the remarks."""
    await tx.execute(
        "job_planned",
        id=claim.job_id,
        fence=claim.fence,
        calls_matching=now.matching,
        calls_private=now.private,
        calls_without_transcript=now.without_transcript,
        remarks=now.remarks,
    )


async def left_out(tx: Tx, claim: Claim, calls: int) -> None:
    """Count so many more calls as left out. The job is locked."""
    await tx.execute("job_calls_let_go", id=claim.job_id, calls=calls)


async def advance(tx: Tx, claim: Claim, now: Progress) -> None:
    """Write the run's counters after a batch."""
    await tx.execute(
        "job_advanced",
        id=claim.job_id,
        fence=claim.fence,
        sequence=now.sequence,
        calls_fetched=now.fetched,
        calls_private=now.private,
        calls_without_transcript=now.without_transcript,
        remarks=now.remarks,
    )


async def finish(tx: Tx, claim: Claim, state: JobState, now: Progress, failure: str = "") -> None:
    """End the job, well or badly, and wipe its grants. Raises LeaseLost."""
    changed = await tx.execute(
        "job_finish",
        id=claim.job_id,
        fence=claim.fence,
        state=state.value,
        failure=failure,
        sequence=now.sequence,
        calls_matching=now.matching,
        calls_private=now.private,
    )
    if not changed:
        raise lost()
    await job_grants.forget(tx, claim.job_id)


async def pause(tx: Tx, claim: Claim, seconds: float, *, counts: bool) -> Pause:
    """Put the job back for `seconds`; `counts` says whether that was a failure. Raises LeaseLost."""
    row = await tx.fetch_one("job_pause", id=claim.job_id, fence=claim.fence, seconds=seconds, counts=counts)
    if row is None:
        raise lost()
    return Pause(row["sequence"], row["next_attempt_at"])


async def told(tx: Tx, claim: Claim, sequence: int) -> None:
    """A message about the job, of this sequence, is in the outbox."""
    await tx.execute("job_told", id=claim.job_id, fence=claim.fence, sequence=sequence)


async def refused(tx: Tx, claim: Claim, version: int, seconds: float) -> None:
    """Note that the provider has refused this version, end the grant, and put the job back for `seconds`. Raises LeaseLost."""
    if not await tx.execute("job_refused", id=claim.job_id, fence=claim.fence, version=version, seconds=seconds):
        raise lost()


async def ask_again(tx: Tx, claim: Claim, grant_id: GrantId) -> None:
    """Let the job wait for another grant. Raises LeaseLost."""
    if not await tx.execute("job_ask_again", id=claim.job_id, fence=claim.fence, grant_id=grant_id):
        raise lost()


def _grant(row: Row) -> SealedGrant:
    return SealedGrant(
        grant_id=GrantId(row["grant_id"]),
        sealed=row["sealed"],
        key_id=row["sealing_key_id"],
        expires_at=row["grant_expires_at"],
        credential_version=row["credential_version"],
    )


def lost() -> LeaseLost:
    """What to raise where a statement with the claim's fence finds nothing."""
    return LeaseLost("the job is another worker's now, or was cancelled")
