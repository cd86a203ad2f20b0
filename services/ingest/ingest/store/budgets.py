"""How many requests a workspace may send to its provider: one row that all processes share, by the database's clock."""

from __future__ import annotations

from msgspec import Struct

from database import Tx


class Terms(Struct, frozen=True):
    """A provider's limits: `per_second` requests, of which `burst` may come at once, and `per_day` in 24 hours."""

    per_second: float
    burst: float
    per_day: int


async def reserve(tx: Tx, provider: str, terms: Terms, longest: float) -> float:
    """Reserve the next place; the seconds until then (0 or less: now). One more than `longest` seconds away is not reserved."""
    interval = 1 / terms.per_second
    asked = {
        "provider": provider,
        "interval_seconds": interval,
        "ahead_seconds": max(0.0, terms.burst - 1) * interval,
        "per_day": terms.per_day,
        "longest_seconds": longest,
    }
    row = await tx.fetch_one("budget_reserve", **asked)
    while row is None:
        await tx.execute("budget_open", provider=provider)
        row = await tx.fetch_one("budget_reserve", **asked)
    wait: float = row["wait"]
    return wait


async def hold_back(tx: Tx, provider: str, seconds: float) -> None:
    """The provider asks to wait so long: nobody of this workspace asks before then."""
    await tx.execute("budget_hold_back", provider=provider, seconds=seconds)
