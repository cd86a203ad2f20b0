"""Runs that somebody watches, read together."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from analysis.domain.live import Activity, Progress
from analysis.domain.request import RunId
from analysis.store.runs import run_of
from database import Row, Tx

# Of the calls that are being analysed, so many are named.
_NAMED_CALLS = 3


async def progress(tx: Tx, run_ids: Collection[RunId], at: datetime) -> dict[RunId, Progress]:
    """How far some runs are, in one statement; none of a run that there is not, or that the plan does not show any more."""
    found = [Progress(run_of(row), _activity(row), at) for row in await tx.fetch("watched_runs", ids=list(run_ids))]
    return {one.run.id: one for one in found}


def _activity(row: Row) -> Activity:
    return Activity(
        analysing=row["analysing"],
        put_back=row["put_back"],
        current=tuple((row["current"] or ())[:_NAMED_CALLS]),
        recent=row["recent"],
        recent_from=row["recent_from"],
        recent_to=row["recent_to"],
    )
