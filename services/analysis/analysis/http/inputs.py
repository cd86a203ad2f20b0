"""What comes in by form or JSON, turned into a Question."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from analysis.domain.plan import Quota
from analysis.domain.request import Question, zone_of
from analysis.handlers.desk import Situation

# What the form starts with: the last 30 days, and a run that a trial can afford.
DEFAULT_DAYS = 30
DEFAULT_CALLS = 50


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _choices(value: object) -> tuple[str, ...]:
    """A list, or text with commas; a form sends one such text, in a list or not."""
    items = value if isinstance(value, list | tuple) else [value]
    texts = [part.replace("\x00", "").strip() for item in items if item is not None for part in str(item).split(",")]
    return tuple(text for text in texts if text)


def _words(value: object) -> object:
    """The same, with spaces for commas too."""
    choices = _choices(value)
    return tuple(word for choice in choices for word in choice.split())


Amount = Annotated[float | None, BeforeValidator(_blank_is_none)]
Count = Annotated[int | None, BeforeValidator(_blank_is_none)]
Day = Annotated[date | None, BeforeValidator(_blank_is_none)]
Choices = Annotated[tuple[str, ...], BeforeValidator(_choices)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class AskedInput(BaseModel):
    """Everything of a question but its days; what is left out is not filtered by."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False)

    brief: str = ""
    stages: Choices = ()
    owners: Choices = ()
    amount_min: Amount = None
    amount_max: Amount = None
    employees_min: Count = None
    employees_max: Count = None
    directions: Choices = ()
    minutes_min: Count = None
    minutes_max: Count = None
    title_words: Words = ()
    participants: Choices = ()
    model: str = ""
    max_calls: Count = None
    # Let a run stop at what is left of the quota. A form that knows what is left sends it; an API client that does not ask for it is
    # told instead.
    cap: bool = False
    request_id: Annotated[uuid.UUID | None, BeforeValidator(_blank_is_none)] = None


class QuestionInput(AskedInput):
    """A question as it is sent: days are inclusive and in the workspace's timezone."""

    first_day: Day = Field(default=None, alias="from")
    last_day: Day = Field(default=None, alias="to")


def _affordable(quota: Quota) -> int:
    """The default, or what is left where that is less."""
    return min(DEFAULT_CALLS, quota.free or quota.left or DEFAULT_CALLS)


def question_of(sent: QuestionInput, situation: Situation, now: datetime) -> Question:
    """The question, with defaults for what was left out. It is checked where it is used."""
    today = now.astimezone(zone_of(situation.timezone)).date()
    last = sent.last_day or today
    # Not by subtraction: the calendar begins with day 1, and somebody may ask for it.
    first = sent.first_day or date.fromordinal(max(1, last.toordinal() - (DEFAULT_DAYS - 1)))
    return asked_of(sent, situation, first, last)


def asked_of(sent: AskedInput, situation: Situation, first_day: date, last_day: date) -> Question:
    """The question about these days, with defaults for what was left out. It is checked where it is used."""
    models = situation.plan.models
    return Question(
        brief=sent.brief.replace("\x00", "").replace("\r\n", "\n"),
        first_day=first_day,
        last_day=last_day,
        timezone=situation.timezone,
        model=sent.model or (models[0] if models else ""),
        max_calls=sent.max_calls if sent.max_calls is not None else _affordable(situation.quota),
        stages=sent.stages,
        owners=sent.owners,
        amount_min=sent.amount_min,
        amount_max=sent.amount_max,
        employees_min=sent.employees_min,
        employees_max=sent.employees_max,
        directions=sent.directions,
        minutes_min=sent.minutes_min,
        minutes_max=sent.minutes_max,
        title_words=sent.title_words,
        participants=sent.participants,
    )
