"""Previews and runs."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from msgspec import Struct

from analysis.domain.document import SkippedCall
from analysis.domain.report import FailedCall
from analysis.domain.request import PreviewId, Question, ReportId, RunId, as_document, from_document
from analysis.domain.run import Fetched, FetchedCall, Preview, Run, RunState
from analysis.domain.sample import StoredSample
from analysis.store import people
from core.context import current
from database import Row, Tx


async def insert_preview(tx: Tx, preview_id: PreviewId, question: Question) -> None:
    """A question whose calls are to be counted."""
    await tx.execute("insert_preview", id=preview_id, request=as_document(question))


async def claim_preparation(tx: Tx, seconds: float) -> bool:
    """Whether the calls may be listed ahead now: not where that was done in the last `seconds`."""
    return await tx.execute("claim_preparation", seconds=seconds) == 1


async def preview(tx: Tx, preview_id: PreviewId) -> Preview | None:
    """One preview, or None."""
    row = await tx.fetch_one("preview_by_id", id=preview_id)
    if row is None:
        return None
    return Preview(
        id=PreviewId(row["id"]),
        question=from_document(row["request"]),
        state=row["state"],
        matching_calls=row["matching_calls"],
        total_seconds=row["total_seconds"],
        reason=row["reason"],
        sample=StoredSample(row["sample_name"], row["sample_sha256"]) if row["sample_name"] else None,
    )


class Count(Struct, frozen=True):
    """What a preview has found."""

    matching_calls: int
    total_seconds: int
    sample: StoredSample | None = None


async def finish_preview(tx: Tx, preview_id: PreviewId, count: Count, failure: str) -> None:
    """Store the count, or why there is none; the first answer stays."""
    sample = None if failure else count.sample
    await tx.execute(
        "finish_preview",
        id=preview_id,
        state="failed" if failure else "ready",
        matching_calls=None if failure else count.matching_calls,
        total_seconds=None if failure else count.total_seconds,
        reason=failure,
        sample_name=sample.object_name if sample else None,
        sample_sha256=sample.sha256 if sample else None,
    )


async def insert_run(tx: Tx, run_id: RunId, request_id: uuid.UUID, requested_by: str, question: Question) -> bool:
    """A queued run; False when this request has made one before."""
    inserted = await tx.execute(
        "insert_run",
        id=run_id,
        request_id=request_id,
        requested_by=requested_by,
        request=as_document(question),
        traceparent=current().traceparent,
    )
    return inserted == 1


async def traceparent_of(tx: Tx, run_id: RunId) -> str:
    """The trace that a run goes on with; empty where there is none."""
    return str(await tx.fetch_value("traceparent_of_run", id=run_id) or "")


async def run_of_request(tx: Tx, request_id: uuid.UUID) -> RunId | None:
    """The run that a request has made, or None."""
    value = await tx.fetch_value("run_of_request", request_id=request_id)
    return RunId(value) if isinstance(value, uuid.UUID) else None


async def run(tx: Tx, run_id: RunId) -> Run | None:
    """One run, or None."""
    row = await tx.fetch_one("run_by_id", id=run_id)
    return run_of(row) if row else None


async def lock_run(tx: Tx, run_id: RunId) -> Run | None:
    """One run, locked until the transaction ends; None where there is none."""
    row = await tx.fetch_one("run_for_update", id=run_id)
    return run_of(row) if row else None


async def runs_page(tx: Tx, before: uuid.UUID | None, limit: int) -> list[Run]:
    """At most `limit` runs, newest first, older than `before`."""
    return [run_of(row) for row in await tx.fetch("runs_page", before=before, limit=limit)]


class RunLine(Struct, frozen=True):
    """A run in the operators' list: its state and counts."""

    id: uuid.UUID
    state: str
    calls_analysed: int
    calls_failed: int
    calls_expected: int | None
    created_at: datetime


async def runs_states(tx: Tx, limit: int) -> list[RunLine]:
    """At most `limit` runs, newest first, without what was asked."""
    return [RunLine(**dict(row)) for row in await tx.fetch("runs_states", limit=limit)]


