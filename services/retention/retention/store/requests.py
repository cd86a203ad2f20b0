"""What requests for erasure have in common in the database, of workspaces, reports or people: each scope has tables and statements of
its own, and a module here whose functions are those of `Requests`."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database, Row, Tx
from retention.domain.erasures import Call, Erasure, Part, Person, State, Terms


class Due(Struct, frozen=True):
    """A request that something is to be done about."""

    workspace_id: WorkspaceId
    id: uuid.UUID


class Claim(Struct, frozen=True):
    """A request that is being worked on: `fence` says which claim it is; `failures` how often its step failed in a row."""

    id: uuid.UUID
    fence: int
    failures: int


class Certificate(Struct, frozen=True):
    """The certificate: a signed statement on one line, and the PDF."""

    statement: str
    pdf: bytes


class Requests(Protocol):
    """The requests of one scope."""

    async def lock(self, tx: Tx, erasure_id: uuid.UUID) -> Erasure | None:
        """A request, held until the transaction ends."""

    async def ask(self, tx: Tx, erasure: Erasure) -> bool:
        """Note a request; False where there is one already that holds."""

    async def take_back(self, tx: Tx, erasure_id: uuid.UUID) -> bool:
        """Take a request back; False where that is not possible any more, or was done."""

    async def parts(self, tx: Tx, erasure_id: uuid.UUID) -> list[Part]:
        """What the services have reported, by their names; nothing before the request is under way."""

    async def begin_parts(self, tx: Tx, erasure_id: uuid.UUID) -> None:
        """There will be a part of each of the scope's services."""

    async def keep_part(self, tx: Tx, erasure_id: uuid.UUID, part: Part) -> None:
        """Keep what a service has reported so far."""

    async def wake(self, tx: Tx, erasure_id: uuid.UUID) -> None:
        """Have the worker look at a request that is under way."""

    async def claim(self, tx: Tx, erasure_id: uuid.UUID, lease_seconds: float) -> Claim | None:
        """Take a request that is due; None when somebody else has it, or there is nothing to do any more."""

    async def start(self, tx: Tx, claim: Claim) -> bool:
        """It is under way. False when the claim was lost: nothing of it may count; likewise below."""

    async def restore(self, tx: Tx, erasure: Erasure) -> bool:
        """A request that the ledger names is under way; False where it is known as that, or as ended."""

    async def verify(self, tx: Tx, claim: Claim, attempt: int) -> bool:
        """All are asked to look for what is left, after `attempt` times that they were before."""

    async def complete(self, tx: Tx, claim: Claim, completed_at: datetime, certificate: Certificate) -> bool:
        """It is done; who asked is forgotten."""

    async def rest(self, tx: Tx, claim: Claim, seconds: float, failures: int = 0, outcome: str = "") -> None:
        """Look at it again in `seconds`, or as soon as a service reports something."""

    async def alarmed(self, tx: Tx, erasure_id: uuid.UUID) -> bool:
        """Staff is told; False when it was before."""

    async def certificate(self, tx: Tx, erasure_id: uuid.UUID) -> Certificate | None:
        """The certificate; None before the request is completed."""

    async def due(self, db: Database, limit: int) -> list[Due]:
        """What something is to be done about, in any workspace, longest due first."""

    async def slow(self, db: Database, limit: int) -> list[Due]:
        """What takes too long, in any workspace, and was not told of."""


def noted(erasure: Erasure) -> dict[str, object]:
    """What is noted of a request."""
    terms = erasure.terms
    report = {"report_id": erasure.report_id} if erasure.report_id else {}
    return report | {
        "id": erasure.id,
        "by_staff": erasure.by_staff,
        "asked_at": terms.asked_at,
        "zone": terms.zone,
        "take_back_until": terms.take_back_until,
        "target_at": terms.target_at,
        "alarm_at": terms.alarm_at,
        "deadline": terms.deadline,
    }


def due_of(row: Row) -> Due:
    """A request that is due."""
    return Due(WorkspaceId(row["workspace_id"]), row["id"])


def part_of(row: Row) -> Part:
    """What one service has reported."""
    return Part(
        service=row["service"],
        frozen_at=row["frozen_at"],
        erased_at=row["erased_at"],
        verified_at=row["verified_at"],
        rows=row["erased_rows"],
        objects=row["objects"],
        attempt=row["attempt"],
        left=row["left_rows"],
        providers=row.get("providers", {}),
    )


def erasure_of(row: Row | None) -> Erasure | None:
    """A request; None where there is no row."""
    if row is None:
        return None
    names = ("asked_at", "zone", "take_back_until", "target_at", "alarm_at", "deadline")
    return Erasure(
        id=row["id"],
        report_id=row.get("report_id"),
        person=_person_of(row) if "told_attempt" in row else None,
        state=State(row["state"]),
        terms=Terms(**{name: row[name] for name in names}),
        by_staff=row["by_staff"],
        asked_by=row["asked_by"] or "",
        ticket=row["ticket"] or "",
        started_at=row["started_at"],
        payments_ended_at=row.get("payments_ended_at"),
        erased_at=row["erased_at"],
        attempt=row["attempt"],
        completed_at=row["completed_at"],
        taken_back_at=row["taken_back_at"],
    )


def _person_of(row: Row) -> Person:
    return Person(
        email=row["email"] or "",
        user_ids=tuple(row["user_ids"] or ()),
        calls=tuple(Call(provider, call_id) for provider, call_id in row["calls"] or ()),
        more=row["more"],
        is_new=row["is_new"],
        found_attempt=row["found_attempt"],
        told_attempt=row["told_attempt"],
        calls_found=row["calls_found"],
        rows_by_address=row["rows_by_address"],
        ledger={int(attempt): digest for attempt, digest in row["ledger"].items()},
    )


def kept(part: Part) -> dict[str, object]:
    """What is kept of a service's report."""
    return {
        "service": part.service,
        "frozen_at": part.frozen_at,
        "erased_at": part.erased_at,
        "verified_at": part.verified_at,
        "attempt": part.attempt,
        "erased_rows": dict(part.rows),
        "objects": part.objects,
        "left_rows": dict(part.left),
    }


def certified(row: Row | None) -> Certificate | None:
    """The certificate; None where there is no row."""
    return Certificate(row["certificate"], row["certificate_pdf"]) if row else None
