"""What the API answers, for its description: the routes write these documents, and the tests hold both together."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from pydantic import BaseModel

from analysis.domain.export import ExportState
from analysis.domain.run import RunState, StageState
from analysis.domain.schedule import Outcome, ScheduleState, SkipReason
from analysis.domain.schedule_ranges import Range
from analysis.domain.schedule_times import Cadence


class AskedView(BaseModel):
    """What is asked, of which calls; null, or empty, sets no condition."""

    brief: str
    model: str
    max_calls: int
    stages: list[str]
    owners: list[str]
    amount_min: float | None
    amount_max: float | None
    employees_min: int | None
    employees_max: int | None
    directions: list[str]
    minutes_min: int | None
    minutes_max: int | None
    title_words: list[str]
    participants: list[str]


class QuestionView(AskedView):
    """A question with its days, which are inclusive and in `timezone`."""

    first_day: date
    last_day: date
    timezone: str


class SampledCallView(BaseModel):
    """One of the calls that match a preview."""

    title: str
    started_at: datetime
    duration_seconds: int
    owner: str
    stage: str
    participants: list[str]
    more_participants: int


class PreviewView(BaseModel):
    """How many calls match, and some of them; null until that is known."""

    preview_id: uuid.UUID
    state: str
    matching_calls: int | None
    total_seconds: int | None
    reason: str
    question: QuestionView
    sample: list[SampledCallView] | None


class StageView(BaseModel):
    """One stage of a run; `of` is null where it cannot be counted."""

    name: str
    state: StageState
    done: int
    of: int | None


class RunView(BaseModel):
    """A run. `report_id` is there once there is a report; `paused_until` while the run waits."""

    run_id: uuid.UUID
    state: RunState
    reason: str
    report_id: uuid.UUID | None
    percent: int
    resumable: bool
    question: QuestionView
    call_limit: int | None
    calls_matching: int | None
    calls_expected: int | None
    calls_fetched: int
    calls_analysed: int
    calls_failed: int
    paused_until: datetime | None
    pause_reason: str
    remarks: list[str]
    stages: list[StageView]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunsView(BaseModel):
    """A page of runs, newest first. `next` goes into `before` for the page after; null on the last."""

    runs: list[RunView]
    hidden_reports: int
    next: uuid.UUID | None


class RunStarted(BaseModel):
    """The run that was started."""

    run_id: uuid.UUID


class SentRequestView(BaseModel):
    """One request to a language model: kinds of data and sizes, never content. `call_id` is null where it was about the whole run."""

    id: uuid.UUID
    call_id: str | None
    task: str
    part: int
    parts: int
    provider: str
    model: str
    provider_model: str
    data_classes: list[str]
    masked: dict[str, int]
    bytes_sent: int
    storage: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    outcome: str
    status: int
    started_at: datetime
    took_ms: int


class SentRequestsView(BaseModel):
    """A page of requests in order. `next` goes into `after` for the page that follows; null on the last."""

    requests: list[SentRequestView]
    next: uuid.UUID | None


class ExportView(BaseModel):
    """An export. `file` is the path to fetch it from until `ends_at`; null before and after."""

    number: int
    format: str
    state: ExportState
    asked_at: datetime
    ends_at: datetime | None
    size_bytes: int | None
    sha256: str | None
    file: str | None


class ExportsView(BaseModel):
    """The latest exports of a report by whoever asks, newest first."""

    exports: list[ExportView]


class FiringView(BaseModel):
    """What became of a firing; `firings` counts those that were missed in a row."""

    planned_at: datetime
    fired_at: datetime
    outcome: Outcome
    reason: SkipReason | None
    firings: int
    first_planned_at: datetime | None
    late: bool
    by_hand: bool
    run_id: uuid.UUID | None


class FiringsView(BaseModel):
    """A page of a schedule's history, newest first. `next` goes into `before` for the page after; null on the last."""

    firings: list[FiringView]
    next: datetime | None


class AheadView(BaseModel):
    """The next firings were the schedule active, the days the first would ask about, and what a month uses at worst."""

    timezone: str
    firings: list[datetime]
    first_day: date
    last_day: date
    most_firings_a_month: int
    most_calls_a_month: int


class ScheduleCore(BaseModel):
    """A schedule. `version` goes back with a change."""

    schedule_id: uuid.UUID
    state: ScheduleState
    version: int
    name: str
    cadence: Cadence
    time: str
    weekdays: list[str]
    month_day: int | None
    timezone: str | None
    range: Range
    cap: bool
    question: AskedView
    next_firing_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime


class ScheduleView(ScheduleCore):
    """A schedule with what lies ahead of it."""

    ahead: AheadView


class ListedSchedule(ScheduleCore):
    """A schedule with what became of its last firing."""

    last_firing: FiringView | None


class SchedulesView(BaseModel):
    """The workspace's schedules."""

    schedules: list[ListedSchedule]
