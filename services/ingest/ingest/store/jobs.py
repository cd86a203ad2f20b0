"""Fetch jobs: made and ended by messages."""

from __future__ import annotations

import uuid
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict

from core.context import current
from core.ids import WorkspaceId
from database import Database, Tx
from ingest.domain.filters import CallFilter
from ingest.domain.jobs import Claim, GrantId, JobId, JobKind, JobState, SealedGrant, Wish
from ingest.store import job_grants


class Asking(Struct, frozen=True):
    """The job behind a grant."""

    job_id: JobId
    kind: JobKind
    state: JobState
    sequence: int


class JobLine(Struct, frozen=True):
    """A job in the operators' list."""

    workspace_id: str
    id: uuid.UUID
    kind: str
    state: str
    attempts: int
    next_attempt_at: datetime
    lease_expires_at: datetime | None
    calls_matching: int
    calls_fetched: int
    created_at: datetime


async def add(tx: Tx, wish: Wish, grant_id: GrantId, correlation_id: str) -> bool:
    """Add a job that waits for its credential; False when it is known already."""
    added = await tx.execute(
        "job_insert",
        id=wish.job_id,
        kind=wish.kind.value,
        filter=filter_document(wish.filter),
        max_calls=wish.max_calls,
        longest_wait_seconds=wish.longest_wait_seconds,
        grant_id=grant_id,
        correlation_id=correlation_id,
        traceparent=current().traceparent,
    )
    return added == 1


async def cancel(tx: Tx, job_id: JobId, correlation_id: str) -> None:
    """Cancel a run, also one whose request has not come yet."""
    await tx.execute("job_cancel", id=job_id, grant_id=uuid.uuid4(), correlation_id=correlation_id)
    await _forget(tx, job_id)


async def close(tx: Tx, job_id: JobId) -> None:
    """Analysis has ended the run; nothing happens for one that is not known."""
    await tx.execute("job_close", id=job_id)
    await _forget(tx, job_id)


async def by_grant(tx: Tx, grant_id: GrantId) -> Asking | None:
    """The job that asked for a grant, locked until the transaction ends."""
    row = await tx.fetch_one("job_by_grant", grant_id=grant_id)
    if row is None:
        return None
    return Asking(JobId(row["id"]), JobKind(row["kind"]), JobState(row["state"]), row["sequence"])


async def grant(tx: Tx, job_id: JobId, sealed: SealedGrant) -> None:
    """The credential has come: the job can be worked on."""
    await tx.execute(
        "job_granted",
        id=job_id,
        sealed=sealed.sealed,
        sealing_key_id=sealed.key_id,
        expires_at=sealed.expires_at,
        credential_version=sealed.credential_version,
    )


async def deny(tx: Tx, job_id: JobId, failure: str, sequence: int) -> None:
    """The credential was refused: the job ends."""
    await tx.execute("job_denied", id=job_id, failure=failure, sequence=sequence)
    await _forget(tx, job_id)


async def claim(db: Database, lease_seconds: float, share: int) -> Claim | None:
    """Take the next job that is due in any workspace; None when there is none."""
    async with db.sweep() as tx:
        row = await tx.fetch_one("job_claim", lease_seconds=lease_seconds, share=share)
    if row is None:
        return None
    return Claim(
        WorkspaceId(row["workspace_id"]),
        JobId(row["id"]),
        row["fence"],
        row["correlation_id"],
        row["traceparent"],
    )


async def recent(db: Database, state: str, most: int) -> list[JobLine]:
    """The newest jobs of all workspaces, of one state or of all (empty), for operators."""
    async with db.sweep() as tx:
        return [JobLine(**dict(row)) for row in await tx.fetch("jobs_recent", state=state, jobs=most)]


async def _forget(tx: Tx, job_id: JobId) -> None:
    """The job is over: its grants go, and what was noted of calls that were not fetched."""
    await job_grants.forget(tx, job_id)
    await tx.execute("run_calls_forget", run_id=job_id)
    await tx.execute("run_pages_forget", run_id=job_id)


def filter_document(wanted: CallFilter) -> dict[str, object]:
    """The filter as it is kept."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(wanted).items()}
    return {**plain, "from_time": wanted.from_time.isoformat(), "to_time": wanted.to_time.isoformat()}


def filter_of(document: dict[str, object]) -> CallFilter:
    """The filter that `filter_document` kept, of this or an earlier release: what is not there sets no condition."""
    return CallFilter(
        from_time=datetime.fromisoformat(str(document["from_time"])),
        to_time=datetime.fromisoformat(str(document["to_time"])),
        deal_stages=_texts(document["deal_stages"]),
        owners=_texts(document["owners"]),
        amount_min=_number(document["amount_min"]),
        amount_max=_number(document["amount_max"]),
        employees_min=_whole(document["employees_min"]),
        employees_max=_whole(document["employees_max"]),
        directions=_texts(document.get("directions")),
        seconds_min=_whole(document.get("seconds_min")),
        seconds_max=_whole(document.get("seconds_max")),
        title_words=_texts(document.get("title_words")),
        participants=_texts(document.get("participants")),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
