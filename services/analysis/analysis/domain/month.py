"""The months in which a plan's analysed calls are counted."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime

from msgspec import Struct

# Of a workspace without a billing anchor: the calendar's months.
CALENDAR = datetime(2000, 1, 1, tzinfo=UTC)


class Month(Struct, frozen=True):
    """From `begins_at` inclusive to `ends_at` exclusive, in UTC."""

    begins_at: datetime
    ends_at: datetime

    @property
    def number(self) -> int:
        """Rises by one from month to month of one anchor, and with time for any."""
        return self.begins_at.year * 12 + self.begins_at.month


def month_at(anchor: datetime | None, now: datetime) -> Month:
    """The month around `now`: they begin on the anchor's day and time of day, on the last day of a month that is too short.

    That is how Stripe renews a monthly subscription (docs.stripe.com/billing/subscriptions/billing-cycle): counted from the anchor each
    time, so that the 31st comes back after February; in UTC, which no change of clocks moves.
    """
    start = (anchor or CALENDAR).astimezone(UTC)
    there = now.astimezone(UTC)
    passed = 12 * (there.year - start.year) + there.month - start.month
    if _after(start, passed) > there:
        passed -= 1
    return Month(_after(start, passed), _after(start, passed + 1))


def _after(anchor: datetime, months: int) -> datetime:
    """So many months after the anchor."""
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1]))
