"""The pages that a run has read of Gong's list, until its calls are chosen.

Written in transactions that `work.held` has made the holder's own.
"""

from __future__ import annotations

from database import Row, Tx
from ingest.domain.calls import CallId
from ingest.domain.choice import ChosenCall
from ingest.domain.jobs import Claim
from ingest.domain.packing import Packed
from ingest.domain.pages import Mark, RunPage
from ingest.store.work import PLAN_LASTS_SECONDS


async def add(tx: Tx, claim: Claim, page: RunPage) -> None:
    """One more page."""
    await tx.execute(
        "run_pages_add",
        run_id=claim.job_id,
        number=page.number,
        cursor=page.mark.cursor,
        records=page.mark.records,
        total=page.mark.total,
        call_ids=[call.call_id for call in page.chosen],
        started_ats=[call.started_at for call in page.chosen],
        durations=[call.duration_seconds for call in page.chosen],
        metadata=[call.metadata.content for call in page.chosen],
        checksums=[call.metadata.checksum for call in page.chosen],
        private_ids=page.private,
        erased=page.erased,
    )


async def read(tx: Tx, claim: Claim) -> list[RunPage]:
    """The pages from the first on; none where they are too old to be gone on from, or where the first ones have been forgotten."""
    rows = await tx.fetch("run_pages_of", run_id=claim.job_id, last_seconds=PLAN_LASTS_SECONDS)
    if not rows or rows[0]["too_old"] or [row["number"] for row in rows] != list(range(1, len(rows) + 1)):
        return []
    return [_page(row) for row in rows]


async def forget(tx: Tx, claim: Claim) -> None:
    """The run's list has been read to its end, or has to be read anew."""
    await tx.execute("run_pages_forget", run_id=claim.job_id)


async def forget_all(tx: Tx) -> None:
    """The workspace's Gong is another one now, or none."""
    await tx.execute("run_pages_forget_all")


def _page(row: Row) -> RunPage:
    columns = row["call_ids"], row["started_ats"], row["durations"], row["metadata"], row["checksums"]
    chosen = [
        ChosenCall(CallId(call_id), started_at, duration, Packed(metadata, checksum))
        for call_id, started_at, duration, metadata, checksum in zip(*columns, strict=True)
    ]
    mark = Mark(row["cursor"], row["records"], row["total"])
    return RunPage(row["number"], mark, chosen, [CallId(one) for one in row["private_ids"]], row["erased"])
