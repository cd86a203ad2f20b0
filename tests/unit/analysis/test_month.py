"""Billing months, beside an oracle that walks from day to day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.domain.month import CALENDAR, month_at

DAY = timedelta(days=1)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def begins_on(day: datetime, anchor: datetime) -> bool:
    """Whether a month begins on this day: the anchor's, or the last one of a month that has not got it."""
    last = (day + DAY).month != day.month
    return day.day == anchor.day or (last and day.day < anchor.day)


def beginning_before(anchor: datetime, now: datetime) -> datetime:
    """The last moment at or before `now` at which a month begins."""
    moment = now.replace(hour=anchor.hour, minute=anchor.minute, second=anchor.second, microsecond=anchor.microsecond)
    while moment > now or not begins_on(moment, anchor):
        moment -= DAY
    return moment


@given(instants, instants)
@example(datetime(2024, 1, 31, 23, 59, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, tzinfo=UTC))
@example(datetime(2024, 2, 29, tzinfo=UTC), datetime(2025, 2, 28, tzinfo=UTC))
@example(datetime(2030, 12, 31, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC))
def test_months_are_those_of_the_oracle(anchor: datetime, now: datetime) -> None:
    month = month_at(anchor, now)
    assert month.begins_at == beginning_before(anchor, now)
    assert month.begins_at <= now < month.ends_at
    assert beginning_before(anchor, month.ends_at) == month.ends_at
    assert timedelta(days=28) <= month.ends_at - month.begins_at <= timedelta(days=31)


@given(instants, instants)
def test_one_month_follows_the_other(anchor: datetime, now: datetime) -> None:
    month = month_at(anchor, now)
    following = month_at(anchor, month.ends_at)
    assert following.begins_at == month.ends_at
    assert following.number == month.number + 1


def test_without_an_anchor_they_are_the_calendars() -> None:
    month = month_at(None, datetime(2024, 2, 10, tzinfo=UTC))
    assert (month.begins_at, month.ends_at) == (datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))
    assert CALENDAR.day == 1


@pytest.mark.parametrize("hours", [-11, 5.5, 13])
def test_the_zone_in_which_an_instant_is_told_does_not_matter(hours: float) -> None:
    anchor, now = datetime(2026, 3, 31, 1, 30, tzinfo=UTC), datetime(2026, 10, 31, 1, 45, tzinfo=UTC)
    zone = timezone(timedelta(hours=hours))
    assert month_at(anchor.astimezone(zone), now.astimezone(zone)) == month_at(anchor, now)
