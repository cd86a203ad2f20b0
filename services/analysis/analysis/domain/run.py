"""A run: its states, its counters, and the four stages that a person watches."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime, timedelta

from msgspec import Struct

from analysis.domain.request import PreviewId, Question, ReportId, RunId
from analysis.domain.sample import StoredSample

# Runs that were cancelled before there were partial reports never get one: after this nobody is told to wait for it.
_REPORT_OF_CANCELLED = timedelta(minutes=15)


class RunState(enum.StrEnum):
    """Where a run is. The last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NO_MATCH = "no_match"

    @property
    def final(self) -> bool:
        """Whether nothing happens to the run any more."""
        return self not in {RunState.QUEUED, RunState.RUNNING}


class StageState(enum.StrEnum):
    """Where one stage is."""

    WAITING = "waiting"
    ACTIVE = "active"
    DONE = "done"


class Stage(Struct, frozen=True):
    """One of the four stages, with its progress where it can be counted."""

    name: str
    state: StageState
    done: int = 0
    of: int | None = None


class Pause(Struct, frozen=True):
    """A rest of the fetch: why, in words for the page, and until when."""

    reason: str
    until: datetime


class Run(Struct, frozen=True):
    """One run as the database has it."""

    id: RunId
    question: Question
    requested_by: str
    state: RunState
    call_limit: int | None
    calls_expected: int | None
    calls_matching: int | None
    calls_private: int | None
    calls_without_transcript: int | None
    calls_fetched: int
    calls_analysed: int
    calls_failed: int
    reason: str
    report_id: ReportId | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused_until: datetime | None = None
    pause_reason: str = ""
    remarks: tuple[str, ...] = ()
    # Under which ids its calls were asked for again, the present one last.
    fetches: tuple[uuid.UUID, ...] = ()

    @property
    def resumable(self) -> bool:
        """Whether it can be gone on with: it failed, and what it has is kept."""
        return self.state is RunState.FAILED

    @property
    def fetch_id(self) -> uuid.UUID:
        """Under which id its calls are asked for: its own, until they are asked for again."""
        return self.fetches[-1] if self.fetches else self.id

    @property
    def calls_left(self) -> int:
        """How many calls it may still use: those that are not analysed, or what was asked for where they are not all known."""
        known = self.calls_expected if self.fetch_complete else None
        return max(0, (self.question.max_calls if known is None else known) - self.calls_analysed)

    @property
    def has_room(self) -> bool:
        """Whether another call may be queued: not more than it may use are here or analysed."""
        return self.call_limit is None or self.calls_fetched < self.call_limit

    def pause(self, now: datetime) -> Pause | None:
        """Why the fetch rests and until when; None when it does not."""
        if self.state is not RunState.RUNNING or self.calls_expected is not None:
            return None
        if self.paused_until is None or self.paused_until <= now:
            return None
        return Pause(self.pause_reason or "The fetch rests", self.paused_until)

    def awaits_report(self, now: datetime) -> bool:
        """Whether a partial report is being written: the run was cancelled a short while ago, with calls finished."""
        if self.state is not RunState.CANCELLED or not self.calls_analysed or self.report_id or not self.finished_at:
            return False
        return now - self.finished_at < _REPORT_OF_CANCELLED

    @property
    def calls_done(self) -> int:
        """Calls that are analysed or have failed for good."""
        return self.calls_analysed + self.calls_failed

    @property
    def fetch_complete(self) -> bool:
        """Whether every call that was announced is here."""
        return self.calls_expected is not None and self.calls_fetched >= self.calls_expected

    @property
    def calls_complete(self) -> bool:
        """Whether every call that was announced is here and done."""
        return self.calls_expected is not None and self.calls_done >= self.calls_expected > 0

    @property
    def percent(self) -> int:
        """Progress of the whole, 0 to 100: the calls are 95 of it, the summary the rest."""
        if self.state is RunState.COMPLETED:
            return 100
        total = self.calls_expected or 0
        return min(95, 95 * self.calls_done // total) if total else 0


class Preview(Struct, frozen=True):
    """How many calls a question would be asked of; numbers are None until they are known. `sample`: where some of them are."""

    id: PreviewId
    question: Question
    state: str
    matching_calls: int | None
    total_seconds: int | None
    reason: str
    sample: StoredSample | None = None


def stages(run: Run) -> tuple[Stage, ...]:
    """The four stages: fetch, transcripts, per-call analysis, executive summary."""
    over = run.state is RunState.COMPLETED
    total = run.calls_expected
    listed = total is not None or run.calls_fetched > 0
    running = run.state is RunState.RUNNING
    return (
        Stage("Fetch", _state(over or listed, running)),
        Stage("Transcripts", _state(over or run.fetch_complete, running and listed), run.calls_fetched, total),
        Stage("Per-call analysis", _state(over or run.calls_complete, run.calls_fetched > 0), run.calls_done, total),
        Stage("Executive summary", _state(over, running and run.calls_complete)),
    )


def _state(done: bool, active: bool) -> StageState:
    if done:
        return StageState.DONE
    return StageState.ACTIVE if active else StageState.WAITING


class Fetched(Struct, frozen=True):
    """How a fetch ended: calls put into storage, calls that matched, those left out by reason, and what it had to do without."""

    calls: int
    matching: int
    private: int
    without_transcript: int
    remarks: tuple[str, ...] = ()

    def no_match_reason(self) -> str:
        """Why there is nothing to analyse, and what to try."""
        if self.matching == 0:
            return "no calls match: widen the date range or loosen the filters"
        parts = []
        if self.private:
            parts.append(f"{self.private} private")
        if self.without_transcript:
            parts.append(f"{self.without_transcript} without a transcript")
        return f"{self.matching} calls match, but none can be read ({', '.join(parts) or 'left out'})"


class FetchedCall(Struct, frozen=True):
    """One call that is in object storage. `ordinal` is its place in the run."""

    call_id: str
    ordinal: int
    object_name: str
    sha256: str
    started_at: datetime
    duration_seconds: int
