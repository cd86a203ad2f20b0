"""Requests to erase a workspace, and what the services have reported."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from core.ids import WorkspaceId
from database import Database, Row, Tx
from retention.domain.erasures import Erasure, Part, State, Terms
from retention.domain.kept import Kept


class Known(NamedTuple):
    """What is known of a workspace."""

    name: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Due:
    """A request that something is to be done about."""

    workspace_id: WorkspaceId
    id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is being worked on: `fence` says which claim it is; `failures` how often its step failed in a row."""

    id: uuid.UUID
    fence: int
    failures: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A request in the list of our staff."""

    workspace_id: WorkspaceId
    id: uuid.UUID
    state: State
    by_staff: bool
    asked_at: datetime
    take_back_until: datetime
    deadline: datetime
    completed_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate: a signed statement on one line, and the PDF."""

    statement: str
    pdf: bytes


async def about(tx: Tx) -> Known:
    """The workspace's name and zone; empty while it is not known."""
    row = await tx.fetch_one("erasure_workspace")
    return Known(row["name"], row["timezone"]) if row else Known("", "")


async def ask(tx: Tx, erasure: Erasure) -> bool:
    """Note a request; False where there is one already that was not taken back."""
    terms = erasure.terms
    noted = await tx.fetch_one(
        "erasure_ask",
        id=erasure.id,
        by_staff=erasure.by_staff,
        asked_by=erasure.asked_by,
        ticket=erasure.ticket or None,
        asked_at=terms.asked_at,
        zone=terms.zone,
        take_back_until=terms.take_back_until,
        target_at=terms.target_at,
        alarm_at=terms.alarm_at,
        deadline=terms.deadline,
    )
    return noted is not None


async def latest(tx: Tx) -> Erasure | None:
    """The workspace's request: the one that holds, or else the one that was taken back last; None where it was never asked for."""
    return _erasure(await tx.fetch_one("erasure_latest"))


async def lock(tx: Tx, erasure_id: uuid.UUID) -> Erasure | None:
    """A request, held until the transaction ends."""
    return _erasure(await tx.fetch_one("erasure_lock", id=erasure_id))


async def take_back(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Take a request back; False where that is not possible any more, or was done."""
    return await tx.fetch_one("erasure_take_back", id=erasure_id) is not None


async def parts(tx: Tx, erasure_id: uuid.UUID) -> list[Part]:
    """What the services have reported, by their names; nothing before the request is under way."""
    return [_part(row) for row in await tx.fetch("erasure_parts", erasure_id=erasure_id)]


async def begin_parts(tx: Tx, erasure_id: uuid.UUID, services: Sequence[str]) -> None:
    """There will be a part of each of these services."""
    await tx.execute("erasure_parts_begin", erasure_id=erasure_id, services=list(services))


async def keep_part(tx: Tx, erasure_id: uuid.UUID, part: Part) -> None:
    """Keep what a service has reported so far."""
    await tx.execute(
        "erasure_part_keep",
        erasure_id=erasure_id,
        service=part.service,
        frozen_at=part.frozen_at,
        erased_at=part.erased_at,
        verified_at=part.verified_at,
        attempt=part.attempt,
        erased_rows=dict(part.rows),
        objects=part.objects,
        left_rows=dict(part.left),
        providers=dict(part.providers),
    )


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
    """A request that the ledger names is under way; False where it is known as that, or as completed."""
    terms = erasure.terms
    restored = await tx.fetch_one(
        "erasure_restore",
        id=erasure.id,
        by_staff=erasure.by_staff,
        asked_at=terms.asked_at,
        zone=terms.zone,
        take_back_until=terms.take_back_until,
        target_at=terms.target_at,
        alarm_at=terms.alarm_at,
        deadline=terms.deadline,
    )
    return restored is not None


async def end_payments(tx: Tx, claim: Claim) -> bool:
    """Nothing is charged any more."""
    return await tx.fetch_one("erasure_payments_ended", id=claim.id, fence=claim.fence) is not None


async def verify(tx: Tx, claim: Claim, attempt: int) -> bool:
    """All are asked to look for what is left, after `attempt` times that they were before."""
    return await tx.fetch_one("erasure_verify", id=claim.id, fence=claim.fence, attempt=attempt) is not None


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
        "erasure_rest", id=claim.id, fence=claim.fence, seconds=seconds, failures=failures, outcome=outcome
    )


async def alarmed(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Staff is told; False when it was before."""
    return await tx.fetch_one("erasure_alarmed", id=erasure_id) is not None


async def certificate(tx: Tx, erasure_id: uuid.UUID) -> Certificate | None:
    """The certificate; None before the request is completed."""
    row = await tx.fetch_one("erasure_certificate", id=erasure_id)
    return Certificate(row["certificate"], row["certificate_pdf"]) if row else None


async def forget_people(tx: Tx) -> int:
    """Empty who made the workspace's requests, and the tickets, in the record that stays; how many requests named somebody."""
    return await tx.execute("erasures_forget_people")


async def due(db: Database, limit: int) -> list[Due]:
    """What something is to be done about, in any workspace, longest due first."""
    async with db.sweep() as tx:
        return [_due(row) for row in await tx.fetch("erasures_due", limit=limit)]


async def slow(db: Database, limit: int) -> list[Due]:
    """What takes too long, in any workspace, and was not told of."""
    async with db.sweep() as tx:
        return [_due(row) for row in await tx.fetch("erasures_slow", limit=limit)]


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


def _due(row: Row) -> Due:
    return Due(WorkspaceId(row["workspace_id"]), row["id"])


def _listed(row: Row) -> Listed:
    return Listed(
        workspace_id=WorkspaceId(row["workspace_id"]),
        id=row["id"],
        state=State(row["state"]),
        by_staff=row["by_staff"],
        asked_at=row["asked_at"],
        take_back_until=row["take_back_until"],
        deadline=row["deadline"],
        completed_at=row["completed_at"],
        outcome=row["outcome"],
    )


def _part(row: Row) -> Part:
    return Part(
        service=row["service"],
        frozen_at=row["frozen_at"],
        erased_at=row["erased_at"],
        verified_at=row["verified_at"],
        rows=row["erased_rows"],
        objects=row["objects"],
        attempt=row["attempt"],
        left=row["left_rows"],
        providers=row["providers"],
    )


def _erasure(row: Row | None) -> Erasure | None:
    if row is None:
        return None
    names = ("asked_at", "zone", "take_back_until", "target_at", "alarm_at", "deadline")
    return Erasure(
        id=row["id"],
        state=State(row["state"]),
        terms=Terms(**{name: row[name] for name in names}),
        by_staff=row["by_staff"],
        asked_by=row["asked_by"] or "",
        ticket=row["ticket"] or "",
        started_at=row["started_at"],
        payments_ended_at=row["payments_ended_at"],
        erased_at=row["erased_at"],
        attempt=row["attempt"],
        completed_at=row["completed_at"],
        taken_back_at=row["taken_back_at"],
    )
