"""The queue of calls to be analysed, and what was found in them. A claim's fence stands in every statement that acts on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct, field

from analysis.domain.finding import UNKNOWN, CallAnalysis, Finding, Sentiment, Verdict
from analysis.domain.measures import Conversation
from analysis.domain.quotes import Quote
from analysis.domain.request import Question, RunId, from_document
from analysis.domain.transcript import Affiliation
from analysis.models.asking import ModelRequest
from core.ids import WorkspaceId
from database import Row, Tx


class CallClaim(Struct, frozen=True):
    """A claimed call: its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    run_id: RunId
    call_id: str
    fence: int
    attempts: int
    bad_answers: int


class ClaimedCall(Struct, frozen=True):
    """What is needed to analyse a claimed call. `put_back`: it was given up for a while before, by a worker that said why."""

    object_name: str
    sha256: str
    put_back: bool
    question: Question
    traceparent: str = ""


class Turns(Struct, frozen=True):
    """Where the last claim has left off, and what its process holds: calls by workspace and run.

    `seed` decides between those that hold the same; `missed` says that another process was quicker somewhere.
    """

    held: Mapping[tuple[WorkspaceId, RunId], int] = field(default_factory=dict)
    after: tuple[str, UUID] = ("", UUID(int=0))
    seed: int = 0
    missed: bool = False


# Runs with open calls that one claim looks at, at a step in an index each.
MOST_VISITED = 100


async def claim_calls(
    tx: Tx, limit: int, seconds: float, turns: Turns | None = None, visits: int = MOST_VISITED
) -> tuple[list[CallClaim], Turns]:
    """Claim at most `limit` calls for `seconds`, fairly: see the statement. With them, how to go on. `tx` is a sweep."""
    turns = turns or Turns()
    rows = await tx.fetch(
        "claim_calls",
        limit=limit,
        seconds=seconds,
        visits=visits,
        seed=turns.seed,
        after_workspace=turns.after[0],
        after_run=turns.after[1],
        held_workspaces=[workspace_id for workspace_id, _ in turns.held],
        held_runs=[run_id for _, run_id in turns.held],
        held_calls=list(turns.held.values()),
    )
    claims = [
        CallClaim(
            WorkspaceId(row["workspace_id"]),
            RunId(row["run_id"]),
            row["call_id"],
            row["fence"],
            row["attempts"],
            row["bad_answers"],
        )
        for row in rows
        if row["call_id"] is not None
    ]
    if not rows:
        return claims, Turns(after=turns.after)
    last = rows[-1]
    return claims, Turns(after=(last["last_workspace"], last["last_run"]), missed=len(claims) < last["chosen"])


async def claimed_calls(tx: Tx, claims: Sequence[CallClaim]) -> list[ClaimedCall | None]:
    """What each of the claims is about; None for one that is not the latest or whose run has ended."""
    run_ids = list({claim.run_id for claim in claims})
    questions = {
        row["id"]: (from_document(row["request"]), row["traceparent"])
        for row in await tx.fetch("questions_of_runs", run_ids=run_ids)
    }
    stored = {
        (row["run_id"], row["call_id"]): (row["object_name"], row["sha256"], row["put_back"])
        for row in await tx.fetch(
            "claimed_calls",
            run_ids=[claim.run_id for claim in claims],
            call_ids=[claim.call_id for claim in claims],
            fences=[claim.fence for claim in claims],
        )
    }
    return [
        ClaimedCall(*stored[claim.run_id, claim.call_id], *questions[claim.run_id])
        if (claim.run_id, claim.call_id) in stored and claim.run_id in questions
        else None
        for claim in claims
    ]


