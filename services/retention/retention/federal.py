"""The holidays of the United States' federal government (5 U.S.C. 6103), on the days on which they are observed."""

from __future__ import annotations

from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase


@cache
def federal_holidays() -> HolidayBase:
    """The calendar. Three hundred modules come with it, so that it is loaded with its first use, or once the service has begun."""
    from holidays import country_holidays

    return country_holidays("US", observed=True, categories=("public",))


@lru_cache(4096)
def is_federal_holiday(day: date) -> bool:
    """Whether federal offices are closed on `day`."""
    return day in federal_holidays()
