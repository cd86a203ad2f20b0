"""Exports of reports, and the files that are made for them. What a worker writes carries the fence of its claim."""

from __future__ import annotations

import uuid

from msgspec import Struct
from msgspec.structs import asdict

from analysis.domain.export import MOST_ATTEMPTS, Export, StoredFile
from analysis.domain.request import ReportId
from core.ids import WorkspaceId
from database import Row, Tx
from messaging.idempotency import KEPT_SECONDS

# A page of a person's exports of one report.
_PAGE = 50


class ExportClaim(Struct, frozen=True):
    """A claimed file: its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    report_id: ReportId
    format: str
    version: int
    fence: int
    attempts: int


async def is_shown(tx: Tx, report_id: ReportId) -> bool:
    """Whether there is such a report, and the plan shows it."""
    return await tx.fetch_one("report_is_shown", id=report_id) is not None


class Asked(Struct, frozen=True):
    """An export that is asked for: by whom, and by which request, if it has an id. `version` is of its file, 0 where none is kept."""

    report_id: ReportId
    format: str
    exported_by: str
    request_id: uuid.UUID | None = None
    version: int = 0


async def insert_export(tx: Tx, asked: Asked) -> tuple[int, bool]:
    """Note an export: its number among those of the report, and whether it is a new one. The same request is the same export for a day."""
    await tx.execute("lock_exports")
    if asked.request_id is not None:
        known = await tx.fetch_value("export_of_request", **asdict(asked), seconds=KEPT_SECONDS)
        if known is not None:
            return int(str(known)), False
    return int(str(await tx.fetch_value("insert_export", **asdict(asked)))), True


async def ask_file(tx: Tx, report_id: ReportId, format_name: str, version: int) -> None:
    """Have the file made unless it is there or being made."""
    await tx.execute("ask_export_file", report_id=report_id, format=format_name, version=version, most=MOST_ATTEMPTS)


async def export(tx: Tx, report_id: ReportId, number: int, person: str) -> Export | None:
    """An export of `person`; None where there is none, or none that the plan still shows."""
    row = await tx.fetch_one("export_by_number", report_id=report_id, number=number, person=person)
    return _export(row) if row else None


async def exports(tx: Tx, report_id: ReportId, person: str) -> list[Export]:
    """The latest exports of `person`, newest first."""
    return [
        _export(row) for row in await tx.fetch("exports_of_person", report_id=report_id, person=person, limit=_PAGE)
    ]


async def claim(tx: Tx, limit: int, seconds: float, version: int) -> list[ExportClaim]:
    """Claim at most `limit` files of `version` or before to be made, for `seconds`; `tx` is a sweep."""
    rows = await tx.fetch("claim_exports", limit=limit, seconds=seconds, version=version, most=MOST_ATTEMPTS)
    return [
        ExportClaim(
            WorkspaceId(row["workspace_id"]),
            ReportId(row["report_id"]),
            row["format"],
            row["version"],
            row["fence"],
            row["attempts"],
        )
        for row in rows
    ]


async def renew(tx: Tx, claim: ExportClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("renew_export", **_key(claim), seconds=seconds) == 1


async def put_back(tx: Tx, claim: ExportClaim, seconds: float) -> None:
    """Let the file be claimed again in `seconds`."""
    await tx.execute("put_back_export", **_key(claim), seconds=seconds)


async def finish(tx: Tx, claim: ExportClaim, file: StoredFile | None) -> bool:
    """End the claim, with the file or, where it cannot be made, without; False when the claim is not the latest."""
    ended = await tx.execute(
        "finish_export",
        **_key(claim),
        object_name=file.object_name if file else None,
        sha256=file.sha256 if file else None,
        size_bytes=file.size if file else None,
    )
    return ended == 1


def _key(claim: ExportClaim) -> dict[str, object]:
    return {
        "report_id": claim.report_id,
        "format": claim.format,
        "version": claim.version,
        "fence": claim.fence,
    }


def _export(row: Row) -> Export:
    name = row["object_name"]
    return Export(
        number=row["number"],
        format=row["format"],
        asked_at=row["asked_at"],
        report_created_at=row["report_created_at"],
        done_at=row["done_at"],
        attempts=row["attempts"],
        read_at=row["read_at"],
        file=StoredFile(name, row["sha256"], row["size_bytes"]) if name is not None else None,
    )
