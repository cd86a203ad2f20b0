"""Requests to erase a workspace, and what the services have reported."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database, Row, Tx
from retention.domain.erasures import ITSELF, TOLD, Erasure, Part, Scope, State
from retention.domain.kept import Kept
from retention.store.requests import Certificate, Claim, Due, certified, due_of, erasure_of, kept, noted, part_of


class Known(NamedTuple):
    """What is known of a workspace."""

    name: str
    timezone: str


class Listed(Struct, frozen=True):
    """A request in the list of our staff."""

    workspace_id: WorkspaceId
    id: uuid.UUID
    scope: Scope
    report_id: uuid.UUID | None
    state: State
    by_staff: bool
    asked_at: datetime
    take_back_until: datetime
    deadline: datetime
    completed_at: datetime | None
    outcome: str


async def about(tx: Tx) -> Known:
    """The workspace's name and zone; empty while it is not known."""
    row = await tx.fetch_one("erasure_workspace")
    return Known(row["name"], row["timezone"]) if row else Known("", "")


async def latest(tx: Tx) -> Erasure | None:
    """The workspace's request: the one that holds, or else the one that was taken back last; None where it was never asked for."""
    return erasure_of(await tx.fetch_one("erasure_latest"))


async def ask(tx: Tx, erasure: Erasure) -> bool:
    """Note a request; False where there is one already that holds."""
    of = {"asked_by": erasure.asked_by, "ticket": erasure.ticket or None}
    return await tx.fetch_one("erasure_ask", **noted(erasure), **of) is not None


async def lock(tx: Tx, erasure_id: uuid.UUID) -> Erasure | None:
    """A request, held until the transaction ends."""
    return erasure_of(await tx.fetch_one("erasure_lock", id=erasure_id))


async def take_back(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Take a request back; False where that is not possible any more, or was done."""
    return await tx.fetch_one("erasure_take_back", id=erasure_id) is not None


async def parts(tx: Tx, erasure_id: uuid.UUID) -> list[Part]:
    """What the services have reported, by their names; nothing before the request is under way."""
    return [part_of(row) for row in await tx.fetch("erasure_parts", erasure_id=erasure_id)]


async def begin_parts(tx: Tx, erasure_id: uuid.UUID) -> None:
    """There will be a part of each of the services."""
    await tx.execute("erasure_parts_begin", erasure_id=erasure_id, services=[*TOLD, ITSELF])


async def keep_part(tx: Tx, erasure_id: uuid.UUID, part: Part) -> None:
    """Keep what a service has reported so far."""
    await tx.execute("erasure_part_keep", erasure_id=erasure_id, **kept(part), providers=dict(part.providers))


async def wake(tx: Tx, erasure_id: uuid.UUID) -> None:
    """Have the worker look at a request that is under way."""
    await tx.execute("erasure_wake", id=erasure_id)


async def claim(tx: Tx, erasure_id: uuid.UUID, lease_seconds: float) -> Claim | None:
    """Take a request that is due; None when somebody else has it, or there is nothing to do any more."""
    row = await tx.fetch_one("erasure_claim", id=erasure_id, lease_seconds=lease_seconds)
    return Claim(erasure_id, row["fence"], row["failures"]) if row else None


async def start(tx: Tx, claim: Claim) -> bool:
    """It is under way. False when the claim was lost: nothing of it may count; likewise below."""
    return await tx.fetch_one("erasure_start", id=claim.id, fence=claim.fence) is not None


async def restore(tx: Tx, erasure: Erasure) -> bool:
    """A request that the ledger names is under way; False where it is known as that, or as ended."""
    return await tx.fetch_one("erasure_restore", **noted(erasure)) is not None


async def verify(tx: Tx, claim: Claim, attempt: int) -> bool:
    """All are asked to look for what is left, after `attempt` times that they were before."""
    asked = await tx.fetch_one("erasure_verify", id=claim.id, fence=claim.fence, attempt=attempt)
    return asked is not None


async def complete(tx: Tx, claim: Claim, completed_at: datetime, certificate: Certificate) -> bool:
    """It is done; who asked is forgotten."""
    done = await tx.fetch_one(
        "erasure_complete",
        id=claim.id,
        fence=claim.fence,
        completed_at=completed_at,
        certificate=certificate.statement,
        certificate_pdf=certificate.pdf,
    )
    return done is not None


async def rest(tx: Tx, claim: Claim, seconds: float, failures: int = 0, outcome: str = "") -> None:
    """Look at it again in `seconds`, or as soon as a service reports something."""
    await tx.execute(
        "erasure_rest",
        id=claim.id,
        fence=claim.fence,
        seconds=seconds,
        failures=failures,
        outcome=outcome,
    )


async def alarmed(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Staff is told; False when it was before."""
    return await tx.fetch_one("erasure_alarmed", id=erasure_id) is not None


async def certificate(tx: Tx, erasure_id: uuid.UUID) -> Certificate | None:
    """The certificate; None before the request is completed."""
    return certified(await tx.fetch_one("erasure_certificate", id=erasure_id))


async def due(db: Database, limit: int) -> list[Due]:
    """What something is to be done about, in any workspace, longest due first."""
    async with db.sweep() as tx:
        return [due_of(row) for row in await tx.fetch("erasures_due", limit=limit)]


async def slow(db: Database, limit: int) -> list[Due]:
    """What takes too long, in any workspace, and was not told of."""
    async with db.sweep() as tx:
        return [due_of(row) for row in await tx.fetch("erasures_slow", limit=limit)]


async def end_payments(tx: Tx, claim: Claim) -> bool:
    """Nothing is charged any more. False when the claim was lost."""
    return await tx.fetch_one("erasure_payments_ended", id=claim.id, fence=claim.fence) is not None


async def forget_people(tx: Tx) -> int:
    """Empty who made the workspace's requests, and the tickets, in the record that stays; how many requests named somebody."""
    return await tx.execute("erasures_forget_people")


async def listed(db: Database, limit: int) -> list[Listed]:
    """Requests of all workspaces, the newest first."""
    async with db.sweep() as tx:
        rows = await tx.fetch("erasures_listed", limit=limit)
    return [_listed(row) for row in rows]


async def kept_to(db: Database) -> Kept:
    """How many requests there were, and what became of them."""
    async with db.sweep() as tx:
        row = await tx.fetch_one("erasures_kept_to")
    return Kept(**dict(row)) if row else Kept()


def _listed(row: Row) -> Listed:
    return Listed(
        workspace_id=WorkspaceId(row["workspace_id"]),
        id=row["id"],
        scope=Scope(row["scope"]),
        report_id=row["report_id"],
        state=State(row["state"]),
        by_staff=row["by_staff"],
        asked_at=row["asked_at"],
        take_back_until=row["take_back_until"],
        deadline=row["deadline"],
        completed_at=row["completed_at"],
        outcome=row["outcome"],
    )
