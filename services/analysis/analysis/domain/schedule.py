"""A schedule: a question that is asked again and again, and what became of each firing."""

from __future__ import annotations

import enum
import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import NewType
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from msgspec.structs import replace

from analysis.domain.deliveries import Delivery, Where
from analysis.domain.plan import Plan
from analysis.domain.request import Question, RunId, as_document, zone_of
from analysis.domain.run import RunState
from analysis.domain.schedule_ranges import Range, days_of
from analysis.domain.schedule_times import WEEKDAYS, Due, Timing, check_timing, check_zone, due_at, firings_after
from core.errors import InvalidInput

ScheduleId = NewType("ScheduleId", uuid.UUID)

LONGEST_NAME = 120

# More than anybody looks after; each is looked at by the tick.
MOST_SCHEDULES = 100

# Who fires, as a run names it that was not asked for by a person.
FIRED_BY = "analysis"

# A firing that takes place later than this was made up for.
LATE = timedelta(minutes=10)

# A year of months of the plan shows the fullest one.
_MONTHS_AHEAD = 12


class ScheduleState(enum.StrEnum):
    """Where a schedule is. Only an active one fires."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    DELETED = "deleted"


class Outcome(enum.StrEnum):
    """What became of a firing."""

    STARTED = "started"
    SKIPPED = "skipped"
    MISSED = "missed"


class SkipReason(enum.StrEnum):
    """Why a firing came to nothing."""

    NO_QUOTA = "no_quota"
    TOO_FEW_LEFT = "too_few_left"
    MODEL_NOT_IN_PLAN = "model_not_in_plan"
    STILL_UNDER_WAY = "still_under_way"
    GONG_NOT_CONNECTED = "gong_not_connected"
    NOT_ASKABLE = "not_askable"


class Setting(Struct, frozen=True):
    """What an admin decides of a schedule.

    `question` has everything but the days, which are those of its last check and stand for nothing: each firing has its own. `timezone`
    None follows the workspace's. `cap`: a run may stop where the quota ends; otherwise a firing that may need more than is left is skipped.
    `delivery`: where its reports are posted.
    """

    name: str
    question: Question
    timing: Timing
    range: Range
    timezone: str | None = None
    cap: bool = True
    delivery: Delivery = field(default_factory=Delivery)

    def zone(self, workspace_timezone: str) -> ZoneInfo:
        """The zone whose clocks count."""
        return zone_of(self.timezone or workspace_timezone)

    def asked(self, at: datetime, last: datetime | None, workspace_timezone: str) -> Question:
        """The question of the firing planned `at`; `last` is that of the last one carried out."""
        zone = self.zone(workspace_timezone)
        first_day, last_day = days_of(self.range, self.timing, zone, at, last)
        return replace(self.question, first_day=first_day, last_day=last_day, timezone=zone.key)

    def due(self, planned_at: datetime, now: datetime, workspace_timezone: str) -> Due:
        """What is due where `planned_at` is the first firing that has not taken place."""
        return due_at(self.timing, self.zone(workspace_timezone), planned_at, now)


class Schedule(Struct, frozen=True):
    """One schedule as the database has it. `version` rises with each change an admin makes."""

    id: ScheduleId
    state: ScheduleState
    version: int
    setting: Setting
    next_firing_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def title(self) -> str:
        """Its name; without one, the brief's first line."""
        return self.setting.name or self.setting.question.title


class Firing(Struct, frozen=True):
    """A line of the execution history.

    `count` firings from `first_planned_at` to `planned_at` where they were missed, otherwise one. `by_hand`: somebody has run it now.
    `run_state` is None where there is no run, or where the plan hides it.
    """

    planned_at: datetime
    outcome: Outcome
    fired_at: datetime
    reason: SkipReason | None = None
    count: int = 1
    first_planned_at: datetime | None = None
    by_hand: bool = False
    run_id: RunId | None = None
    run_state: RunState | None = None

    @property
    def is_late(self) -> bool:
        """Whether it was made up for after its time."""
        return self.outcome is not Outcome.MISSED and self.fired_at - self.planned_at > LATE


def check_setting(setting: Setting) -> None:
    """Raise InvalidInput, naming what is wrong, unless a schedule can be set like this. The question is checked by itself."""
    if len(setting.name) > LONGEST_NAME or not setting.name.isprintable():
        raise InvalidInput(f"a name has up to {LONGEST_NAME} printable characters")
    check_timing(setting.timing)
    if setting.timezone is not None:
        check_zone(setting.timezone)


def most_calls_a_month(setting: Setting, plan: Plan, now: datetime, workspace_timezone: str) -> tuple[int, int]:
    """The firings of the fullest of the plan's next months, and the analysed calls they would use at worst."""
    months = [plan.month(now)]
    for _ in range(_MONTHS_AHEAD):
        months.append(plan.month(months[-1].ends_at))
    ahead = firings_after(setting.timing, setting.zone(workspace_timezone), now)
    firings = list(takewhile(lambda instant: instant < months[-1].ends_at, ahead))
    most = max(sum(month.begins_at <= firing < month.ends_at for firing in firings) for month in months)
    return most, most * setting.question.max_calls


def request_id_of(schedule_id: ScheduleId, planned_at: datetime) -> uuid.UUID:
    """The request that a firing makes: the same for the same firing, so that it never makes two runs."""
    return uuid.uuid5(schedule_id, planned_at.astimezone(UTC).isoformat())


Value = str | int | float | bool | list[str] | None


class Change(Struct, frozen=True):
    """A field's value before and after; None where it was, or is, not there."""

    field: str
    before: Value
    after: Value


def changes(
    before: tuple[ScheduleState, Setting] | None, after: tuple[ScheduleState, Setting] | None
) -> tuple[Change, ...]:
    """What the audit log is told: fields that differ. A brief is told by its length and its SHA-256 only."""
    was, now = _fields(before), _fields(after)
    return tuple(
        Change(field, was.get(field), now.get(field)) for field in {**was, **now} if was.get(field) != now.get(field)
    )


# The days of a question are no setting, and its zone is told as the schedule's.
_NOT_TOLD = {"brief", "first_day", "last_day", "timezone"}


def _fields(told: tuple[ScheduleState, Setting] | None) -> Mapping[str, Value]:
    if told is None:
        return {}
    state, setting = told
    brief, timing = setting.question.brief, setting.timing
    fields: dict[str, Value] = {
        "status": state.value,
        "name": setting.name or None,
        "cadence": timing.cadence.value,
        "time": f"{timing.at:%H:%M}",
        "weekdays": [WEEKDAYS[day] for day in timing.weekdays] or None,
        "month_day": timing.month_day,
        "timezone": setting.timezone,
        "range": setting.range.value,
        "stop_at_quota": setting.cap,
        "slack_channel": _delivered(setting.delivery),
        "brief": f"{len(brief):,} characters, sha256 {hashlib.sha256(brief.encode()).hexdigest()[:16]}",
    }
    asked = {name: value for name, value in as_document(setting.question).items() if name not in _NOT_TOLD}
    return fields | {name: _value(value) for name, value in asked.items()}


def _delivered(delivery: Delivery) -> str:
    channel = delivery.channel
    if channel is None:
        return "the workspace's" if delivery.where is Where.WORKSPACE else "none"
    return channel.told


def _value(value: object) -> Value:
    if isinstance(value, list):
        return [str(item) for item in value] or None
    return value if isinstance(value, str | int | float) else None
