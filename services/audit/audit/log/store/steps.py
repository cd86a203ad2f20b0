"""The statements on steps of staff access and their leaves, as functions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from audit.log.steps import Step
from core.ids import uuid7
from database import Tx


async def name(tx: Tx, most: int) -> list[uuid.UUID]:
    """Give steps that wait the ids of their leaves, at most `most` of each of the three tables; the ids, in no order."""
    ids = [uuid7() for _ in range(3 * most)]
    return [row["leaf_id"] for row in await tx.fetch("staff_steps_name", most=most, ids=ids)]


async def arrive(tx: Tx, arrival: uuid.UUID, ids: Sequence[uuid.UUID], leaves: bytes, epoch: int) -> None:
    """Queue leaves for the log; `epoch` is that of the key they were made with."""
    await tx.execute("log_steps_arrive", id=arrival, entries=ids, leaves=leaves, epoch=epoch)


async def read(tx: Tx, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Step]:
    """Steps by the ids of their leaves, as far as they are there."""
    rows = await tx.fetch("staff_steps_read", ids=ids) if ids else []
    return {row["id"]: Step(**dict(row)) for row in rows}


async def any_sealed(tx: Tx) -> bool:
    """Whether the log has, or is about to have, leaves of steps."""
    return bool(await tx.fetch_value("staff_steps_any"))