async def renew_call(tx: Tx, claim: CallClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("renew_call", **_key(claim), seconds=seconds) == 1


async def put_back_call(tx: Tx, claim: CallClaim, seconds: float, reason: str, *, bad_answer: bool) -> None:
    """Let the call be claimed again in `seconds`."""
    await tx.execute("put_back_call", **_key(claim), seconds=seconds, reason=reason, bad=int(bad_answer))


class CallEnd(Struct, frozen=True):
    """How a claim ends: with a result, or with the reason why there is none. `requests` are those that it took."""

    claim: CallClaim
    title: str
    reason: str = ""
    analysis: CallAnalysis | None = None
    requests: Sequence[ModelRequest] = ()


async def finish_calls(tx: Tx, run_id: RunId, ends: Sequence[CallEnd]) -> list[CallEnd]:
    """End claims on calls of one run; those of them that were the latest."""
    rows = await tx.fetch(
        "finish_calls",
        run_id=run_id,
        call_ids=[end.claim.call_id for end in ends],
        fences=[end.claim.fence for end in ends],
        outcomes=["analysed" if end.analysis else "failed" for end in ends],
        titles=[end.title for end in ends],
        reasons=[end.reason for end in ends],
    )
    ended = {row["call_id"] for row in rows}
    return [end for end in ends if end.claim.call_id in ended]


async def count_done(tx: Tx, run_id: RunId, *, analysed: int, failed: int) -> int | None:
    """More calls are done; the run's sequence after as many steps, or None when it is not running."""
    value = await tx.fetch_value("count_done", id=run_id, analysed=analysed, failed=failed)
    return value if isinstance(value, int) else None


async def insert_analyses(tx: Tx, run_id: RunId, analyses: Sequence[CallAnalysis]) -> None:
    """Store results of calls of one run; they are metered in the same transaction."""
    await tx.execute(
        "insert_analyses",
        run_id=run_id,
        call_ids=[one.call_id for one in analyses],
        titles=[one.title for one in analyses],
        accounts=[one.account for one in analyses],
        reps=[one.rep for one in analyses],
        segments=[one.segment for one in analyses],
        verdicts=[one.verdict.value for one in analyses],
        summaries=[one.summary for one in analyses],
        rep_talks=[one.rep_talk_ms for one in analyses],
        total_talks=[one.total_talk_ms for one in analyses],
        quotes_dropped=[one.quotes_dropped for one in analyses],
        deal_sources=[one.deal_source for one in analyses],
        stages=[_known(one.stage) for one in analyses],
        outcomes=[_known(one.outcome) for one in analyses],
        **_counted([one.conversation for one in analyses]),
        # No model's id has a space.
        models=[" ".join(one.models) for one in analyses],
    )
    await _insert_findings(tx, run_id, analyses)


async def _insert_findings(tx: Tx, run_id: RunId, analyses: Sequence[CallAnalysis]) -> None:
    findings = [(one.call_id, number, finding) for one in analyses for number, finding in enumerate(one.findings)]
    if not findings:
        return
    await tx.execute(
        "insert_findings",
        run_id=run_id,
        call_ids=[call_id for call_id, _, _ in findings],
        ordinals=[number for _, number, _ in findings],
        themes=[finding.theme for _, _, finding in findings],
        claims=[finding.claim for _, _, finding in findings],
        sentiments=[finding.sentiment.value for _, _, finding in findings],
    )
    quotes = [(call, n, place, q) for call, n, finding in findings for place, q in enumerate(finding.quotes)]
    await tx.execute(
        "insert_quotes",
        run_id=run_id,
        call_ids=[call_id for call_id, _, _, _ in quotes],
        findings=[number for _, number, _, _ in quotes],
        ordinals=[place for _, _, place, _ in quotes],
        sentence_ids=[quote.sentence_id for _, _, _, quote in quotes],
        speakers=[quote.speaker for _, _, _, quote in quotes],
        affiliations=[quote.affiliation.value for _, _, _, quote in quotes],
        starts=[quote.start_ms for _, _, _, quote in quotes],
        bodies=[quote.text for _, _, _, quote in quotes],
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
            models=tuple(row["models"]),
        )
        for row in await tx.fetch("analyses_of_run", run_id=run_id)
    ]


def _known(text: str) -> str | None:
    return None if text == UNKNOWN else text


def _counted(conversations: Sequence[Conversation | None]) -> dict[str, list[int | None]]:
    return {
        "longest_monologues": [one.longest_monologue_ms if one else None for one in conversations],
        "questions": [one.questions if one else None for one in conversations],
        "switches": [one.switches if one else None for one in conversations],
        "spans": [one.span_ms if one else None for one in conversations],
    }


def _conversation(row: Row) -> Conversation | None:
    """None for a call analysed before conversations were counted."""
    if row["switches"] is None or row["span_ms"] is None:
        return None
    return Conversation(row["longest_monologue_ms"], row["questions"], row["switches"], row["span_ms"])


def _key(claim: CallClaim) -> dict[str, UUID | str | int]:
    return {"run_id": claim.run_id, "call_id": claim.call_id, "fence": claim.fence}
