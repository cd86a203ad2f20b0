"""The full-text index of findings: filled with each report, read through a row policy that holds the words."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from analysis.domain.request import ReportId, RunId
from analysis.domain.search import FindingFilter, Hit, Place, Query, SaidQuote
from database import Row, Tx


async def index_report(tx: Tx, report_id: ReportId) -> None:
    """Add a stored report's findings to the index, once."""
    await tx.execute("index_findings", report_id=report_id)
    await tx.execute("mark_indexed", report_id=report_id)


async def next_not_indexed(tx: Tx) -> ReportId | None:
    """A report that the plan shows and that is not in the index yet, locked; None where all are."""
    value = await tx.fetch_value("next_not_indexed")
    return None if value is None else ReportId(value)  # type: ignore[arg-type]


async def findings(tx: Tx, query: Query, chosen: FindingFilter, zone: ZoneInfo, after: Place, limit: int) -> list[Hit]:
    """At most `limit` findings with the words of `query`, the latest calls first, after a place. Enters the query for the transaction."""
    await tx.fetch_value("finding_query_enter", query=query.for_postgres)
    rows = await tx.fetch(
        "findings_page",
        before_time=after.called_at,
        before_report=after.report_id,
        before_number=after.number,
        run_id=chosen.run_id,
        report_id=chosen.report_id,
        theme=chosen.theme or None,
        rep=chosen.rep or None,
        sentiment=chosen.sentiment.value if chosen.sentiment else None,
        verdict=chosen.verdict.value if chosen.verdict else None,
        since=chosen.since(zone),
        until=chosen.until(zone),
        limit=limit,
    )
    return [_hit(row) for row in rows]


def _hit(row: Row) -> Hit:
    return Hit(
        place=Place(row["called_at"], row["report_id"], row["number"]),
        run_id=RunId(row["run_id"]),
        reported_at=row["created_at"],
        finding_id=row["finding_id"],
        theme_number=row["theme_number"],
        place_in_theme=row["place"],
        theme=row["theme"],
        claim=row["claim"],
        sentiment=row["sentiment"],
        quotes=tuple(_quote(quote) for quote in row["quotes"]),
        call_id=row["call_id"],
        call_title=row["call_title"],
        account=row["account"],
        rep=row["rep"],
        verdict=row["verdict"],
    )


def _quote(quote: Mapping[str, object]) -> SaidQuote:
    start = quote["start_ms"]
    return SaidQuote(
        text=str(quote["text"]),
        speaker=str(quote["speaker"]),
        affiliation=str(quote["affiliation"]),
        sentence_id=str(quote["sentence_id"]),
        start_ms=start if isinstance(start, int) else 0,
    )
