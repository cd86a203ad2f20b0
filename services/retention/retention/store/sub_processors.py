"""Who was shown that a sub-processor is going to be added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from database import Tx
from retention.domain.sub_processors import Told

# A page of them; a workspace has a handful of admins, and a new sub-processor comes once in months.
MOST_TOLD = 500


async def keep_shown(tx: Tx, user_id: str, shown: Sequence[tuple[str, date]]) -> None:
    """Keep that a person was shown some, each by name and day of listing; what was kept before stays as it is."""
    recipients, listed = [name for name, _ in shown], [day for _, day in shown]
    await tx.execute("notices_shown", user_id=user_id, recipients=recipients, listed=listed)


async def told(tx: Tx) -> list[Told]:
    """Who was shown what, the latest first, at most MOST_TOLD."""
    rows = await tx.fetch("notices_told", most=MOST_TOLD)
    return [Told(row["recipient"], row["listed_on"], row["user_id"], row["shown_at"]) for row in rows]
