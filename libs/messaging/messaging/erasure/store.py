"""Statements about tombstones, as functions that take a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from msgspec import Struct

from contracts.erasing import Order
from core.ids import WorkspaceId
from database import Database, Tx


class Tombstone(Struct, frozen=True):
    """An erasure as it stands here.

    `barrier`: every transaction that had not seen the stage has a lower number; None where nobody has looked yet.
    `erased_seconds`: how long ago all was erased; None before.
    """

    erasure_id: str
    asked_at: datetime
    due_at: datetime
    stage: str
    barrier: int | None
    told: bool
    asked_attempt: int
    answered_attempt: int
    others: tuple[str, ...]
    rows: Mapping[str, int]
    objects: int
    providers: Mapping[str, str]
    erased_seconds: float | None


async def freeze(tx: Tx, order: Order) -> bool:
    """Let nothing more be added for the workspace, once this has been committed; False where an order stands already."""
    found = await tx.fetch_one(
        "tombstone_set", erasure_id=order.erasure_id, asked_at=order.asked_at, due_at=order.due_at
    )
    return found is not None


async def again(tx: Tx, erasure_id: str) -> None:
    """Go through the erasure again and answer all of it again."""
    await tx.execute("tombstone_again", erasure_id=erasure_id)


async def read(tx: Tx) -> Tombstone | None:
    """The workspace's tombstone; None for one that nobody erases."""
    row = await tx.fetch_one("tombstone_read")
    if row is None:
        return None
    values = {name: row[name] for name in Tombstone.__struct_fields__}
    return Tombstone(**values | {"others": tuple(row["others"])})


async def verify(tx: Tx, erasure_id: str, attempt: int) -> None:
    """Note that a verification is asked for; an earlier attempt that comes later changes nothing."""
    await tx.execute("tombstone_verify", erasure_id=erasure_id, attempt=attempt)


async def heard_of(tx: Tx, erasure_id: str, service: str) -> None:
    """Note that another service has erased."""
    await tx.execute("tombstone_other", erasure_id=erasure_id, service=service)


async def due(db: Database, most: int) -> list[WorkspaceId]:
    """Workspaces whose erasure is to be carried on, those first that wait longest."""
    async with db.sweep() as tx:
        return [WorkspaceId(row["workspace_id"]) for row in await tx.fetch("tombstones_due", most=most)]


async def claim(tx: Tx, seconds: float) -> bool:
    """Take an erasure that is due for so many seconds; False where somebody else has."""
    return await tx.fetch_one("tombstone_claim", seconds=seconds) is not None


async def later(tx: Tx, seconds: float | None) -> None:
    """Carry on in so many seconds; None: not before something is asked for."""
    await tx.execute("tombstone_later", seconds=seconds)


async def bar(tx: Tx, barrier: int) -> None:
    """Note from which transaction on everybody has seen the stage."""
    await tx.execute("tombstone_bar", barrier=barrier)


async def next_transaction(db: Database) -> int:
    """The number that the next transaction gets."""
    async with db.sweep() as tx:
        return cast(int, await tx.fetch_value("transactions_next"))


async def settled(db: Database, tombstone: Tombstone) -> bool:
    """Whether every transaction that had not seen the tombstone's stage is over."""
    return tombstone.barrier is not None and await over(db, tombstone.barrier)


async def over(db: Database, barrier: int) -> bool:
    """Whether every transaction with a lower number is over."""
    async with db.sweep() as tx:
        return cast(int, await tx.fetch_value("transactions_oldest")) >= barrier


async def told(tx: Tx) -> bool:
    """Note that it has been told that the workspace is frozen; True the first time."""
    return await tx.fetch_one("tombstone_told") is not None


async def close(tx: Tx) -> None:
    """Refuse what may be added to a frozen workspace as well."""
    await tx.execute("tombstone_close")


async def count(tx: Tx, relation: str, rows: int, seconds: float, objects: int = 0) -> None:
    """Add to what was erased, and keep the erasure for so many seconds more."""
    await tx.execute("tombstone_count", relation=relation, rows=rows, objects=objects, seconds=seconds)


async def note_providers(tx: Tx, providers: Mapping[str, str]) -> None:
    """Note how access was ended at the providers."""
    await tx.execute("tombstone_providers", providers=dict(providers))


async def erased(tx: Tx) -> bool:
    """Note that all is gone; True the first time."""
    return await tx.fetch_one("tombstone_erased") is not None


async def answered(tx: Tx, attempt: int) -> bool:
    """Note that a verification has been done; True the first time."""
    return await tx.fetch_one("tombstone_answered", attempt=attempt) is not None
