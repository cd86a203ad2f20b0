"""Summaries to be written, and reports."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from analysis.domain.document import DOCUMENT_VERSION, Wanted, in_todays_shape
from analysis.domain.request import ReportId, RunId
from analysis.domain.themes import Joined, as_joined
from analysis.store.search import index_report
from core.ids import WorkspaceId
from database import Tx


class SynthesisClaim(Struct, frozen=True):
    """A claimed summary: its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    run_id: RunId
    fence: int
    attempts: int
    bad_answers: int


class Report(Struct, frozen=True):
    """A report: one document, in today's shape whatever version was stored."""

    id: ReportId
    run_id: RunId
    created_at: datetime
    document: Mapping[str, object]

    def published(self) -> dict[str, object]:
        """The document with its id and date: what the API answers and the export holds."""
        return {**self.document, **_ids(self.id, self.run_id, self.created_at)}


class ReportPart(Report, frozen=True):
    """A report whose document has the findings and calls that were wanted, and no others. `findings`: how many each theme has in all."""

    findings: Sequence[int]
    calls: int


class PublishedReport(Struct, frozen=True):
    """A report to be handed on without being read: `text` is the published document as JSON."""

    id: ReportId
    created_at: datetime
    text: str


async def queue_synthesis(tx: Tx, run_id: RunId) -> None:
    """Have the run's summary written, once."""
    await tx.execute("queue_synthesis", run_id=run_id)


async def queue_partial_synthesis(tx: Tx, run_id: RunId) -> None:
    """Have a report of a cancelled run's finished calls written."""
    await tx.execute("queue_partial_synthesis", run_id=run_id)


async def joined_themes(tx: Tx, run_id: RunId, keys: Collection[str]) -> Joined | None:
    """Which of the themes with these keys were found to be one; None where that has not been asked."""
    stored = await tx.fetch_value("joined_themes", run_id=run_id)
    return as_joined(stored, keys)


async def keep_joined_themes(tx: Tx, claim: SynthesisClaim, joined: Joined) -> bool:
    """Remember which themes are one; False when the claim is lost."""
    return await tx.execute("keep_joined_themes", run_id=claim.run_id, fence=claim.fence, joined=dict(joined)) == 1


async def claim_syntheses(tx: Tx, limit: int, seconds: float) -> list[SynthesisClaim]:
    """Claim at most `limit` summaries for `seconds`; `tx` is a sweep."""
    rows = await tx.fetch("claim_syntheses", limit=limit, seconds=seconds)
    return [
        SynthesisClaim(
            WorkspaceId(row["workspace_id"]), RunId(row["run_id"]), row["fence"], row["attempts"], row["bad_answers"]
        )
        for row in rows
    ]


async def renew_synthesis(tx: Tx, claim: SynthesisClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("renew_synthesis", run_id=claim.run_id, fence=claim.fence, seconds=seconds) == 1


async def put_back_synthesis(tx: Tx, claim: SynthesisClaim, seconds: float, *, bad_answer: bool) -> None:
    """Let the summary be claimed again in `seconds`."""
    await tx.execute("put_back_synthesis", run_id=claim.run_id, fence=claim.fence, seconds=seconds, bad=int(bad_answer))


async def finish_synthesis(tx: Tx, claim: SynthesisClaim) -> bool:
    """End the claim; False when it is not the latest."""
    return await tx.execute("finish_synthesis", run_id=claim.run_id, fence=claim.fence) == 1


async def insert_report(
    tx: Tx, report_id: ReportId, run_id: RunId, headline: str, document: Mapping[str, object]
) -> None:
    """Store a report, and add its findings to what can be searched."""
    await tx.execute("insert_report", id=report_id, run_id=run_id, headline=headline, document=dict(document))
    await tx.execute("insert_report_date", report_id=report_id)
    await index_report(tx, report_id)


async def report(tx: Tx, report_id: ReportId) -> Report | None:
    """One report; None where there is none, or none that the plan still shows."""
    row = await tx.fetch_one("report_by_id", id=report_id)
    if row is None:
        return None
    return Report(ReportId(row["id"]), RunId(row["run_id"]), row["created_at"], in_todays_shape(row["document"]))


async def report_in_part(tx: Tx, report_id: ReportId, wanted: Wanted) -> ReportPart | None:
    """A part of one report; None where there is none, or none that the plan still shows.

    PostgreSQL takes it out of the document: to read a report on 5,000 calls, ten megabytes, holds the loop for a fifth of a second.
    """
    row = await tx.fetch_one("report_in_part", id=report_id, **asdict(wanted))
    if row is None:
        return None
    found = in_todays_shape(row["document"])
    return ReportPart(
        ReportId(row["id"]), RunId(row["run_id"]), row["created_at"], found, row["findings"], row["calls"]
    )


async def published_report(tx: Tx, report_id: ReportId) -> PublishedReport | None:
    """One whole report as text; None where there is none, or none that the plan still shows."""
    row = await tx.fetch_one("report_text", id=report_id)
    if row is None:
        return None
    text = row["document"]
    if row["version"] != DOCUMENT_VERSION:
        text = json.dumps(in_todays_shape(json.loads(text)), ensure_ascii=False)
    ids = json.dumps(_ids(report_id, RunId(row["run_id"]), row["created_at"]))
    return PublishedReport(report_id, row["created_at"], f"{ids[:-1]}, {text[1:]}")


def _ids(report_id: ReportId, run_id: RunId, created_at: datetime) -> dict[str, str]:
    return {"report_id": str(report_id), "run_id": str(run_id), "created_at": created_at.isoformat()}


async def headlines(tx: Tx, run_ids: Sequence[UUID]) -> dict[RunId, str]:
    """The headlines of the given runs' reports, for those that have one."""
    rows = await tx.fetch("report_headlines", run_ids=list(run_ids))
    return {RunId(row["run_id"]): row["headline"] for row in rows}


async def hidden_reports(tx: Tx) -> int:
    """How many reports are older than what the plan shows."""
    value = await tx.fetch_value("hidden_reports")
    return value if isinstance(value, int) else 0
