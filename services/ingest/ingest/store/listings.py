"""The list of calls that a preview has read, for as long as other previews may use it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from database import Database, Tx
from ingest.domain.listing import ListedCall


async def recent(tx: Tx, from_time: datetime, to_time: datetime, credential_version: int) -> list[bytes] | None:
    """The packed calls of a range; None unless a list of it, or of more, was read lately with the same credential."""
    rows = await tx.fetch("listing_recent", from_time=from_time, to_time=to_time, credential_version=credential_version)
    return [row["metadata"] for row in rows if row["metadata"] is not None] if rows else None


async def awaited(tx: Tx, job_id: UUID) -> bool:
    """Whether an earlier preview is reading a list right now that will answer this job too."""
    return bool(await tx.fetch_value("listing_awaited", id=job_id))


async def save(
    tx: Tx,
    from_time: datetime,
    to_time: datetime,
    credential_version: int,
    calls: Sequence[ListedCall],
    lasts_seconds: float,
) -> None:
    """Keep a list in place of the one before, for so long from now."""
    await tx.execute(
        "listing_save",
        from_time=from_time,
        to_time=to_time,
        credential_version=credential_version,
        lasts_seconds=lasts_seconds,
    )
    await tx.execute("listed_calls_forget")
    await tx.execute(
        "listed_calls_add",
        call_ids=[call.call_id for call in calls],
        started_ats=[call.started_at for call in calls],
        metadata=[call.metadata for call in calls],
    )


async def forget(tx: Tx) -> None:
    """The workspace's Gong is another one now, or none."""
    await tx.execute("listing_forget")


async def forget_over(db: Database) -> int:
    """Delete the lists, of all workspaces, whose time is over; how many."""
    async with db.sweep() as tx:
        return await tx.execute("listings_over")
