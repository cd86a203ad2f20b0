"""Requests to erase one person's data, and what was reported of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from database import Database, Tx
from retention.domain.erasures import Erasure, Part, Person, State
from retention.domain.people import SERVICES
from retention.store.requests import Certificate, Claim, Due, certified, due_of, erasure_of, kept, noted, part_of


async def read(tx: Tx, erasure_id: uuid.UUID) -> Erasure | None:
    """A request; None where there is none."""
    return erasure_of(await tx.fetch_one("person_request_read", id=erasure_id))


async def under_way(tx: Tx, email: str) -> Erasure | None:
    """The request for a person that is not over; None where there is none."""
    return erasure_of(await tx.fetch_one("person_request_open", email=email))


async def newest(tx: Tx, limit: int) -> list[Erasure]:
    """The workspace's newest requests for people's data."""
    rows = await tx.fetch("person_requests_of_workspace", limit=limit)
    return [one for row in rows if (one := erasure_of(row))]


async def ask(tx: Tx, erasure: Erasure) -> bool:
    """Note a request; False where one for this person is under way."""
    of = {"asked_by": erasure.asked_by, "ticket": erasure.ticket or None, "email": _person(erasure).email}
    return await tx.fetch_one("person_request_ask", **noted(erasure), **of) is not None


async def lock(tx: Tx, erasure_id: uuid.UUID) -> Erasure | None:
    """A request, held until the transaction ends."""
    return erasure_of(await tx.fetch_one("person_request_lock", id=erasure_id))


async def take_back(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Take a request back; False where that is not possible any more, or was done."""
    return await tx.fetch_one("person_request_take_back", id=erasure_id) is not None


async def parts(tx: Tx, erasure_id: uuid.UUID) -> list[Part]:
    """What the services have reported, by their names; nothing before the request is under way."""
    return [part_of(row) for row in await tx.fetch("person_request_parts", erasure_id=erasure_id)]


async def begin_parts(tx: Tx, erasure_id: uuid.UUID) -> None:
    """There will be a part of each of the services."""
    await tx.execute("person_request_parts_begin", erasure_id=erasure_id, services=list(SERVICES))


async def keep_part(tx: Tx, erasure_id: uuid.UUID, part: Part) -> None:
    """Keep what a service has reported so far."""
    await tx.execute("person_request_part_keep", erasure_id=erasure_id, **kept(part))


async def wake(tx: Tx, erasure_id: uuid.UUID) -> None:
    """Have the worker look at a request that is under way."""
    await tx.execute("person_request_wake", id=erasure_id)


async def claim(tx: Tx, erasure_id: uuid.UUID, lease_seconds: float) -> Claim | None:
    """Take a request that is due; None when somebody else has it, or there is nothing to do any more."""
    row = await tx.fetch_one("person_request_claim", id=erasure_id, lease_seconds=lease_seconds)
    return Claim(erasure_id, row["fence"], row["failures"]) if row else None


async def start(tx: Tx, claim: Claim) -> bool:
    """It is under way. False when the claim was lost: nothing of it may count; likewise below."""
    return await tx.fetch_one("person_request_start", id=claim.id, fence=claim.fence) is not None


async def restore(tx: Tx, erasure: Erasure) -> bool:
    """An attempt that the ledger names is under way; False where it is known as that, or the request as ended."""
    person = _person(erasure)
    names = noted(erasure) | {"user_ids": list(person.user_ids), "attempt": erasure.attempt, "calls": len(person.calls)}
    return await tx.fetch_one("person_request_restore", **names, ledger=_entries(person.ledger)) is not None


async def looked(tx: Tx, erasure_id: uuid.UUID, person: Person) -> None:
    """What was found before anything is begun."""
    counts = {"calls_found": person.calls_found, "rows_by_address": person.rows_by_address}
    await tx.execute("person_request_looked", id=erasure_id, **counts)


