"""What leaves are made of."""

from __future__ import annotations

import hmac
import uuid
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from audit.log.leaf import Part, salt, timestamp

# A day from either end: converting to UTC must stay within the calendar.
_MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001 - zones are added
_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(_MOMENTS, st.just(UTC) | _ZONES)
def test_a_time_is_written_as_rfc_3339_does_in_utc(moment: datetime, zone: timezone) -> None:
    told = moment.replace(tzinfo=zone)
    assert timestamp(told) == told.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@given(st.binary(min_size=1, max_size=64), st.uuids(), st.sampled_from(Part))
def test_a_salt_is_the_hmac_that_the_documentation_names(key: bytes, one: uuid.UUID, part: Part) -> None:
    assert salt(key, one, part) == hmac.digest(key, f"{part.value}\n".encode() + one.bytes, "sha256")
