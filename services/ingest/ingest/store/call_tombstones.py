"""Calls that are erased because of a person who took part in them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from contracts.person_erasing import Call
from database import Database, Tx
from database.queries import Statement
from ingest.domain.calls import CallId
from ingest.domain.jobs import JobId

# The statements that erase have these letters before the name of their table.
_ERASE = "call_erase_"


def statements(db: Database) -> list[Statement]:
    """What erases rows of calls, in the order in which it has to be done."""
    return [one for one in db.queries if one.name.startswith(_ERASE)]


def table_of(statement: Statement) -> str:
    """The table that a statement erases from."""
    return statement.name.removeprefix(_ERASE)


async def among(tx: Tx, call_ids: Sequence[CallId]) -> frozenset[CallId]:
    """Which of these calls are erased, or are about to be: nothing may be kept of them."""
    if not call_ids:
        return frozenset()
    rows = await tx.fetch("calls_erased_among", call_ids=list(call_ids))
    return frozenset(CallId(row["call_id"]) for row in rows)


async def put(tx: Tx, erasure_id: uuid.UUID, attempt: int, calls: Sequence[Call]) -> None:
    """Let nothing more be added for these calls, once this is committed."""
    await tx.execute(
        "call_tombstones_set",
        erasure_id=erasure_id,
        attempt=attempt,
        providers=[call.provider for call in calls],
        call_ids=[call.call_id for call in calls],
    )


async def name(tx: Tx, erasure_id: uuid.UUID, attempt: int, most: int) -> list[Call]:
    """The calls that an attempt names to the other services: the same however often it is asked, at most `most` that no other has named."""
    named = await _named(tx, erasure_id, attempt)
    if not named:
        await tx.execute("call_tombstones_name", erasure_id=erasure_id, attempt=attempt, most=most)
        named = await _named(tx, erasure_id, attempt)
    return named


async def _named(tx: Tx, erasure_id: uuid.UUID, attempt: int) -> list[Call]:
    rows = await tx.fetch("call_tombstones_named", erasure_id=erasure_id, attempt=attempt)
    return [Call(row["provider"], row["call_id"]) for row in rows]


async def are_unnamed(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Whether calls are held that a later attempt has to name."""
    return bool(await tx.fetch_value("call_tombstones_unnamed", erasure_id=erasure_id))


async def page(tx: Tx, erasure_id: uuid.UUID, after: str, most: int) -> list[CallId]:
    """So many of the calls of an erasure that were named, behind one."""
    rows = await tx.fetch("call_tombstones_page", erasure_id=erasure_id, after=after, most=most)
    return [CallId(row["call_id"]) for row in rows]


async def previews(tx: Tx, erasure_id: uuid.UUID, after: uuid.UUID, most: int) -> list[JobId]:
    """So many of the previews, behind one, that were asked for before the calls of an erasure were held; none where it holds no call."""
    rows = await tx.fetch("previews_before", erasure_id=erasure_id, after=after, most=most)
    return [JobId(row["id"]) for row in rows]


async def under_way(tx: Tx) -> list[JobId]:
    """Jobs that have not ended and were to fetch calls that are erased."""
    return [JobId(row["run_id"]) for row in await tx.fetch("erased_calls_under_way")]


async def let_go(tx: Tx, job_id: JobId) -> int:
    """Have a job leave out, and count, what it was to fetch and is erased; how many calls that were."""
    if await tx.fetch_one("job_locked", id=job_id) is None:
        return 0
    gone = await tx.execute("run_calls_let_go", run_id=job_id)
    if gone:
        await tx.execute("job_calls_let_go", id=job_id, calls=gone)
    return gone


async def erase(tx: Tx, statement: Statement, erasure_id: uuid.UUID, most: int) -> int:
    """Delete at most `most` rows of one table that are of calls of an erasure; how many there were."""
    return await tx.run(statement, erasure_id=erasure_id, most=most)
