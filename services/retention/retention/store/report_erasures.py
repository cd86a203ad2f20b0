"""Requests to erase one report, and what was reported of it."""

from __future__ import annotations

import uuid
from datetime import datetime

from database import Database, Tx
from retention.domain.erasures import OF_REPORTS, Erasure, Part
from retention.store.requests import Certificate, Claim, Due, certified, due_of, erasure_of, kept, noted, part_of


async def latest(tx: Tx, report_id: uuid.UUID) -> Erasure | None:
    """The request for a report: the one that holds, or else the one that ended last; None where nobody has asked for it."""
    return erasure_of(await tx.fetch_one("report_erasure_latest", report_id=report_id))


async def newest(tx: Tx, limit: int) -> list[Erasure]:
    """The workspace's newest requests for reports."""
    rows = await tx.fetch("report_erasures_of_workspace", limit=limit)
    return [one for row in rows if (one := erasure_of(row))]


async def ask(tx: Tx, erasure: Erasure) -> bool:
    """Note a request; False where there is one already that holds."""
    of = {"asked_by": erasure.asked_by, "ticket": erasure.ticket or None}
    return await tx.fetch_one("report_erasure_ask", **noted(erasure), **of) is not None


async def lock(tx: Tx, erasure_id: uuid.UUID) -> Erasure | None:
    """A request, held until the transaction ends."""
    return erasure_of(await tx.fetch_one("report_erasure_lock", id=erasure_id))


async def take_back(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Take a request back; False where that is not possible any more, or was done."""
    return await tx.fetch_one("report_erasure_take_back", id=erasure_id) is not None


async def parts(tx: Tx, erasure_id: uuid.UUID) -> list[Part]:
    """What the services have reported, by their names; nothing before the request is under way."""
    return [part_of(row) for row in await tx.fetch("report_erasure_parts", erasure_id=erasure_id)]


async def begin_parts(tx: Tx, erasure_id: uuid.UUID) -> None:
    """There will be a part of whoever has reports."""
    await tx.execute("report_erasure_parts_begin", erasure_id=erasure_id, services=list(OF_REPORTS))


async def keep_part(tx: Tx, erasure_id: uuid.UUID, part: Part) -> None:
    """Keep what a service has reported so far."""
    await tx.execute("report_erasure_part_keep", erasure_id=erasure_id, **kept(part))


async def wake(tx: Tx, erasure_id: uuid.UUID) -> None:
    """Have the worker look at a request that is under way."""
    await tx.execute("report_erasure_wake", id=erasure_id)


async def claim(tx: Tx, erasure_id: uuid.UUID, lease_seconds: float) -> Claim | None:
    """Take a request that is due; None when somebody else has it, or there is nothing to do any more."""
    row = await tx.fetch_one("report_erasure_claim", id=erasure_id, lease_seconds=lease_seconds)
    return Claim(erasure_id, row["fence"], row["failures"]) if row else None


async def start(tx: Tx, claim: Claim) -> bool:
    """It is under way. False when the claim was lost: nothing of it may count; likewise below."""
    return await tx.fetch_one("report_erasure_start", id=claim.id, fence=claim.fence) is not None


async def restore(tx: Tx, erasure: Erasure) -> bool:
    """A request that the ledger names is under way; False where it is known as that, or as ended."""
    return await tx.fetch_one("report_erasure_restore", **noted(erasure)) is not None


async def verify(tx: Tx, claim: Claim, attempt: int) -> bool:
    """All are asked to look for what is left, after `attempt` times that they were before."""
    asked = await tx.fetch_one("report_erasure_verify", id=claim.id, fence=claim.fence, attempt=attempt)
    return asked is not None


async def complete(tx: Tx, claim: Claim, completed_at: datetime, certificate: Certificate) -> bool:
    """It is done; who asked is forgotten."""
    done = await tx.fetch_one(
        "report_erasure_complete",
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
        "report_erasure_rest",
        id=claim.id,
        fence=claim.fence,
        seconds=seconds,
        failures=failures,
        outcome=outcome,
    )


async def alarmed(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Staff is told; False when it was before."""
    return await tx.fetch_one("report_erasure_alarmed", id=erasure_id) is not None


async def certificate(tx: Tx, erasure_id: uuid.UUID) -> Certificate | None:
    """The certificate; None before the request is completed."""
    return certified(await tx.fetch_one("report_erasure_certificate", id=erasure_id))


async def due(db: Database, limit: int) -> list[Due]:
    """What something is to be done about, in any workspace, longest due first."""
    async with db.sweep() as tx:
        return [due_of(row) for row in await tx.fetch("report_erasures_due", limit=limit)]


async def slow(db: Database, limit: int) -> list[Due]:
    """What takes too long, in any workspace, and was not told of."""
    async with db.sweep() as tx:
        return [due_of(row) for row in await tx.fetch("report_erasures_slow", limit=limit)]


async def not_found(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """There is no report that the request could be about: it ends. False where it had ended, or is further."""
    return await tx.fetch_one("report_erasure_not_found", id=erasure_id) is not None


async def end_with_workspace(tx: Tx) -> int:
    """The workspace is erased: what was asked of its reports ends, and names nobody; how many requests that were."""
    return await tx.execute("report_erasures_with_workspace")
