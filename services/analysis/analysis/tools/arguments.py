"""What the tools take. Each field's description is written for the model that calls."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from analysis.domain.finding import LONGEST_THEME, Sentiment, Verdict
from analysis.domain.request import LONGEST_BRIEF, LONGEST_CHOICE, MOST_CALLS, MOST_CHOICES, MOST_EMPLOYEES
from analysis.domain.schedule import LONGEST_NAME
from analysis.domain.schedule_ranges import Range
from analysis.domain.schedule_times import Cadence
from analysis.domain.search import LONGEST_QUERY

# Findings of one answer: with their quotes about as much as a model reads at once.
MOST_FINDINGS = 25

Choices = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_CHOICE)]],
    Field(max_length=MOST_CHOICES),
]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Employees = Annotated[int, Field(ge=0, le=MOST_EMPLOYEES)]


class Arguments(BaseModel):
    """Of every tool: what is not known is refused, so that a slip is not taken for a smaller question."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ListRuns(Arguments):
    """A page of runs."""

    before: uuid.UUID | None = Field(default=None, description="`next` of the page before; leave out for the newest")


class Question(Arguments):
    """What all questions have but their days."""

    owners: Choices = Field(default_factory=list, description="Only calls owned by these reps, by name or email")
    stages: Choices = Field(default_factory=list, description="Only calls whose deal is in one of these stages")
    amount_min: Amount | None = Field(default=None, description="Only deals of at least this amount")
    amount_max: Amount | None = Field(default=None, description="Only deals of at most this amount")
    employees_min: Employees | None = Field(default=None, description="Only companies with at least so many employees")
    employees_max: Employees | None = Field(default=None, description="Only companies with at most so many employees")
    title_words: Choices = Field(default_factory=list, description="Only calls with all of these words in the title")
    participants: Choices = Field(default_factory=list, description="Only calls with one of these people")
    model: str = Field(
        default="", max_length=100, description="A language model of the plan; leave out for the plan's first"
    )


class StartRun(Question):
    """A question of many calls."""

    brief: str = Field(
        min_length=1, max_length=LONGEST_BRIEF, description="What to ask of every call, in plain language"
    )
    idempotency_key: str = Field(
        min_length=8,
        max_length=100,
        description="Made up once for this run, for example a UUID. The same key always gives the same run: repeat it when you "
        "repeat the call, and make up another one for another run",
    )
    first_day: date | None = Field(default=None, description="First day of the calls, inclusive; 30 days if left out")
    last_day: date | None = Field(default=None, description="Last day of the calls, inclusive; today if left out")
    max_calls: int | None = Field(
        default=None, ge=1, le=MOST_CALLS, description="The most calls to analyse; each one uses quota"
    )
    stop_at_quota: bool = Field(
        default=False, description="Start the run also where fewer calls are left of the quota, and stop it there"
    )


class GetReport(Arguments):
    """A report, or one of its themes."""

    report_id: uuid.UUID = Field(description="`report_id` of a run or a finding")
    theme: int | None = Field(
        default=None, ge=1, le=100_000, description="`number` of a theme, to read its findings instead of the overview"
    )
    page: int = Field(default=1, ge=1, le=100_000, description="Which page of the theme's findings")


class SearchFindings(Arguments):
    """Words and filters."""

    query: str = Field(
        min_length=1,
        max_length=LONGEST_QUERY,
        description='Words that all have to be there, each found by its beginning; "words in quotes" stand beside each other; '
        "-word leaves out; OR is either",
    )
    run_id: uuid.UUID | None = Field(default=None, description="Only the report of this run")
    report_id: uuid.UUID | None = Field(default=None, description="Only this report")
    theme: str = Field(
        default="", max_length=4 * LONGEST_THEME, description="Only this theme, spelled as in the report"
    )
    rep: str = Field(default="", max_length=400, description="Only calls of this rep, spelled as in the report")
    sentiment: Sentiment | None = Field(default=None, description="Only findings with this sentiment")
    verdict: Verdict | None = Field(default=None, description="Only calls that answer their question so")
    first_day: date | None = Field(default=None, description="Only calls from this day on")
    last_day: date | None = Field(default=None, description="Only calls until this day, inclusive")
    cursor: str = Field(
        default="", max_length=200, description="`next` of the page before; leave out for the first page"
    )
    limit: int = Field(default=10, ge=1, le=MOST_FINDINGS, description="How many findings")


class ListSchedules(Arguments):
    """Nothing."""


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class EditSchedule(Arguments):
    """What is to be different; what is left out stays as it is."""

    schedule_id: uuid.UUID = Field(description="`schedule_id` of list_schedules")
    version: int = Field(
        ge=1, description="`version` that was read; the edit is refused if somebody has changed it since"
    )
    state: Literal["active", "paused"] | None = Field(
        default=None, description="Let it fire, or fire no more. Not together with other changes"
    )
    name: str | None = Field(default=None, max_length=LONGEST_NAME)
    brief: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_BRIEF, description="What to ask of every call"
    )
    cadence: Cadence | None = None
    time: str | None = Field(default=None, pattern=r"^\d{2}:\d{2}$", description="Time of day, HH:MM, 24 hours")
    weekdays: Annotated[list[Weekday], Field(max_length=7)] | None = Field(
        default=None, description="Days of the cadences weekdays and weekly (one day)"
    )
    month_day: int | None = Field(default=None, ge=1, le=31, description="Day of the cadence monthly")
    timezone: str | None = Field(
        default=None, max_length=100, description="An IANA time zone; empty follows the workspace's"
    )
    range: Range | None = Field(default=None, description="Which days each run asks about")
    model: str | None = Field(default=None, max_length=100, description="A language model of the plan")
    max_calls: int | None = Field(default=None, ge=1, le=MOST_CALLS, description="The most calls of each run")
    stop_at_quota: bool | None = Field(
        default=None, description="Start runs also where fewer calls are left of the quota, and stop them there"
    )
