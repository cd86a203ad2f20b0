"""A report as one JSON document: what is stored, shown on the page, answered by the API and exported.

format              always "callmine.report"
version             2; see DOCUMENT_VERSION and `in_todays_shape`
report_id, run_id, created_at (ISO 8601)
partial             true where the run was cancelled before all its calls were done: the numbers are about those that were
left_out            {calls, reason, fetch_ended, named}: how many calls that were fetched are not in a partial report, and why;
                    fetch_ended is false where more calls may match than had been fetched; named: [{call_id, title, started_at}]
question            brief, first_day and last_day (inclusive, in `timezone`), model, max_calls and the filters
headline            one line
summary             [{sentence, finding_ids}]: each sentence cites at least one finding below, and has no number that is not told there
summary_written_by  "model", or "counts" where the model failed and the sentences only state the numbers
numbers             calls_matching, calls_private, calls_without_transcript, calls_analysed, calls_failed, findings, quotes,
                    quotes_verified (always equal to quotes), quotes_dropped, themes, sentences_removed (of the model's summary);
                    the first three are null in a partial report whose fetch had not ended
verdicts            {yes | no | partly | unclear: calls}
models              {model: calls}: which models have really answered, by calls; another one than the question's stands in while its
                    provider is away
measures            {talk_share, longest_monologue_ms, questions, interactivity} of all calls together; null where unknown
themes              [{label, calls, share, sentiment, findings: [{id, call_id, call_title, account, rep, claim, sentiment, quotes}]}]
                    with quotes: [{text, speaker, affiliation, sentence_id, start_ms}]; share is calls by calls_analysed, 0 to 1
deal_context        {gong | hubspot | none: calls}: which source told the deal of each call
reps, segments, stages, outcomes
                    [{name, calls, share, findings, sentiment, and the four measures}]; a deal's stage and outcome (won, lost or open)
                    are as the CRM told them, "unknown" where it did not
periods             {unit: day | week | month, rows: [{start, calls, findings, themes: {label: calls}}]}: `start` is the first day in the
                    question's timezone; a theme without a call is not named
calls               [{call_id, title, started_at, account, rep, segment, stage, outcome, deal_source, verdict, summary, findings,
                    quotes_dropped, models, and the four measures}]
failed_calls        [{call_id, title, reason}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from analysis.domain.finding import UNKNOWN, CallAnalysis
from analysis.domain.measures import Measures
from analysis.domain.periods import Period, periods
from analysis.domain.quotes import Quote
from analysis.domain.report import Breakdown, Digest, NumberedFinding, Theme, share
from analysis.domain.request import as_document, zone_of
from analysis.domain.run import Run

if TYPE_CHECKING:
    from analysis.domain.summary import Summary

# Raised when a field changes its meaning or goes away; new fields may appear at any time.
DOCUMENT_VERSION = 2

_NOT_MEASURED = asdict(Measures())


class Wanted(Struct, frozen=True):
    """What a page shows of a report, whose findings and calls may be thousands. Pages count from 1; one after the last is the last.

    `first_themes`: of so many themes, from the first on, the findings that the summary cites, and the first others up to `first_findings`
    of a theme. `theme`: of this one, by its place from 1 on, a page of findings; 0 for none. `calls_size` 0: no calls.
    """

    first_themes: int = 0
    first_findings: int = 0
    theme: int = 0
    theme_page: int = 1
    theme_size: int = 50
    calls_page: int = 1
    calls_size: int = 0


class SkippedCall(Struct, frozen=True):
    """A call that was fetched and not analysed, since its run was cancelled."""

    call_id: str
    title: str
    started_at: datetime


class LeftOut(Struct, frozen=True):
    """What a report does not hold because its run was cancelled. `fetch_ended`: all calls that match had been fetched."""

    calls: tuple[SkippedCall, ...] = ()
    reason: str = ""
    fetch_ended: bool = True

    @property
    def partial(self) -> bool:
        """Whether anything is missing: a run that is cancelled while its summary is written has all its calls."""
        return bool(self.calls) or not self.fetch_ended


def document_of(run: Run, totals: Digest, summary: Summary, left_out: LeftOut | None = None) -> dict[str, object]:
    """The report's document, but for its id and date, which the database gives."""
    numbers, missing, question = totals.numbers, left_out or LeftOut(), run.question
    in_time = periods(totals, question.first_day, question.last_day, zone_of(question.timezone))
    return {
        "format": "callmine.report",
        "version": DOCUMENT_VERSION,
        "run_id": str(run.id),
        "partial": missing.partial,
        "left_out": _left_out(missing),
        "question": as_document(question),
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
            "sentences_removed": summary.removed,
        },
        "verdicts": dict(totals.verdicts),
        "models": dict(Counter(model for call in totals.calls for model in call.models)),
        "measures": asdict(totals.measures),
        "deal_context": dict(totals.deal_context),
        "themes": [_theme(theme) for theme in totals.themes],
        "reps": [_breakdown(row) for row in totals.reps],
        "segments": [_breakdown(row) for row in totals.segments],
        "stages": [_breakdown(row) for row in totals.stages],
        "outcomes": [_breakdown(row) for row in totals.outcomes],
        "periods": {"unit": in_time.unit, "rows": [_period(row) for row in in_time.rows]},
        "calls": [_call(call) for call in totals.calls],
        "failed_calls": [{"call_id": c.call_id, "title": c.title, "reason": c.reason} for c in totals.failed],
    }


