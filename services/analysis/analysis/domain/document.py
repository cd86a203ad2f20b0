"""A report as one JSON document: what is stored, shown on the page, answered by the API and exported.

format              always "callmine.report"
version             1; see DOCUMENT_VERSION
report_id, run_id, created_at (ISO 8601)
question            brief, first_day and last_day (inclusive, in `timezone`), model, max_calls and the filters
headline            one line
summary             [{sentence, finding_ids}]: each sentence cites at least one finding below
summary_written_by  "model", or "counts" where the model failed and the sentences only state the numbers
numbers             calls_matching, calls_private, calls_without_transcript, calls_analysed, calls_failed, findings, quotes,
                    quotes_verified (always equal to quotes), quotes_dropped, themes
verdicts            {yes | no | partly | unclear: calls}
themes              [{label, calls, sentiment, findings: [{id, call_id, call_title, account, rep, claim, sentiment, quotes}]}]
                    with quotes: [{text, speaker, affiliation, sentence_id, start_ms}]
deal_context        {gong | hubspot | none: calls}: which source told the deal of each call
reps, segments      [{name, calls, findings, sentiment, talk_share}]; talk_share is 0 to 1, or null where nobody spoke
calls               [{call_id, title, account, rep, segment, deal_source, verdict, summary, findings, quotes_dropped}]
failed_calls        [{call_id, title, reason}]
"""

from __future__ import annotations

from analysis.domain.finding import CallAnalysis
from analysis.domain.quotes import Quote
from analysis.domain.report import Breakdown, Digest, NumberedFinding, Summary, Theme
from analysis.domain.request import as_document
from analysis.domain.run import Run

# Raised when a field changes its meaning or goes away; new fields may appear at any time.
DOCUMENT_VERSION = 1


def document_of(run: Run, totals: Digest, summary: Summary) -> dict[str, object]:
    """The report's document, but for its id and date, which the database gives."""
    numbers = totals.numbers
    return {
        "format": "callmine.report",
        "version": DOCUMENT_VERSION,
        "run_id": str(run.id),
        "question": as_document(run.question),
        "headline": summary.headline,
        "summary": [{"sentence": s.sentence, "finding_ids": list(s.finding_ids)} for s in summary.sentences],
        "summary_written_by": summary.written_by,
        "numbers": {
            "calls_matching": run.calls_matching,
            "calls_private": run.calls_private,
            "calls_without_transcript": run.calls_without_transcript,
            "calls_analysed": numbers.calls_analysed,
            "calls_failed": numbers.calls_failed,
            "findings": numbers.findings,
            "quotes": numbers.quotes,
            "quotes_verified": numbers.quotes,
            "quotes_dropped": numbers.quotes_dropped,
            "themes": len(totals.themes),
        },
        "verdicts": dict(totals.verdicts),
        "deal_context": dict(totals.deal_context),
        "themes": [_theme(theme) for theme in totals.themes],
        "reps": [_breakdown(row) for row in totals.reps],
        "segments": [_breakdown(row) for row in totals.segments],
        "calls": [_call(call) for call in totals.calls],
        "failed_calls": [{"call_id": c.call_id, "title": c.title, "reason": c.reason} for c in totals.failed],
    }


def _theme(theme: Theme) -> dict[str, object]:
    return {
        "label": theme.label,
        "calls": theme.calls,
        "sentiment": theme.sentiment,
        "findings": [_finding(item) for item in theme.findings],
    }


def _finding(item: NumberedFinding) -> dict[str, object]:
    return {
        "id": item.id,
        "call_id": item.call_id,
        "call_title": item.call_title,
        "account": item.account,
        "rep": item.rep,
        "claim": item.finding.claim,
        "sentiment": item.finding.sentiment.value,
        "quotes": [_quote(quote) for quote in item.finding.quotes],
    }


def _quote(quote: Quote) -> dict[str, object]:
    return {
        "text": quote.text,
        "speaker": quote.speaker,
        "affiliation": quote.affiliation.value,
        "sentence_id": quote.sentence_id,
        "start_ms": quote.start_ms,
    }


def _breakdown(row: Breakdown) -> dict[str, object]:
    return {
        "name": row.name,
        "calls": row.calls,
        "findings": row.findings,
        "sentiment": dict(row.sentiment),
        "talk_share": row.talk_share,
    }


def _call(call: CallAnalysis) -> dict[str, object]:
    return {
        "call_id": call.call_id,
        "title": call.title,
        "account": call.account,
        "rep": call.rep,
        "segment": call.segment,
        "deal_source": call.deal_source,
        "verdict": call.verdict.value,
        "summary": call.summary,
        "findings": len(call.findings),
        "quotes_dropped": call.quotes_dropped,
    }
