"""The staff-access log's statements, as functions."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct

from audit.staff.access import Access, Count, Decision, Statement, Terms
from contracts.staff import Read, Reason
from database import Row, Tx


class ToldRead(Struct, frozen=True):
    """A step of a statement as it came in: which service told it of whom, and when."""

    read: Read
    service: str
    staff: str
    told_at: datetime


async def ask(tx: Tx, grant_id: uuid.UUID, terms: Terms) -> None:
    """Note what is asked for."""
    await tx.execute(
        "staff_grant_ask",
        id=grant_id,
        staff=terms.staff,
        service=terms.service,
        reason=terms.reason.value,
        ticket=terms.ticket,
        minutes=terms.minutes,
    )


async def approve(tx: Tx, grant_id: uuid.UUID, approver: str) -> bool:
    """Approve a grant; False where it cannot be, or was decided before."""
    return await tx.fetch_one("staff_grant_approve", grant_id=grant_id, approver=approver) is not None


async def end(tx: Tx, grant_id: uuid.UUID, ended_by: str, *, by_staff: bool) -> bool:
    """End a grant; False where there is none, or it was ended before."""
    row = await tx.fetch_one("staff_grant_end", grant_id=grant_id, ended_by=ended_by, by_staff=by_staff)
    return row is not None


async def find(tx: Tx, grant_id: uuid.UUID) -> Access | None:
    """The grant; None where there is none."""
    row = await tx.fetch_one("staff_grant_read", grant_id=grant_id)
    return _access(row) if row else None


async def page(tx: Tx, before: uuid.UUID, size: int) -> list[Access]:
    """At most `size` grants with ids below `before`, newest first."""
    return [_access(row) for row in await tx.fetch("staff_grants_page", before=before, size=size)]


async def counts(tx: Tx, grants: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Count]]:
    """What was read under each of `grants`."""
    found: dict[uuid.UUID, list[Count]] = {}
    for row in await tx.fetch("staff_reads_counted", grant_ids=grants):
        found.setdefault(row["grant_id"], []).append(Count(row["reads"], row["asked"], row["rows"]))
    return found


async def statements(tx: Tx, grant_id: uuid.UUID, before: uuid.UUID, size: int) -> list[Statement]:
    """At most `size` statements of a grant with ids below `before`, newest first."""
    rows = await tx.fetch("staff_reads_page", grant_id=grant_id, before=before, size=size)
    return [
        Statement(
            id=row["statement_id"],
            question=row["question"],
            reads=row["reads"],
            about=row["about"],
            staff=row["staff"],
            asked_at=row["asked_at"],
            outcome=row["outcome"],
            rows=row["rows"],
        )
        for row in rows
    ]


async def known(tx: Tx, grants: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of `grants` there are."""
    return {row["id"] for row in await tx.fetch("staff_grants_known", ids=sorted(grants))}


async def add_reads(tx: Tx, told: Sequence[ToldRead]) -> None:
    """Add steps of statements; those already there stay as they are."""
    await tx.execute(
        "staff_reads_add",
        grant_ids=[one.read.grant_id for one in told],
        statement_ids=[one.read.statement_id for one in told],
        steps=[one.read.step.value for one in told],
        services=[one.service for one in told],
        staff=[one.staff for one in told],
        questions=[one.read.question for one in told],
        reads=[one.read.reads for one in told],
        abouts=[one.read.about for one in told],
        rows=[one.read.rows for one in told],
        times=[one.told_at for one in told],
    )


def _access(row: Row) -> Access:
    terms = Terms(
        staff=row["staff"],
        service=row["service"],
        reason=Reason(row["reason"]),
        ticket=row["ticket"],
        minutes=row["minutes"],
    )
    approved = Decision(by=row["approver"], at=row["approved_at"]) if row["approver"] else None
    ended = (
        Decision(by=row["ended_by"], at=row["ended_at"], by_staff=row["ended_by_staff"]) if row["ended_by"] else None
    )
    return Access(
        id=row["id"], terms=terms, asked_at=row["asked_at"], seen_at=row["seen_at"], approved=approved, ended=ended
    )