async def found(tx: Tx, erasure_id: uuid.UUID, person: Person) -> bool:
    """What an attempt is about; False where that was known before, or another attempt is under way."""
    row = await tx.fetch_one(
        "person_request_found",
        id=erasure_id,
        attempt=person.found_attempt,
        user_ids=list(person.user_ids),
        calls=[[call.provider, call.call_id] for call in person.calls],
        more=person.more,
        is_new=person.is_new,
        calls_found=person.calls_found,
        rows_by_address=person.rows_by_address,
    )
    return row is not None


async def told(tx: Tx, claim: Claim, attempt: int, ledger: Mapping[int, str]) -> bool:
    """All services are told of an attempt, which the ledger has under these digests."""
    row = await tx.fetch_one(
        "person_request_told", id=claim.id, fence=claim.fence, attempt=attempt, ledger=_entries(ledger)
    )
    return row is not None


async def settle(tx: Tx, claim: Claim, seconds: float) -> float | None:
    """For how many seconds it is still waited for who was at work when all was erased, `seconds` in all; None when the claim was lost."""
    row = await tx.fetch_one("person_request_settle", id=claim.id, fence=claim.fence, seconds=seconds)
    return float(row["seconds"]) if row else None


async def verify(tx: Tx, claim: Claim, attempt: int) -> bool:
    """The attempt after `attempt` begins."""
    asked = await tx.fetch_one("person_request_verify", id=claim.id, fence=claim.fence, attempt=attempt)
    return asked is not None


async def complete(tx: Tx, claim: Claim, completed_at: datetime, certificate: Certificate) -> bool:
    """It is done; who asked is forgotten."""
    done = await tx.fetch_one(
        "person_request_complete",
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
        "person_request_rest",
        id=claim.id,
        fence=claim.fence,
        seconds=seconds,
        failures=failures,
        outcome=outcome,
    )


async def alarmed(tx: Tx, erasure_id: uuid.UUID) -> bool:
    """Staff is told; False when it was before."""
    return await tx.fetch_one("person_request_alarmed", id=erasure_id) is not None


async def certificate(tx: Tx, erasure_id: uuid.UUID) -> Certificate | None:
    """The certificate; None before the request is completed."""
    return certified(await tx.fetch_one("person_request_certificate", id=erasure_id))


async def due(db: Database, limit: int) -> list[Due]:
    """What something is to be done about, in any workspace, longest due first."""
    async with db.sweep() as tx:
        return [due_of(row) for row in await tx.fetch("person_requests_due", limit=limit)]


async def slow(db: Database, limit: int) -> list[Due]:
    """What takes too long, in any workspace, and was not told of."""
    async with db.sweep() as tx:
        return [due_of(row) for row in await tx.fetch("person_requests_slow", limit=limit)]


async def end(tx: Tx, erasure_id: uuid.UUID, state: State) -> bool:
    """There is nothing to erase, or the person is a member: it ends. False where it had ended."""
    return await tx.fetch_one("person_request_end", id=erasure_id, state=state.value) is not None


async def end_with_workspace(tx: Tx) -> int:
    """The workspace is erased: what was asked of its people ends, and names nobody; how many requests that were."""
    return await tx.execute("person_requests_with_workspace")


async def forget_address(tx: Tx, email: str) -> dict[str, int]:
    """Empty what retention itself keeps of a person by their address; rows by table, where there were any."""
    rows = {
        "checkouts": await tx.execute("person_address_checkouts", email=email),
        "erasures": await tx.execute("person_address_erasures", email=email),
        "report_erasures": await tx.execute("person_address_report_erasures", email=email),
        "person_requests": await tx.execute("person_address_person_requests", email=email),
    }
    return {table: count for table, count in rows.items() if count}


def _person(erasure: Erasure) -> Person:
    if erasure.person is None:
        raise ValueError("the request is of no person")
    return erasure.person


def _entries(ledger: Mapping[int, str]) -> dict[str, str]:
    return {str(attempt): digest for attempt, digest in ledger.items()}