def in_todays_shape(document: Mapping[str, object]) -> dict[str, object]:
    """A stored document of any version as one of today's; what was not counted in its time is null or empty, never made up."""
    if document.get("version") != 1:
        return dict(document)
    numbers, whole = dict(_map(document["numbers"])), _whole(_map(document["numbers"]).get("calls_analysed"))
    shares = {
        name: [_with_share(row, whole) for row in _rows(document.get(name))] for name in ("themes", "reps", "segments")
    }
    measured = {name: [{**_NOT_MEASURED, **row} for row in shares[name]] for name in ("reps", "segments")}
    unknown = {"started_at": None, "stage": UNKNOWN, "outcome": UNKNOWN, **_NOT_MEASURED}
    return {
        "deal_context": {},
        **document,
        **shares,
        **measured,
        "version": DOCUMENT_VERSION,
        "partial": False,
        "left_out": _left_out(LeftOut()),
        "numbers": {"sentences_removed": 0, **numbers},
        "models": {},
        "measures": dict(_NOT_MEASURED),
        "stages": [],
        "outcomes": [],
        "periods": {"unit": "month", "rows": []},
        "calls": [{"deal_source": "", "models": [], **unknown, **row} for row in _rows(document.get("calls"))],
    }


def _left_out(missing: LeftOut) -> dict[str, object]:
    return {
        "calls": len(missing.calls),
        "reason": missing.reason if missing.partial else "",
        "fetch_ended": missing.fetch_ended,
        "named": [
            {"call_id": call.call_id, "title": call.title, "started_at": call.started_at.isoformat()}
            for call in missing.calls
        ],
    }


def _theme(theme: Theme) -> dict[str, object]:
    return {
        "label": theme.label,
        "calls": theme.calls,
        "share": theme.share,
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
        "share": row.share,
        "findings": row.findings,
        "sentiment": dict(row.sentiment),
        **asdict(row.measures),
    }


def _period(row: Period) -> dict[str, object]:
    return {
        "start": row.start.isoformat(),
        "calls": row.calls,
        "findings": row.findings,
        "themes": dict(row.themes),
    }


def _call(call: CallAnalysis) -> dict[str, object]:
    return {
        "call_id": call.call_id,
        "title": call.title,
        "started_at": call.started_at.isoformat() if call.started_at else None,
        "account": call.account,
        "rep": call.rep,
        "segment": call.segment,
        "stage": call.stage,
        "outcome": call.outcome,
        "deal_source": call.deal_source,
        "verdict": call.verdict.value,
        "summary": call.summary,
        "findings": len(call.findings),
        "quotes_dropped": call.quotes_dropped,
        **asdict(call.measures),
        "models": list(call.models),
    }


def _with_share(row: Mapping[str, object], whole: int) -> dict[str, object]:
    return {**row, "share": share(_whole(row.get("calls")), whole)}


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> Sequence[Mapping[str, object]]:
    return [_map(item) for item in value] if isinstance(value, list) else []


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