class Queued(Struct, frozen=True):
    """A run that waits for its turn."""

    id: RunId
    question: Question
    calls_expected: int | None
    calls_analysed: int
    fetch_id: uuid.UUID

    @property
    def most_calls(self) -> int:
        """How many more calls it may use: those that are left where they are known, or what was asked for."""
        return max(0, (self.calls_expected or self.question.max_calls) - self.calls_analysed)

    @property
    def least_calls(self) -> int:
        """How many calls have to be free before it begins: one for a fetch that can be limited, all that are left where they are here."""
        return min(1, self.most_calls) if self.calls_expected is None else self.most_calls


async def runs_under_way(tx: Tx) -> int:
    """How many runs are under way."""
    row = await tx.fetch_one("runs_under_way")
    return int(row["runs"]) if row else 0


async def next_queued(tx: Tx) -> Queued | None:
    """The run that has waited longest, locked; None when none waits."""
    row = await tx.fetch_one("next_queued_run")
    if row is None:
        return None
    return Queued(
        RunId(row["id"]),
        from_document(row["request"]),
        row["calls_expected"],
        row["calls_analysed"],
        [row["id"], *row["fetch_ids"]][-1],
    )


async def start_run(tx: Tx, run_id: RunId, call_limit: int) -> int | None:
    """Begin a queued run; the sequence of its next event, or None when it is not queued."""
    return _sequence(await tx.fetch_value("start_run", id=run_id, call_limit=call_limit))


async def end_run(tx: Tx, run_id: RunId, state: RunState, reason: str) -> int | None:
    """End a run without a report and take its open work off the queue; the sequence of its next event, or None when it had ended."""
    sequence = _sequence(await tx.fetch_value("end_run", id=run_id, state=state.value, reason=reason))
    if sequence is not None:
        await tx.execute("skip_open_calls", run_id=run_id)
        await tx.execute("close_synthesis", run_id=run_id)
    return sequence


async def complete_run(tx: Tx, run_id: RunId, report_id: ReportId) -> int | None:
    """End a run with its report; the sequence of its next event, or None when it is not running."""
    return _sequence(await tx.fetch_value("complete_run", id=run_id, report_id=report_id))


async def report_cancelled_run(tx: Tx, run_id: RunId, report_id: ReportId) -> int | None:
    """Give a cancelled run its report; the sequence of its next event, or None when it is not cancelled or has one."""
    return _sequence(await tx.fetch_value("report_of_cancelled_run", id=run_id, report_id=report_id))


async def resume_run(tx: Tx, run: Run, fetch_id: uuid.UUID) -> None:
    """Let a failed run wait for its turn again; its calls are asked for under `fetch_id` where its fetch had not ended."""
    await tx.execute("resume_run", id=run.id)
    if not run.fetch_complete:
        await tx.execute("fetch_again", id=run.id, fetch_id=fetch_id)
        await tx.execute("leave_out_calls", run_id=run.id)


async def reopen_calls(tx: Tx, run_id: RunId) -> None:
    """Queue the calls of a run that are not analysed."""
    await tx.execute("reopen_calls", run_id=run_id)


class FetchedRun(Struct, frozen=True):
    """The run behind a fetch; `present` unless its calls have been asked for again since."""

    run: Run
    present: bool


async def lock_fetched(tx: Tx, fetch_id: uuid.UUID) -> FetchedRun | None:
    """The run whose calls were asked for under this id, locked; None where there is none."""
    first = await lock_run(tx, RunId(fetch_id))
    if first is not None:
        return FetchedRun(first, not first.fetches)
    found = await tx.fetch_value("run_of_fetch", fetch_id=fetch_id)
    run = await lock_run(tx, RunId(found)) if isinstance(found, uuid.UUID) else None
    # As it is under the lock: it may have been resumed while that was waited for.
    return FetchedRun(run, run.fetches[-1] == fetch_id) if run else None


async def record_fetch(tx: Tx, run_id: RunId, fetched: Fetched) -> None:
    """All calls have been announced; the first announcement counts."""
    await tx.execute(
        "record_fetch",
        id=run_id,
        expected=fetched.calls,
        matching=fetched.matching,
        private=fetched.private,
        without_transcript=fetched.without_transcript,
        remarks=fetched.remarks,
    )


