"""Statements about reports that are erased, as functions that take a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analysis.domain.request import ReportId, RunId
from database import Database, Tx
from database.queries import Statement

# The statements that erase have these letters before the name of their table.
_ERASE = "report_erase_"


@dataclass(frozen=True, slots=True)
class ReportTombstone:
    """The erasure of one report. `barrier`: every transaction that had not seen it has a lower number; None where nobody has looked yet."""

    report_id: ReportId
    run_id: RunId
    asked_at: datetime
    barrier: int | None
    rows: Mapping[str, int]
    objects: int
    erased_at: datetime | None


def statements(db: Database) -> list[Statement]:
    """What erases, in the order in which it has to be done."""
    return [one for one in db.queries if one.name.startswith(_ERASE)]


async def read(tx: Tx, report_id: ReportId) -> ReportTombstone | None:
    """The erasure of a report; None for one that nobody erases."""
    row = await tx.fetch_one("report_tombstone_read", report_id=report_id)
    if row is None:
        return None
    values = {name: row[name] for name in ReportTombstone.__slots__}
    return ReportTombstone(**values)


async def freeze(tx: Tx, report_id: ReportId) -> ReportTombstone | None:
    """Let nothing more be added for a report and its run, once this is committed; None where there is no such report."""
    found = await tx.fetch_one("report_to_erase", report_id=report_id)
    if found is not None:
        await tx.execute(
            "report_tombstone_set", report_id=report_id, run_id=found["run_id"], fetch_ids=list(found["fetch_ids"])
        )
    return await read(tx, report_id)


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
