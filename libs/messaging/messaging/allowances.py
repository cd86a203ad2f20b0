"""How much of its limits a workspace and its API keys have used up, counted over all processes of a service."""

from __future__ import annotations

from collections.abc import Sequence

from database import Row, Tx


async def take_allowances(
    tx: Tx, subjects: Sequence[str], quotas: Sequence[int], shares: Sequence[int], seconds: float
) -> list[Row]:
    """Take `shares` of the limits of `subjects`, `quotas` in so many seconds; what was granted of each, what is left, and for how long."""
    return await tx.fetch(
        "allowances_take", subjects=list(subjects), quotas=list(quotas), shares=list(shares), seconds=seconds
    )
