"""Statements about the erasure of people's data, as functions that take a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from contracts.person_erasing import PersonOrder
from core.ids import WorkspaceId
from database import Database, Tx


class Attempt(Struct, frozen=True):
    """An order as it stands here: one attempt of an erasure.

    `barrier`: every transaction that had not seen the order has a lower number; None where nobody has looked yet. `rows` and `objects` were
    erased so far. `seconds`: for how long the order has been here. `user_ids` is empty once it is answered.
    """

    erasure_id: uuid.UUID
    attempt: int
    asked_at: datetime
    due_at: datetime
    user_ids: Sequence[str]
    barrier: int | None
    rows: Mapping[str, int]
    objects: int
    taken_at: datetime
    answered_at: datetime | None
    seconds: float


class Due(Struct, frozen=True):
    """An attempt that is to be carried on."""

    workspace_id: WorkspaceId
    erasure_id: uuid.UUID
    attempt: int


async def order(tx: Tx, asked: PersonOrder, until: datetime) -> None:
    """Note an order, anew where it comes again; of these people nothing is kept from then on that happened up to `until`."""
    await tx.execute("people_forget", marks=sorted(map(mark, asked.user_ids)), until=until)
    await tx.execute(
        "person_order_set",
        erasure_id=asked.erasure_id,
        attempt=asked.attempt,
        asked_at=asked.asked_at,
        due_at=asked.due_at,
        user_ids=list(asked.user_ids),
    )


async def read(tx: Tx, erasure_id: uuid.UUID, attempt: int) -> Attempt | None:
    """An attempt; None where nothing was asked."""
    row = await tx.fetch_one("person_order_read", erasure_id=erasure_id, attempt=attempt)
    return Attempt(**dict(row)) if row else None


async def due(db: Database, most: int) -> list[Due]:
    """Attempts that are to be carried on, in any workspace, those first that wait longest."""
    async with db.sweep() as tx:
        rows = await tx.fetch("person_erasures_due", most=most)
    return [Due(WorkspaceId(row["workspace_id"]), row["erasure_id"], row["attempt"]) for row in rows]


async def claim(tx: Tx, one: Due, seconds: float) -> bool:
    """Take an attempt that is due for so many seconds; False where somebody else has."""
    found = await tx.fetch_one("person_order_claim", erasure_id=one.erasure_id, attempt=one.attempt, seconds=seconds)
    return found is not None


async def later(tx: Tx, one: Due, seconds: float) -> None:
    """Carry on in so many seconds."""
    await tx.execute("person_order_later", erasure_id=one.erasure_id, attempt=one.attempt, seconds=seconds)


async def bar(tx: Tx, one: Due, barrier: int) -> None:
    """Note from which transaction on everybody has seen the order."""
    await tx.execute("person_order_bar", erasure_id=one.erasure_id, attempt=one.attempt, barrier=barrier)


async def count(tx: Tx, one: Due, relation: str, rows: int, objects: int, seconds: float) -> None:
    """Add to what was erased, and keep the attempt for so many seconds more."""
    await tx.execute(
        "person_order_count",
        erasure_id=one.erasure_id,
        attempt=one.attempt,
        relation=relation,
        rows=rows,
        objects=objects,
        seconds=seconds,
    )


async def answered(tx: Tx, one: Due, taken_at: datetime) -> tuple[Mapping[str, int], int] | None:
    """Note that all is gone, and forget whose it was; rows by table and objects that went. None where that was noted before, or the order
    has come anew since it was taken then."""
    row = await tx.fetch_one("person_order_answered", erasure_id=one.erasure_id, attempt=one.attempt, taken_at=taken_at)
    return (row["rows"], row["objects"]) if row else None


async def is_forgotten(tx: Tx, user_id: str, happened_at: datetime) -> bool:
    """Whether nothing is to be kept of what happened to somebody then."""
    return await tx.fetch_one("person_forgotten", mark=mark(user_id), happened_at=happened_at) is not None


async def keys_of(tx: Tx, user_ids: Iterable[str]) -> list[uuid.UUID]:
    """The API keys that these people made, as far as the service was told of them."""
    return [row["key_id"] for row in await tx.fetch("person_keys", user_ids=list(user_ids))]


async def purge(tx: Tx, days: int, people: int) -> int:
    """Let at most so many marks go that are older; how many."""
    return await tx.execute("forgotten_purge", days=days, people=people)


def mark(user_id: str) -> bytes:
    """What is kept of somebody who is forgotten. An id is long and drawn at random: nobody finds it by trying."""
    return sha256(user_id.encode()).digest()
