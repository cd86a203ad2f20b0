"""The queue of calls to be analysed, and what was found in them. A claim's fence stands in every statement that acts on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from analysis.domain.finding import UNKNOWN, CallAnalysis, Finding, Sentiment, Verdict
from analysis.domain.measures import Conversation
from analysis.domain.quotes import Quote
from analysis.domain.request import Question, RunId, from_document
from analysis.domain.transcript import Affiliation
from core.ids import WorkspaceId
from database import Row, Tx


@dataclass(frozen=True, slots=True)
class CallClaim:
    """A claimed call: its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    run_id: RunId
    call_id: str
    fence: int
    attempts: int
    bad_answers: int


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """What is needed to analyse a claimed call."""

    object_name: str
    sha256: str
    question: Question


async def claim_calls(tx: Tx, limit: int, seconds: float) -> list[CallClaim]:
    """Claim at most `limit` calls for `seconds`; `tx` is a sweep."""
    rows = await tx.fetch("claim_calls", limit=limit, seconds=seconds)
    return [
        CallClaim(
            WorkspaceId(row["workspace_id"]),
            RunId(row["run_id"]),
            row["call_id"],
            row["fence"],
            row["attempts"],
            row["bad_answers"],
        )
        for row in rows
    ]


async def claimed_call(tx: Tx, claim: CallClaim) -> ClaimedCall | None:
    """What the claim is about; None when it is not the latest or the run has ended."""
    row = await tx.fetch_one("claimed_call", **_key(claim))
    return ClaimedCall(row["object_name"], row["sha256"], from_document(row["request"])) if row else None


async def renew_call(tx: Tx, claim: CallClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("renew_call", **_key(claim), seconds=seconds) == 1


async def put_back_call(tx: Tx, claim: CallClaim, seconds: float, reason: str, *, bad_answer: bool) -> None:
    """Let the call be claimed again in `seconds`."""
    await tx.execute("put_back_call", **_key(claim), seconds=seconds, reason=reason, bad=int(bad_answer))


async def finish_call(tx: Tx, claim: CallClaim, state: str, title: str, reason: str) -> bool:
    """End the claim as `analysed` or `failed`; False when it is not the latest."""
    return await tx.execute("finish_call", **_key(claim), state=state, title=title, reason=reason) == 1


async def count_done(tx: Tx, run_id: RunId, *, analysed: bool) -> int | None:
    """One more call is done; the sequence of the run's next event, or None when it is not running."""
    value = await tx.fetch_value("count_done", id=run_id, analysed=int(analysed), failed=int(not analysed))
    return value if isinstance(value, int) else None


async def insert_analysis(tx: Tx, run_id: RunId, analysis: CallAnalysis) -> None:
    """Store a call's result; it is metered in the same transaction."""
    await tx.execute(
        "insert_analysis",
        run_id=run_id,
        call_id=analysis.call_id,
        title=analysis.title,
        account=analysis.account,
        rep=analysis.rep,
        segment=analysis.segment,
        verdict=analysis.verdict.value,
        summary=analysis.summary,
        rep_talk_ms=analysis.rep_talk_ms,
        total_talk_ms=analysis.total_talk_ms,
        quotes_dropped=analysis.quotes_dropped,
        deal_source=analysis.deal_source,
        stage=_known(analysis.stage),
        outcome=_known(analysis.outcome),
        **_counted(analysis.conversation),
    )
    await _insert_findings(tx, run_id, analysis)


async def _insert_findings(tx: Tx, run_id: RunId, analysis: CallAnalysis) -> None:
    if not analysis.findings:
        return
    findings = list(enumerate(analysis.findings))
    await tx.execute(
        "insert_findings",
        run_id=run_id,
        call_id=analysis.call_id,
        ordinals=[number for number, _ in findings],
        themes=[finding.theme for _, finding in findings],
        claims=[finding.claim for _, finding in findings],
        sentiments=[finding.sentiment.value for _, finding in findings],
    )
    quotes = [(number, place, q) for number, finding in findings for place, q in enumerate(finding.quotes)]
    await tx.execute(
        "insert_quotes",
        run_id=run_id,
        call_id=analysis.call_id,
        findings=[number for number, _, _ in quotes],
        ordinals=[place for _, place, _ in quotes],
        sentence_ids=[quote.sentence_id for _, _, quote in quotes],
        speakers=[quote.speaker for _, _, quote in quotes],
        affiliations=[quote.affiliation.value for _, _, quote in quotes],
        starts=[quote.start_ms for _, _, quote in quotes],
        bodies=[quote.text for _, _, quote in quotes],
    )


async def analyses_of(tx: Tx, run_id: RunId) -> list[CallAnalysis]:
    """The results of a run's calls with findings and quotes, oldest call first."""
    quotes: dict[tuple[str, int], list[Quote]] = defaultdict(list)
    for row in await tx.fetch("quotes_of_run", run_id=run_id):
        affiliation = Affiliation(row["affiliation"])
        quote = Quote(row["sentence_id"], row["body"], row["speaker"], affiliation, row["start_ms"])
        quotes[row["call_id"], row["finding"]].append(quote)
    findings: dict[str, list[Finding]] = defaultdict(list)
    for row in await tx.fetch("findings_of_run", run_id=run_id):
        found = tuple(quotes[row["call_id"], row["ordinal"]])
        findings[row["call_id"]].append(Finding(row["theme"], row["claim"], Sentiment(row["sentiment"]), found))
    return [
        CallAnalysis(
            call_id=row["call_id"],
            title=row["title"],
            account=row["account"],
            rep=row["rep"],
            segment=row["segment"],
            verdict=Verdict(row["verdict"]),
            summary=row["summary"],
            rep_talk_ms=row["rep_talk_ms"],
            total_talk_ms=row["total_talk_ms"],
            findings=tuple(findings[row["call_id"]]),
            quotes_dropped=row["quotes_dropped"],
            deal_source=row["deal_source"],
            stage=row["stage"] or UNKNOWN,
            outcome=row["outcome"] or UNKNOWN,
            conversation=_conversation(row),
            started_at=row["started_at"],
        )
        for row in await tx.fetch("analyses_of_run", run_id=run_id)
    ]


def _known(text: str) -> str | None:
    return None if text == UNKNOWN else text


def _counted(conversation: Conversation | None) -> dict[str, int | None]:
    return {
        "longest_monologue_ms": conversation.longest_monologue_ms if conversation else None,
        "questions": conversation.questions if conversation else None,
        "switches": conversation.switches if conversation else None,
        "span_ms": conversation.span_ms if conversation else None,
    }


def _conversation(row: Row) -> Conversation | None:
    """None for a call analysed before conversations were counted."""
    if row["switches"] is None or row["span_ms"] is None:
        return None
    return Conversation(row["longest_monologue_ms"], row["questions"], row["switches"], row["span_ms"])


def _key(claim: CallClaim) -> dict[str, UUID | str | int]:
    return {"run_id": claim.run_id, "call_id": claim.call_id, "fence": claim.fence}
