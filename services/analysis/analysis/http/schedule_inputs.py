"""What comes in of a schedule by form or JSON, turned into a Setting; and a Setting as what fills the form."""

from __future__ import annotations

import enum
from datetime import date
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from analysis.domain.deliveries import Channel, Delivery, Where
from analysis.domain.request import Question, as_document
from analysis.domain.schedule import LONGEST_NAME, Setting
from analysis.domain.schedule_ranges import Range
from analysis.domain.schedule_times import WEEKDAYS, Cadence, time_of, timing_of, weekday_of
from analysis.handlers.desk import Situation
from analysis.http.inputs import AskedInput, Choices, asked_of
from core.errors import InvalidInput

E = TypeVar("E", bound=enum.StrEnum)

# A question without days of its own; the use cases give it the firing's.
_NO_DAY = date.min


def _text(value: object) -> object:
    """A number as its text, and nothing as none, so that one place says what is wrong with it."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class ScheduleInput(AskedInput):
    """A schedule as it is sent. What is no time, day, zone or cadence is told in words by `setting_of`, so that a form is shown again.

    `weekdays`: mon to sun, one of them for a weekly schedule; a form sends that one as `weekday`. `timezone` empty: the workspace's.
    """

    name: Annotated[str, Field(max_length=4 * LONGEST_NAME)] = ""
    cadence: str = Cadence.WEEKLY.value
    time: str = "09:00"
    weekdays: Choices = ()
    weekday: str = ""
    month_day: Annotated[str, BeforeValidator(_text)] = ""
    timezone: Annotated[str, BeforeValidator(_text), Field(max_length=200)] = ""
    range: str = Range.LAST_7_DAYS.value
    # Unlike a run that somebody waits for: what is left is better than nothing.
    cap: bool = True
    # Where its reports are posted: workspace, channel or none; the channel by its id. `other_channel`: one that is not in the list.
    delivery: str = Where.WORKSPACE.value
    channel: Annotated[str, BeforeValidator(_text), Field(max_length=200)] = ""
    other_channel: Annotated[str, Field(max_length=200)] = ""


class ScheduleForm(ScheduleInput):
    """The same from a browser, which leaves out a box that is not ticked; `version` is that of the schedule that was edited."""

    cap: bool = False
    version: int = 0


class ScheduleChange(ScheduleInput):
    """The same for a schedule that exists; `version` is that which was read."""

    version: int


class Seen(BaseModel):
    """Which version of a schedule was looked at."""

    model_config = ConfigDict(extra="forbid")

    version: int


def setting_of(sent: ScheduleInput, situation: Situation) -> Setting:
    """The setting. Raises InvalidInput, naming what is wrong; the question is checked where it is used."""
    cadence = _one_of(Cadence, sent.cadence, "cadence")
    weekdays = (sent.weekday,) if cadence is Cadence.WEEKLY and sent.weekday else sent.weekdays
    # What the cadence has no use for may be anything: a form without JavaScript sends all of its fields.
    days = [weekday_of(day) for day in weekdays] if cadence in {Cadence.WEEKDAYS, Cadence.WEEKLY} else []
    month_day = _day_of_month(sent.month_day) if cadence is Cadence.MONTHLY else None
    return Setting(
        name=" ".join(sent.name.replace("\x00", "").split()),
        question=asked_of(sent, situation, _NO_DAY, _NO_DAY),
        timing=timing_of(cadence, time_of(sent.time), days, month_day),
        range=_one_of(Range, sent.range, "range"),
        timezone=sent.timezone.strip() or None,
        cap=sent.cap,
        delivery=_delivery(sent),
    )


def form_of(setting: Setting, version: int) -> ScheduleForm:
    """What fills the form that edits `setting`."""
    timing = setting.timing
    days = tuple(WEEKDAYS[day] for day in timing.weekdays)
    weekly = timing.cadence is Cadence.WEEKLY
    return ScheduleForm.model_validate(
        {
            **_asked(setting.question),
            "name": setting.name,
            "cadence": timing.cadence.value,
            "time": f"{timing.at:%H:%M}",
            "weekdays": () if weekly else days,
            "weekday": days[0] if weekly else "",
            "month_day": timing.month_day,
            "timezone": setting.timezone,
            "range": setting.range.value,
            "cap": setting.cap,
            "delivery": setting.delivery.where.value,
            "channel": setting.delivery.channel.id if setting.delivery.channel else "",
            "version": version,
        }
    )


def _asked(question: Question) -> dict[str, object]:
    fields = AskedInput.model_fields
    return {name: value for name, value in as_document(question).items() if name in fields}


def _day_of_month(text: str) -> int:
    day = text.strip()
    if not (day.isascii() and day.isdigit() and len(day) <= 2 and 1 <= int(day) <= 31):
        raise InvalidInput("a monthly schedule has a day of the month, from 1 to 31")
    return int(day)


def _delivery(sent: ScheduleInput) -> Delivery:
    where = _one_of(Where, sent.delivery, "delivery")
    channel = sent.other_channel.strip() or sent.channel.strip()
    return Delivery(where, Channel(channel) if channel and where is Where.CHANNEL else None)


def _one_of(kind: type[E], text: str, what: str) -> E:
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidInput(f"a {what} is one of {', '.join(kind)}") from error
