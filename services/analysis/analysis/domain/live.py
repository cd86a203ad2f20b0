"""How far a run is, as somebody who watches it is told: phase, counts, pace, and how long it may still take."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec import Struct

from analysis.domain.run import Run, RunState, Stage, StageState, stages

# The pace is that of the calls analysed last: at most so many, none older than this. The statement that reads them holds both, too.
PACE_CALLS = 50
PACE_WINDOW = timedelta(minutes=10)

# From fewer calls no pace is told: the first ones wait for the fetch, and come several at a time.
_LEAST_CALLS = 3

# The stages in their order, as programs are told of them.
PHASES = ("fetch", "transcripts", "analysis", "summary")

# Raised when what the document means changes, so that nobody takes an old state for the present one.
_FORMAT = "v1"


class Activity(Struct, frozen=True):
    """What goes on in a run right now. `current`: when some of the calls that are being analysed took place, oldest first.

    `recent` calls were analysed between `recent_from` and `recent_to`, the last ones of the run; both are None where there are none.
    """

    analysing: int = 0
    put_back: int = 0
    current: tuple[datetime, ...] = ()
    recent: int = 0
    recent_from: datetime | None = None
    recent_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as it was at `at`."""

    run: Run
    activity: Activity
    at: datetime
    stages: tuple[Stage, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work the stages out once."""
        object.__setattr__(self, "stages", stages(self.run))

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself: the run is over, and no partial report is being written."""
        return self.run.state.final and not self.run.awaits_report(self.at)

    @property
    def phase(self) -> str:
        """The stage that is furthest of those under way; the run's state where none is."""
        if self.run.state is not RunState.RUNNING:
            return self.run.state.value
        active = [name for name, stage in zip(PHASES, self.stages, strict=True) if stage.state is StageState.ACTIVE]
        return active[-1] if active else PHASES[0]

    @property
    def calls_a_second(self) -> float | None:
        """The pace of the last calls; None while too few are analysed to tell.

        Several calls end together, so that from the first to the last of them is less time than they took: while all of the run's calls
        are among them, the time counts from the run's start.
        """
        done = self.activity
        if self.run.state is not RunState.RUNNING or done.recent < _LEAST_CALLS:
            return None
        if done.recent_from is None or done.recent_to is None:
            return None
        begun, counted = done.recent_from, done.recent - 1
        started = self.run.started_at
        if done.recent < PACE_CALLS and started is not None and done.recent_to - started < PACE_WINDOW:
            begun, counted = started, done.recent
        seconds = (done.recent_to - begun).total_seconds()
        return counted / seconds if seconds > 0 else None

    @property
    def remaining_seconds(self) -> int | None:
        """About how long the calls still take, counted from the last one that was analysed; None where nobody can tell.

        The summary comes after that. Nobody can tell while the number of calls is not known, or none is left.
        """
        pace, total = self.calls_a_second, self.run.calls_expected
        if pace is None or total is None or total <= self.run.calls_done:
            return None
        return round((total - self.run.calls_done) / pace)

    @property
    def expected_at(self) -> datetime | None:
        """When the calls may be done; None where nobody can tell."""
        seconds, last = self.remaining_seconds, self.activity.recent_to
        return last + timedelta(seconds=seconds) if seconds is not None and last is not None else None

    @property
    def minutes_left(self) -> int | None:
        """About how many minutes the calls still take, at least one; None where nobody can tell."""
        seconds = self.remaining_seconds
        return None if seconds is None else max(1, round(seconds / 60))

    @property
    def sentence(self) -> str:
        """The state in a sentence, for those who hear the page."""
        if self.phase not in PHASES:
            return _ENDINGS[self.run.state]
        stage = self.stages[PHASES.index(self.phase)]
        counts = f", {stage.done} of {stage.of} calls" if stage.of else ""
        minutes = self.minutes_left
        left = "" if minutes is None else f", about {minutes} {'minute' if minutes == 1 else 'minutes'} left"
        return f"{stage.name}{counts}{left}."

    @property
    def document(self) -> dict[str, object]:
        """The whole state for programs; equal for equal states, whoever reads them. Times are ISO 8601 in UTC."""
        run, activity = self.run, self.activity
        pause, pace = run.pause(self.at), self.calls_a_second
        return {
            "run_id": str(run.id),
            "state": run.state.value,
            "ended": self.ended,
            "phase": self.phase,
            "sentence": self.sentence,
            "reason": run.reason,
            "report_id": str(run.report_id) if run.report_id else None,
            "percent": run.percent,
            "resumable": run.resumable,
            "calls_matching": run.calls_matching,
            "calls_expected": run.calls_expected,
            "calls_fetched": run.calls_fetched,
            "calls_analysed": run.calls_analysed,
            "calls_failed": run.calls_failed,
            "calls_analysing": activity.analysing,
            "calls_put_back": activity.put_back,
            "current_calls": [moment.isoformat() for moment in activity.current],
            "calls_a_minute": None if pace is None else round(60 * pace, 1),
            "remaining_seconds": self.remaining_seconds,
            "expected_at": _time(self.expected_at),
            "paused_until": _time(pause.until) if pause else None,
            "pause_reason": pause.reason if pause else "",
            "remarks": list(run.remarks),
            "stages": [
                {"name": stage.name, "phase": phase, "state": stage.state.value, "done": stage.done, "of": stage.of}
                for phase, stage in zip(PHASES, self.stages, strict=True)
            ],
            "started_at": _time(run.started_at),
            "finished_at": _time(run.finished_at),
        }


_ENDINGS = {
    RunState.QUEUED: "The run waits for its turn.",
    RunState.COMPLETED: "The run is completed. The report can be read.",
    RunState.FAILED: "The run failed.",
    RunState.CANCELLED: "The run was cancelled.",
    RunState.NO_MATCH: "No calls match.",
}


class Snapshot(Struct, frozen=True):
    """A state and its version: two states are the same if and only if their versions are."""

    progress: Progress
    document: dict[str, object]
    version: str

    @property
    def end(self) -> str:
        """The id of the event that says that this state was the last one."""
        return f"{self.version}.end"


def snapshot(progress: Progress) -> Snapshot:
    """`progress` with its version: the SHA-256 of its document, so that each process gives a state the same one."""
    document = progress.document
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    version = f"{_FORMAT}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return Snapshot(progress, document, version)


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
