"""Analysis has ended a run: nobody will ask for its calls again. A fetch that is still under way stops."""

from __future__ import annotations

from contracts import Event
from database import Tx
from ingest import events
from ingest.store import jobs


async def note_completed(tx: Tx, event: Event[events.ReportCompleted]) -> None:
    """The report is there."""
    await jobs.close(tx, events.job_id(event.payload.run_id, "run_id"))


async def note_failed(tx: Tx, event: Event[events.RunFailed]) -> None:
    """There will be no report."""
    await jobs.close(tx, events.job_id(event.payload.run_id, "run_id"))


async def note_cancelled(tx: Tx, event: Event[events.RunCancelled]) -> None:
    """Somebody has cancelled the run."""
    await jobs.close(tx, events.job_id(event.payload.run_id, "run_id"))
