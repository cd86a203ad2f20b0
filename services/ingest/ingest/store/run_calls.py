"""The calls of a run, from chosen to settled, and what is held of calls altogether.

Written in transactions that `work.held` has made the holder's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from cloud.objects import StoredObject
from database import Tx
from ingest.domain.calls import CallId
from ingest.domain.choice import ChosenCall
from ingest.domain.jobs import CallState, Claim
from ingest.store.work import lost

# Rows of one statement: at half a kilobyte each well below what a server likes to take at once.
_AT_ONCE = 1_000


class WaitingCall(Struct, frozen=True):
    """A chosen call. `metadata` and `started_at` are None for one that an earlier version chose.

    `is_young`: a transcript that is missing may still come. `held` is the object that holds the call as it is.
    """

    call_id: CallId
    position: int
    metadata: bytes | None
    checksum: str
    started_at: datetime | None
    duration_seconds: int
    refusals: int
    is_young: bool
    held: StoredObject | None


class StoredCall(Struct, frozen=True):
    """Where a call is kept and the sequence of its message."""

    call_id: CallId
    sequence: int
    kept: StoredObject


async def choose(tx: Tx, claim: Claim, chosen: Sequence[ChosenCall]) -> int:
    """Fix which calls the run fetches, in which order; how many of them are erased, and left out."""
    left_out = len(chosen)
    for before in range(0, len(chosen), _AT_ONCE):
        some = chosen[before : before + _AT_ONCE]
        left_out -= await tx.execute(
            "run_calls_choose",
            run_id=claim.job_id,
            before=before,
            call_ids=[call.call_id for call in some],
            metadata=[call.metadata.content for call in some],
            checksums=[call.metadata.checksum for call in some],
            ended_ats=[call.ended_at for call in some],
            durations=[call.duration_seconds for call in some],
        )
    return left_out


async def waiting(tx: Tx, claim: Claim, after: int, most: int, held_days: int) -> list[WaitingCall]:
    """The next `most` calls behind position `after` that may be fetched now; a call held for more than `held_days` counts as not held."""
    rows = await tx.fetch("run_calls_waiting", run_id=claim.job_id, after=after, calls=most, held_days=held_days)
    return [
        WaitingCall(
            call_id=row["call_id"],
            position=row["position"],
            metadata=row["metadata"],
            checksum=row["checksum"] or "",
            started_at=row["ended_at"] - timedelta(seconds=row["duration_seconds"]) if row["ended_at"] else None,
            duration_seconds=row["duration_seconds"],
            refusals=row["refusals"],
            is_young=row["is_young"],
            held=StoredObject(row["object_name"], row["sha256"], row["size_bytes"]) if row["object_name"] else None,
        )
        for row in rows
    ]


async def later(tx: Tx, claim: Claim) -> tuple[int, float] | None:
    """How many calls are left, and the seconds until the first of them may be asked for; None when all are settled."""
    row = await tx.fetch_one("run_calls_later", run_id=claim.job_id)
    return (row["calls"], max(0.0, row["seconds"])) if row and row["calls"] else None


async def store(tx: Tx, claim: Claim, calls: Sequence[StoredCall]) -> None:
    """Note calls as stored. Raises LeaseLost when one of them had been settled already: somebody else was here."""
    changed = await tx.execute(
        "run_calls_stored",
        run_id=claim.job_id,
        call_ids=[call.call_id for call in calls],
        sequences=[call.sequence for call in calls],
        object_names=[call.kept.name for call in calls],
        sha256s=[call.kept.sha256 for call in calls],
        sizes=[call.kept.size for call in calls],
    )
    if changed != len(calls):
        raise lost()


async def settle(tx: Tx, claim: Claim, states: Sequence[tuple[CallId, CallState]]) -> None:
    """Note calls that are left out, and why. Raises LeaseLost as `store` does."""
    changed = await tx.execute(
        "run_calls_settled",
        run_id=claim.job_id,
        call_ids=[call_id for call_id, _ in states],
        states=[state.value for _, state in states],
    )
    if changed != len(states):
        raise lost()


async def defer(tx: Tx, claim: Claim, calls: Sequence[tuple[CallId, float]]) -> None:
    """Ask for these again in so many seconds. Raises LeaseLost as `store` does."""
    changed = await tx.execute(
        "run_calls_deferred",
        run_id=claim.job_id,
        call_ids=[call_id for call_id, _ in calls],
        seconds=[seconds for _, seconds in calls],
    )
    if changed != len(calls):
        raise lost()


async def let_go(tx: Tx, claim: Claim) -> int:
    """Forget calls that are to be fetched and are erased; how many there were. They are to be counted as left out."""
    return await tx.execute("run_calls_let_go", run_id=claim.job_id)


async def forget(tx: Tx, claim: Claim) -> None:
    """The run is over: the metadata of calls that were not fetched goes."""
    await tx.execute("run_calls_forget", run_id=claim.job_id)
    await tx.execute("run_pages_forget", run_id=claim.job_id)


async def hold(tx: Tx, calls: Sequence[tuple[CallId, str, StoredObject]]) -> None:
    """These calls, of this checksum, are held by these objects from now on."""
    await tx.execute(
        "held_calls_save",
        call_ids=[call_id for call_id, _, _ in calls],
        checksums=[checksum for _, checksum, _ in calls],
        object_names=[kept.name for _, _, kept in calls],
        sha256s=[kept.sha256 for _, _, kept in calls],
        sizes=[kept.size for _, _, kept in calls],
    )
