"""What is to be read at Stripe: jobs, one for each thing, however often it is asked for."""

from __future__ import annotations

import enum
from datetime import datetime

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database, Row, Tx


class Cause(enum.StrEnum):
    """Why something is read again."""

    WEBHOOK = "webhook"
    WEB = "web"
    SYSTEM = "system"


class Waiting(enum.StrEnum):
    """What a reading waits for: its turn, or Stripe, which could not answer."""

    DUE = "due"
    PUT_OFF = "put_off"


class Due(Struct, frozen=True):
    """Something that is to be read now."""

    workspace_id: WorkspaceId
    subject: str


class Claim(Struct, frozen=True):
    """A reading that is being made. `customer_id` is who a webhook named; `failure`: a failure was told of and is not audited yet;
    `wanted` and `fence` say which claim it is; `now` is the database's time of it.
    """

    subject: str
    customer_id: str
    cause: Cause
    wanted: int
    failure: bool
    fence: int
    attempts: int
    now: datetime


class Listed(Struct, frozen=True):
    """A reading in the operators' list."""

    workspace_id: WorkspaceId
    subject: str
    outcome: str
    refused: bool
    asked_at: datetime


async def ask(tx: Tx, subject: str, cause: Cause, customer_id: str = "", *, failed: bool = False) -> None:
    """Have something read as soon as possible; `failed` where a payment of it failed."""
    await tx.execute("reading_ask", subject=subject, cause=cause.value, customer_id=customer_id, failed=failed)


async def due(db: Database, limit: int) -> list[Due]:
    """What is due in any workspace, longest due first."""
    async with db.sweep() as tx:
        rows = await tx.fetch("readings_due", limit=limit)
    return [Due(WorkspaceId(row["workspace_id"]), row["subject"]) for row in rows]


async def claim(tx: Tx, subject: str, lease_seconds: float) -> Claim | None:
    """Take a reading that is due; None when somebody else has it, or it is made already."""
    row = await tx.fetch_one("reading_claim", subject=subject, lease_seconds=lease_seconds)
    if row is None:
        return None
    return Claim(
        subject=row["subject"],
        customer_id=row["customer_id"],
        cause=Cause(row["cause"]),
        wanted=row["wanted"],
        failure=row["failure"],
        fence=row["fence"],
        attempts=row["attempts"],
        now=row["now"],
    )


async def end(
    tx: Tx,
    claim: Claim,
    *,
    look_at: datetime | None = None,
    outcome: str = "",
    refused: bool = False,
    told: bool = False,
) -> bool:
    """It is read, and settled until `look_at`; `told`: its failure is audited. False when the claim was lost: nothing of it may count."""
    row = await tx.fetch_one(
        "reading_end",
        subject=claim.subject,
        fence=claim.fence,
        wanted=claim.wanted,
        next_at=look_at,
        outcome=outcome,
        refused=refused,
        failure_told=told,
    )
    return row is not None


async def again(tx: Tx, claim: Claim, seconds: float, outcome: str) -> bool:
    """It could not be read, and is tried again in `seconds`. False when the claim was lost."""
    row = await tx.fetch_one(
        "reading_again", subject=claim.subject, fence=claim.fence, seconds=seconds, outcome=outcome
    )
    return row is not None


async def waiting(tx: Tx) -> Waiting | None:
    """What keeps that which was asked for from having been read; None when all has been.

    To be asked before what was read: what is read in between is newer than this says then, never older.
    """
    put_off = await tx.fetch_value("reading_waiting")
    if put_off is None:
        return None
    return Waiting.PUT_OFF if put_off else Waiting.DUE


async def troubled(db: Database, limit: int) -> list[Listed]:
    """What was refused or could not be read, in any workspace, the newest first."""
    async with db.sweep() as tx:
        return [_listed(row) for row in await tx.fetch("readings_refused", limit=limit)]


async def customers_after(db: Database, after: str, limit: int) -> list[WorkspaceId]:
    """Workspaces that have a customer at Stripe, in their order."""
    async with db.sweep() as tx:
        return [WorkspaceId(row["workspace_id"]) for row in await tx.fetch("customers_after", after=after, limit=limit)]


def _listed(row: Row) -> Listed:
    return Listed(WorkspaceId(row["workspace_id"]), row["subject"], row["outcome"], row["refused"], row["asked_at"])
