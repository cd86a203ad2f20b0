"""The days a firing asks about, what a month costs at worst, and what is told of a change."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from analysis.domain.plan import Plan
from analysis.domain.request import Question, check
from analysis.domain.schedule import (
    LONGEST_NAME,
    Change,
    Firing,
    Outcome,
    ScheduleId,
    ScheduleState,
    Setting,
    changes,
    check_setting,
    most_calls_a_month,
    request_id_of,
)
from analysis.domain.schedule_ranges import Range, days_of
from analysis.domain.schedule_times import Cadence, Timing
from analysis.http.schedule_words import cadence_words, calendar_note, ordinal
from core.errors import InvalidInput
from core.ids import uuid7

QUESTION = Question("What about price?", date.min, date.min, "UTC", "openai/small", 20)
WEEKLY = Timing(Cadence.WEEKLY, time(9), (0,))
DAILY = Timing(Cadence.DAILY, time(9))
BERLIN = ZoneInfo("Europe/Berlin")
SCALE = Plan("scale", 0, 5000, 10, ("openai/small",))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def setting(timing: Timing = WEEKLY, chosen: Range = Range.LAST_7_DAYS, **changes: object) -> Setting:
    return replace(Setting("", QUESTION, timing, chosen), **changes)


@pytest.mark.parametrize(
    ("chosen", "moment", "days"),
    [
        (Range.LAST_7_DAYS, "2026-06-15T09:00", ("2026-06-08", "2026-06-14")),
        (Range.LAST_30_DAYS, "2026-06-15T09:00", ("2026-05-16", "2026-06-14")),
        (Range.LAST_90_DAYS, "2026-06-15T09:00", ("2026-03-17", "2026-06-14")),
        (Range.PREVIOUS_WEEK, "2026-06-15T00:00", ("2026-06-08", "2026-06-14")),  # a Monday
        (Range.PREVIOUS_WEEK, "2026-06-21T23:59", ("2026-06-08", "2026-06-14")),  # the Sunday after it
        (Range.PREVIOUS_WEEK, "2026-01-01T09:00", ("2025-12-22", "2025-12-28")),
        (Range.PREVIOUS_MONTH, "2026-03-31T09:00", ("2026-02-01", "2026-02-28")),
        (Range.PREVIOUS_MONTH, "2028-03-01T00:00", ("2028-02-01", "2028-02-29")),
        (Range.PREVIOUS_MONTH, "2026-01-15T09:00", ("2025-12-01", "2025-12-31")),
        (Range.SINCE_LAST_FIRING, "2026-06-15T09:00", ("2026-06-08", "2026-06-14")),
    ],
)
def test_a_range_is_whole_days_before_the_firing(chosen: Range, moment: str, days: tuple[str, str]) -> None:
    first, last = days_of(chosen, WEEKLY, BERLIN, at(moment), None)
    assert (first.isoformat(), last.isoformat()) == days


def test_days_are_the_zones_own() -> None:
    moment = datetime(2026, 6, 14, 22, 30, tzinfo=UTC)
    assert days_of(Range.LAST_7_DAYS, DAILY, BERLIN, moment, None)[1] == date(2026, 6, 14)
    assert days_of(Range.LAST_7_DAYS, DAILY, ZoneInfo("America/New_York"), moment, None)[1] == date(2026, 6, 13)


def test_since_the_last_firing_goes_on_where_that_one_ended() -> None:
    moment = at("2026-06-15T09:00")
    assert days_of(Range.SINCE_LAST_FIRING, DAILY, BERLIN, moment, None) == (date(2026, 6, 14), date(2026, 6, 14))
    last = moment - timedelta(days=10)
    assert days_of(Range.SINCE_LAST_FIRING, DAILY, BERLIN, moment, last) == (date(2026, 6, 5), date(2026, 6, 14))
    same_day = moment - timedelta(hours=2)
    assert days_of(Range.SINCE_LAST_FIRING, DAILY, BERLIN, moment, same_day) == (date(2026, 6, 14), date(2026, 6, 14))


@pytest.mark.parametrize("chosen", Range)
def test_every_range_can_be_asked_about_however_long_ago_the_last_firing_was(chosen: Range) -> None:
    moment = at("2026-06-15T00:00")
    for last in (None, moment, at("1999-01-01T00:00")):
        asked = setting(chosen=chosen, timezone="Europe/Berlin").asked(moment, last, "UTC")
        check(asked, moment)
        assert (asked.timezone, asked.brief) == ("Europe/Berlin", QUESTION.brief)


def test_a_schedule_follows_the_workspaces_timezone_unless_it_has_its_own() -> None:
    assert setting().zone("Asia/Tokyo").key == "Asia/Tokyo"
    assert setting(timezone="Europe/Berlin").zone("Asia/Tokyo").key == "Europe/Berlin"
    assert setting().zone("Mars/Base").key == "UTC"


@pytest.mark.parametrize(
    ("timing", "anchor", "firings"),
    [
        (DAILY, None, 31),
        (Timing(Cadence.WEEKDAYS, time(9), (0, 1, 2, 3, 4)), None, 23),
        (WEEKLY, None, 5),
        (Timing(Cadence.MONTHLY, time(9), (), 31), None, 1),
        # Months from the 31st on: the one that begins on 28 February has that day, and the 30th of March.
        (Timing(Cadence.MONTHLY, time(9), (), 30), datetime(2026, 1, 31, tzinfo=UTC), 2),
    ],
)
def test_a_month_at_worst_is_the_fullest_one(timing: Timing, anchor: datetime | None, firings: int) -> None:
    plan = replace(SCALE, anchor=anchor)
    assert most_calls_a_month(setting(timing), plan, at("2026-06-15T12:00"), "Europe/Berlin") == (firings, firings * 20)


def test_a_change_is_told_field_by_field_and_a_brief_by_its_sum() -> None:
    before = (ScheduleState.ACTIVE, setting(name="Price", timezone="Europe/Berlin"))
    later = setting(Timing(Cadence.MONTHLY, time(7, 30), (), 31), Range.PREVIOUS_MONTH, name="Price")
    later = replace(later, question=replace(QUESTION, brief="Who decides?", owners=("Maya",), first_day=date.max))
    told = {one.field: (one.before, one.after) for one in changes(before, (ScheduleState.ACTIVE, later))}
    brief = told.pop("brief")
    assert told == {
        "cadence": ("weekly", "monthly"),
        "time": ("09:00", "07:30"),
        "weekdays": (["mon"], None),
        "month_day": (None, 31),
        "timezone": ("Europe/Berlin", None),
        "range": ("last_7_days", "previous_month"),
        "owners": (None, ["Maya"]),
    }
    sums = [hashlib.sha256(text).hexdigest()[:16] for text in (b"What about price?", b"Who decides?")]
    assert brief == (f"17 characters, sha256 {sums[0]}", f"12 characters, sha256 {sums[1]}")
    assert changes(before, before) == ()
    assert Change("status", "active", None) in changes(before, None)
    assert Change("status", None, "active") in changes(None, before)


def test_a_schedule_without_a_name_tells_none() -> None:
    assert "price" not in str(changes(None, (ScheduleState.DRAFT, setting())))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (setting(name="x" * (LONGEST_NAME + 1)), "a name has up to"),
        (setting(name="a\x07b"), "a name has up to"),
        (setting(timezone="Europe/Berlin/"), "not a timezone"),
        (setting(Timing(Cadence.WEEKLY, time(9))), "one weekday"),
        (setting(Timing(Cadence.DAILY, time(9, 0, 30))), "a full minute"),
    ],
)
def test_what_is_wrong_with_a_setting_is_told(wrong: Setting, words: str) -> None:
    check_setting(setting())
    with pytest.raises(InvalidInput, match=words):
        check_setting(wrong)


def test_a_firing_makes_one_request_whatever_zone_its_time_is_told_in() -> None:
    schedule_id, moment = ScheduleId(uuid7()), at("2026-06-15T09:00")
    request_id = request_id_of(schedule_id, moment)
    assert request_id == request_id_of(schedule_id, moment.astimezone(BERLIN))
    assert request_id != request_id_of(schedule_id, moment + timedelta(days=1))
    assert request_id != request_id_of(ScheduleId(uuid7()), moment)


def test_a_firing_is_late_when_it_was_made_up_for() -> None:
    planned = at("2026-06-15T09:00")
    assert not Firing(planned, Outcome.STARTED, planned + timedelta(minutes=1)).is_late
    assert Firing(planned, Outcome.STARTED, planned + timedelta(hours=1)).is_late


@pytest.mark.parametrize(
    ("timing", "words", "note"),
    [
        (DAILY, "Every day at 09:00", ""),
        (WEEKLY, "Every Monday at 09:00", ""),
        (Timing(Cadence.WEEKDAYS, time(7, 5), (0, 1, 2, 3, 4)), "Monday to Friday at 07:05", ""),
        (Timing(Cadence.WEEKDAYS, time(7, 5), (0, 2, 6)), "Every Monday, Wednesday and Sunday at 07:05", ""),
        (Timing(Cadence.MONTHLY, time(9), (), 28), "Every month on the 28th at 09:00", ""),
        (
            Timing(Cadence.MONTHLY, time(9), (), 31),
            "Every month on the 31st at 09:00",
            "In a month without a 31st it fires on the last day of the month.",
        ),
    ],
)
def test_a_cadence_in_words(timing: Timing, words: str, note: str) -> None:
    assert (cadence_words(timing), calendar_note(timing)) == (words, note)


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st"]
    )
