"""Who was shown that a sub-processor is going to be added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.ids import WorkspaceId
from database import Database, Tx
from retention.domain.sub_processors import Told

# A page of them; a workspace has a handful of admins, and a new sub-processor comes once in months.
MOST_TOLD = 500


async def keep_shown(tx: Tx, user_id: str, shown: Sequence[tuple[str, date]]) -> None:
    """Keep that a person was shown some, each by name and day of listing; what was kept before stays as it is."""
    recipients, listed = [name for name, _ in shown], [day for _, day in shown]
    await tx.execute("notices_shown", user_id=user_id, recipients=recipients, listed=listed)


async def untold(db: Database, name: str, listed_on: date, limit: int) -> list[WorkspaceId]:
    """At most so many workspaces that were not told of a new sub-processor."""
    async with db.sweep() as tx:
        rows = await tx.fetch("announcement_untold", recipient=name, listed_on=listed_on, limit=limit)
    return [WorkspaceId(row["workspace_id"]) for row in rows]


async def note_announced(tx: Tx, name: str, listed_on: date) -> bool:
    """Note that the workspace is being told of it; False where it was."""
    return await tx.execute("announcement_note", recipient=name, listed_on=listed_on) == 1


async def told(tx: Tx) -> list[Told]:
    """Who was shown what, the latest first, at most MOST_TOLD."""
    rows = await tx.fetch("notices_told", most=MOST_TOLD)
    return [Told(row["recipient"], row["listed_on"], row["user_id"], row["shown_at"]) for row in rows]
