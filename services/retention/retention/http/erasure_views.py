"""How a request for erasure is shown, of a workspace or of one report, and the files of its certificate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fastapi.responses import Response
from pydantic import BaseModel

from retention.domain.erasures import Erasure, Part
from retention.store.requests import Certificate

JSON, PDF = "certificate.json", "certificate.pdf"

# How soon the page of a request that is under way is loaded again.
_RELOAD_SECONDS = 30


class PartView(BaseModel):
    """How far one service is. `stage` is empty, frozen, erased or verified."""

    service: str
    stage: str
    rows: int
    objects: int


class ErasureView(BaseModel):
    """The request as a client reads it. Times are in UTC; `deadline` is the end of the seventh business day in `zone`."""

    id: str
    state: str
    asked_at: datetime
    take_back_until: datetime
    deadline: datetime
    zone: str
    completed_at: datetime | None
    late: bool
    services: list[PartView]


def reload(erasure: Erasure | None) -> dict[str, str] | None:
    """Headers with which the page of a request that is under way is loaded again."""
    under_way = erasure is not None and erasure.started_at is not None and erasure.completed_at is None
    return {"refresh": str(_RELOAD_SECONDS)} if under_way else None


def statement_file(certificate: Certificate, what: str = "erasure") -> Response:
    """The certificate as a signed statement, under a name that says of what."""
    return _file(certificate.statement.encode() + b"\n", "application/json", f"{what}-{JSON}")


def pdf_file(certificate: Certificate, what: str = "erasure") -> Response:
    """The certificate in print."""
    return _file(certificate.pdf, "application/pdf", f"{what}-{PDF}")


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(
        content, media_type=kind, headers={"content-disposition": f'attachment; filename="callmine-{name}"'}
    )


def view(erasure: Erasure, parts: Sequence[Part], now: datetime) -> ErasureView:
    """A request as a client reads it, at `now`."""
    terms = erasure.terms
    return ErasureView(
        id=str(erasure.id),
        state=erasure.state,
        asked_at=terms.asked_at,
        take_back_until=terms.take_back_until,
        deadline=terms.deadline,
        zone=terms.zone,
        completed_at=erasure.completed_at,
        late=erasure.is_late(now),
        services=[
            PartView(service=one.service, stage=one.stage or "", rows=one.row_count, objects=one.objects)
            for one in parts
        ],
    )
