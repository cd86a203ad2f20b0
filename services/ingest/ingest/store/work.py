"""A job while a worker holds it. Every change carries the fence: a worker that has lost its job changes nothing.

`held` locks the job's row, so what is written in the same transaction is written by the holder only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from database import Row, Tx
from ingest.domain.calls import CallId
from ingest.domain.jobs import (
    CallState,
    Claim,
    GrantId,
    Job,
    JobKind,
    JobState,
    LeaseLost,
    Progress,
    SealedGrant,
)
from ingest.store.jobs import filter_of


@dataclass(frozen=True, slots=True)
class StoredCall:
    """Where a call is kept and the sequence of its message."""

    call_id: CallId
    sequence: int
    object_name: str
    sha256: str
    size_bytes: int


async def read(tx: Tx, claim: Claim, margin_seconds: float) -> Job:
    """The job that was claimed; its grant counts as expired `margin_seconds` early. Raises LeaseLost."""
    row = await tx.fetch_one("job_claimed", id=claim.job_id, fence=claim.fence, margin_seconds=margin_seconds)
    if row is None:
        raise _lost()
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
    )


async def renew(tx: Tx, claim: Claim, lease_seconds: float) -> None:
    """Extend the lease. Raises LeaseLost."""
    if not await tx.execute("job_renew", id=claim.job_id, fence=claim.fence, lease_seconds=lease_seconds):
        raise _lost()


async def held(tx: Tx, claim: Claim) -> Progress:
    """The job's counters, locked until the transaction ends. Raises LeaseLost."""
    row = await tx.fetch_one("job_held", id=claim.job_id, fence=claim.fence)
    if row is None:
        raise _lost()
    return Progress(
        sequence=row["sequence"],
        planned=row["planned_at"] is not None,
        matching=row["calls_matching"],
        private=row["calls_private"],
        without_transcript=row["calls_without_transcript"],
        fetched=row["calls_fetched"],
    )


async def plan(tx: Tx, claim: Claim, chosen: Sequence[CallId], matching: int, private: int) -> None:
    """Fix which calls the run fetches, in which order."""
    await tx.execute("run_calls_choose", run_id=claim.job_id, call_ids=list(chosen))
    await tx.execute("job_planned", id=claim.job_id, fence=claim.fence, calls_matching=matching, calls_private=private)


async def waiting(tx: Tx, claim: Claim, most: int) -> list[CallId]:
    """The next calls to fetch, in their order."""
    return [row["call_id"] for row in await tx.fetch("run_calls_waiting", run_id=claim.job_id, calls=most)]


async def store_calls(tx: Tx, claim: Claim, calls: Sequence[StoredCall]) -> None:
    """Note calls as stored. Raises LeaseLost when one of them had been settled already: somebody else was here."""
    changed = await tx.execute(
        "run_calls_stored",
        run_id=claim.job_id,
        call_ids=[call.call_id for call in calls],
        sequences=[call.sequence for call in calls],
        object_names=[call.object_name for call in calls],
        sha256s=[call.sha256 for call in calls],
        sizes=[call.size_bytes for call in calls],
    )
    if changed != len(calls):
        raise _lost()


async def settle_calls(tx: Tx, claim: Claim, states: Sequence[tuple[CallId, CallState]]) -> None:
    """Note calls that are left out, and why. Raises LeaseLost as `store_calls` does."""
    changed = await tx.execute(
        "run_calls_settled",
        run_id=claim.job_id,
        call_ids=[call_id for call_id, _ in states],
        states=[state.value for _, state in states],
    )
    if changed != len(states):
        raise _lost()


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
    )


async def finish(tx: Tx, claim: Claim, state: JobState, now: Progress, failure: str = "") -> None:
    """End the job, well or badly, and wipe its grant. Raises LeaseLost."""
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
        raise _lost()


async def pause(tx: Tx, claim: Claim, seconds: float, *, counts: bool) -> None:
    """Put the job back for `seconds`; `counts` says whether that was a failure. Raises LeaseLost."""
    if not await tx.execute("job_pause", id=claim.job_id, fence=claim.fence, seconds=seconds, counts=counts):
        raise _lost()


async def refused(tx: Tx, claim: Claim, version: int, seconds: float) -> None:
    """Note that the provider has refused this version, end the grant, and put the job back for `seconds`. Raises LeaseLost."""
    if not await tx.execute("job_refused", id=claim.job_id, fence=claim.fence, version=version, seconds=seconds):
        raise _lost()


async def ask_again(tx: Tx, claim: Claim, grant_id: GrantId) -> None:
    """Let the job wait for another grant. Raises LeaseLost."""
    if not await tx.execute("job_ask_again", id=claim.job_id, fence=claim.fence, grant_id=grant_id):
        raise _lost()


def _grant(row: Row) -> SealedGrant:
    return SealedGrant(
        grant_id=GrantId(row["grant_id"]),
        sealed=row["sealed"],
        key_id=row["sealing_key_id"],
        expires_at=row["grant_expires_at"],
        credential_version=row["credential_version"],
    )


def _lost() -> LeaseLost:
    return LeaseLost("the job is another worker's now, or was cancelled")