async def record_pause(tx: Tx, run_id: RunId, until: datetime, reason: str) -> None:
    """The run's fetch rests until then."""
    await tx.execute("record_pause", id=run_id, until=until, reason=reason)


class Added(enum.Enum):
    """What an announced call is to its run: to be analysed, analysed already, or one for which it has no room."""

    QUEUED = "queued"
    KEPT = "kept"
    LEFT_OUT = "left out"


async def add_call(tx: Tx, run: Run, call: FetchedCall) -> Added | None:
    """Put a call into the queue, once; None when this fetch has announced it before.

    A run takes no more calls than it was given when it began (`call_limit`), whatever is announced: for more nobody would pay. One that is
    gone on with asks for those again that it has analysed; where the provider lists others in their place, these are left out. So is one
    that is erased, of which nothing is noted.
    """
    row = await tx.fetch_one(
        "insert_run_call",
        run_id=run.id,
        fetch_number=len(run.fetches),
        call_id=call.call_id,
        ordinal=call.ordinal,
        object_name=call.object_name,
        sha256=call.sha256,
        started_at=call.started_at,
        duration_seconds=call.duration_seconds,
        left_out=not run.has_room,
    )
    if row is None:
        return await _left_out(tx, run) if await people.is_erased(tx, call.call_id) else None
    if row["kept"]:
        await tx.execute("count_kept", id=run.id)
        return Added.KEPT
    if row["left_out"]:
        return await _left_out(tx, run)
    await tx.execute("count_fetched", id=run.id)
    return Added.QUEUED


async def _left_out(tx: Tx, run: Run) -> Added:
    await tx.execute("count_left_out", id=run.id)
    return Added.LEFT_OUT


async def failed_calls(tx: Tx, run_id: RunId) -> list[FailedCall]:
    """Calls that could not be analysed; one whose title is not known is named by its date."""
    return [
        FailedCall(row["call_id"], _title(row), row["reason"]) for row in await tx.fetch("failed_calls", run_id=run_id)
    ]


def _title(row: Row) -> str:
    return row["title"] or f"Call of {row['started_at']:%-d %b %Y, %H:%M} UTC"


async def skipped_calls(tx: Tx, run_id: RunId) -> tuple[SkippedCall, ...]:
    """Calls that were fetched and not analysed, because the run had ended."""
    rows = await tx.fetch("skipped_calls", run_id=run_id)
    return tuple(SkippedCall(row["call_id"], _title(row), row["started_at"]) for row in rows)


class StoredCall(Struct, frozen=True):
    """Where a call's object is."""

    object_name: str
    sha256: str


async def stored_call(tx: Tx, run_id: RunId, call_id: str) -> StoredCall | None:
    """Where one call of a run is stored, or None."""
    row = await tx.fetch_one("run_call", run_id=run_id, call_id=call_id)
    return StoredCall(row["object_name"], row["sha256"]) if row else None


async def waiting(tx: Tx) -> dict[str, int]:
    """How much work waits, in all workspaces together; `tx` is a sweep."""
    row = await tx.fetch_one("runs_waiting")
    return {name: int(count) for name, count in row.items()} if row else {}


def _sequence(value: object) -> int | None:
    return value if isinstance(value, int) else None


def run_of(row: Row) -> Run:
    """The run of a row that has all of a run's columns."""
    return Run(
        id=RunId(row["id"]),
        question=from_document(row["request"]),
        requested_by=row["requested_by"],
        state=RunState(row["state"]),
        call_limit=row["call_limit"],
        calls_expected=row["calls_expected"],
        calls_matching=row["calls_matching"],
        calls_private=row["calls_private"],
        calls_without_transcript=row["calls_without_transcript"],
        calls_fetched=row["calls_fetched"],
        calls_analysed=row["calls_analysed"],
        calls_failed=row["calls_failed"],
        reason=row["reason"],
        report_id=ReportId(row["report_id"]) if row["report_id"] else None,
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        paused_until=row["paused_until"],
        pause_reason=row["pause_reason"],
        remarks=tuple(row["fetch_remarks"]),
        fetches=tuple(row["fetch_ids"]),
    )
