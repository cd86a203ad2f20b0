"""Statements about reports that are erased, as functions that take a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from analysis.domain.request import ReportId, RunId
from core.ids import WorkspaceId
from database import Database, Tx
from database.queries import Statement

# The statements that erase have these letters before the name of their table.
_ERASE = "report_erase_"


class ReportTombstone(Struct, frozen=True):
    """The erasure of one report. `barrier`: every transaction that had not seen it has a lower number; None where nobody has looked yet."""

    report_id: ReportId
    run_id: RunId
    asked_at: datetime
    barrier: int | None
    rows: Mapping[str, int]
    objects: int
    erased_at: datetime | None


class ReportOrder(Struct, frozen=True):
    """What retention has asked of a report's erasure, and was answered. `told`: the last stage, frozen or erased; None before the first.
    `erased_seconds`: how long ago all was erased; None before."""

    erasure_id: uuid.UUID
    told: str | None
    asked_attempt: int
    answered_attempt: int
    erased_seconds: float | None


class DueReport(Struct, frozen=True):
    """A report whose erasure is to be carried on."""

    workspace_id: WorkspaceId
    report_id: ReportId


def statements(db: Database) -> list[Statement]:
    """What erases, in the order in which it has to be done."""
    return [one for one in db.queries if one.name.startswith(_ERASE)]


async def read(tx: Tx, report_id: ReportId) -> ReportTombstone | None:
    """The erasure of a report; None for one that nobody erases."""
    row = await tx.fetch_one("report_tombstone_read", report_id=report_id)
    if row is None:
        return None
    values = {name: row[name] for name in ReportTombstone.__struct_fields__}
    return ReportTombstone(**values)


async def exists(tx: Tx, report_id: ReportId) -> bool:
    """Whether the workspace has such a report."""
    return await tx.fetch_one("report_to_erase", report_id=report_id) is not None


async def freeze(tx: Tx, report_id: ReportId) -> ReportTombstone | None:
    """Let nothing more be added for a report and its run, once this is committed; None where there is no such report."""
    found = await tx.fetch_one("report_to_erase", report_id=report_id)
    if found is not None:
        await set_tombstone(tx, report_id, found["run_id"], found["fetch_ids"])
    return await read(tx, report_id)


async def set_tombstone(tx: Tx, report_id: ReportId, run_id: RunId, fetch_ids: Sequence[uuid.UUID]) -> None:
    """Let nothing more be added for a report and its run, once this is committed; `fetch_ids`: under these its calls were asked for."""
    await tx.execute("report_tombstone_set", report_id=report_id, run_id=run_id, fetch_ids=list(fetch_ids))


async def is_erased(tx: Tx, fetch_id: uuid.UUID) -> bool:
    """Whether calls that were asked for under this id were for a report that is erased."""
    return await tx.fetch_one("report_tombstone_of_fetch", fetch_id=fetch_id) is not None


async def bar(tx: Tx, report_id: ReportId, barrier: int) -> None:
    """Note from which transaction on everybody has seen the tombstone."""
    await tx.execute("report_tombstone_bar", report_id=report_id, barrier=barrier)


async def delete(tx: Tx, statement: Statement, tombstone: ReportTombstone, most: int) -> int:
    """Delete at most `most` rows of one table; how many there were. They are counted in the tombstone."""
    key: dict[str, object] = {"run_id": tombstone.run_id, "report_id": tombstone.report_id}
    given = {name: value for name, value in key.items() if name in statement.parameters}
    rows = await tx.run(statement, most=most, **given)
    if rows:
        await count(tx, tombstone.report_id, table_of(statement), rows)
    return rows


async def count(tx: Tx, report_id: ReportId, relation: str, rows: int, objects: int = 0) -> None:
    """Add to what was erased."""
    await tx.execute("report_tombstone_count", report_id=report_id, relation=relation, rows=rows, objects=objects)


async def erased(tx: Tx, report_id: ReportId) -> None:
    """Note that all is gone."""
    await tx.execute("report_tombstone_erased", report_id=report_id)


def table_of(statement: Statement) -> str:
    """The table that a statement erases from."""
    return statement.name.removeprefix(_ERASE)


async def order(tx: Tx, report_id: ReportId, erasure_id: uuid.UUID) -> None:
    """Note that a request asks for a report with a tombstone to be erased; asked anew, all is answered anew."""
    await tx.execute("report_erasure_order", report_id=report_id, erasure_id=erasure_id)


async def ordered(tx: Tx, report_id: ReportId) -> ReportOrder | None:
    """What is asked of a report's erasure; None where no request has."""
    row = await tx.fetch_one("report_erasure_read", report_id=report_id)
    return ReportOrder(**dict(row)) if row else None


async def due(db: Database, most: int) -> list[DueReport]:
    """Reports whose erasure is to be carried on, in any workspace, those first that wait longest."""
    async with db.sweep() as tx:
        rows = await tx.fetch("report_erasures_due", most=most)
    return [DueReport(WorkspaceId(row["workspace_id"]), ReportId(row["report_id"])) for row in rows]


async def claim(tx: Tx, report_id: ReportId, seconds: float) -> bool:
    """Take an erasure that is due for so many seconds; False where somebody else has."""
    return await tx.fetch_one("report_erasure_claim", report_id=report_id, seconds=seconds) is not None


async def later(tx: Tx, report_id: ReportId, seconds: float | None) -> None:
    """Carry on in so many seconds; None: not before something is asked for."""
    await tx.execute("report_erasure_later", report_id=report_id, seconds=seconds)


async def told(tx: Tx, report_id: ReportId, erasure_id: uuid.UUID, stage: str) -> bool:
    """Note that the request was told of a stage, frozen or erased; True the first time."""
    noted = await tx.fetch_one("report_erasure_told", report_id=report_id, erasure_id=erasure_id, stage=stage)
    return noted is not None


async def verify(tx: Tx, report_id: ReportId, erasure_id: uuid.UUID, attempt: int) -> None:
    """Note that a verification is asked for; an earlier one that comes later changes nothing."""
    await tx.execute("report_erasure_verify", report_id=report_id, erasure_id=erasure_id, attempt=attempt)


async def answered(tx: Tx, report_id: ReportId, erasure_id: uuid.UUID, attempt: int) -> bool:
    """Note that a verification has been done; True the first time."""
    noted = await tx.fetch_one("report_erasure_answered", report_id=report_id, erasure_id=erasure_id, attempt=attempt)
    return noted is not None
