"""Statements about calls that are erased with a person's data, and the runs that had read one, as functions that take a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from msgspec import Struct

from analysis.domain.request import ReportId, RunId
from analysis.store import report_erasure
from analysis.store.report_erasure import ReportTombstone
from database import Tx

# Before all ids.
FIRST = uuid.UUID(int=0)


class Looked(Struct, frozen=True):
    """A run: whether it is under way, and whether it has a call that is erased."""

    id: uuid.UUID
    under_way: bool
    concerned: bool


async def add_calls(tx: Tx, call_ids: Iterable[str]) -> None:
    """Let these calls never come into a run again."""
    await tx.execute("erased_calls_add", call_ids=sorted(set(call_ids)))


async def is_erased(tx: Tx, call_id: str) -> bool:
    """Whether a call is erased."""
    return await tx.fetch_one("erased_call", call_id=call_id) is not None


async def looked_at(tx: Tx, after: uuid.UUID, most: int) -> list[Looked]:
    """At most `most` runs in the order of their ids, after one."""
    return [Looked(**dict(row)) for row in await tx.fetch("runs_by_erased_calls", after=after, most=most)]


async def take(tx: Tx, erasure_id: uuid.UUID, run_id: uuid.UUID) -> bool:
    """Let nothing more be added for a run and its report; False while it is under way. One that made no report is erased under its own id,
    and of one that is gone already nothing has to be done.
    """
    row = await tx.fetch_one("run_to_take", id=run_id)
    if row is None:
        return True
    if row["under_way"]:
        return False
    await report_erasure.set_tombstone(tx, ReportId(row["report_id"]), RunId(run_id), row["fetch_ids"])
    await tx.execute("person_run_add", erasure_id=erasure_id, run_id=run_id)
    return True


async def taken(tx: Tx, erasure_id: uuid.UUID, after: uuid.UUID, most: int) -> list[ReportTombstone]:
    """At most `most` runs that an erasure has taken, in the order of their ids, after one."""
    rows = await tx.fetch("person_runs_page", erasure_id=erasure_id, after=after, most=most)
    return [ReportTombstone(**dict(row)) for row in rows]
