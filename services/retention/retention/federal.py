"""The holidays of the United States' federal government (5 U.S.C. 6103), on the days on which they are observed."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays

_FEDERAL = holidays.country_holidays("US", observed=True, categories=("public",))


@lru_cache(4096)
def is_federal_holiday(day: date) -> bool:
    """Whether federal offices are closed on `day`."""
    return day in _FEDERAL
