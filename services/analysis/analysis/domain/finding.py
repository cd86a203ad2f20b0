"""What one call says about the brief: findings, each with quotes that have been checked."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from analysis.domain.measures import Conversation, Measures, Talk, conversation_of, measured
from analysis.domain.quotes import ClaimedQuote, Quote, QuoteCheck
from analysis.domain.transcript import Call

# More findings of one call, or quotes of one finding, than a reader takes in; the rest is cut.
MOST_FINDINGS = 20
MOST_QUOTES = 5
LONGEST_THEME = 80
LONGEST_CLAIM = 600
LONGEST_SUMMARY = 2_000
LONGEST_STAGE = 200

# How a deal ended, as the CRM tells it; anything else, and a deal that nobody told, is unknown.
OUTCOMES = ("won", "lost", "open")
UNKNOWN = "unknown"


class Sentiment(enum.StrEnum):
    """How the speaker feels about what is found."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    MIXED = "mixed"


class Verdict(enum.StrEnum):
    """Whether the call answers the brief."""

    YES = "yes"
    NO = "no"
    PARTLY = "partly"
    UNCLEAR = "unclear"


class ClaimedFinding(Struct, frozen=True):
    """A finding as the model states it, its quotes unchecked."""

    theme: str
    claim: str
    sentiment: Sentiment
    quotes: tuple[ClaimedQuote, ...]


class CallAnswer(Struct, frozen=True):
    """The model's answer for one call."""

    verdict: Verdict
    summary: str
    findings: tuple[ClaimedFinding, ...]


class Finding(Struct, frozen=True):
    """A finding that at least one verified quote holds up."""

    theme: str
    claim: str
    sentiment: Sentiment
    quotes: tuple[Quote, ...]


class CallAnalysis(Struct, frozen=True):
    """The checked result of one call.

    `stage` and `outcome` are the deal's; `conversation` is None for a call analysed before it was counted; `started_at` is None until the
    result is stored, beside the call that it is of; `models` are those that have really answered.
    """

    call_id: str
    title: str
    account: str
    rep: str
    segment: str
    verdict: Verdict
    summary: str
    rep_talk_ms: int
    total_talk_ms: int
    findings: tuple[Finding, ...]
    quotes_dropped: int
    deal_source: str = ""
    stage: str = UNKNOWN
    outcome: str = UNKNOWN
    conversation: Conversation | None = None
    started_at: datetime | None = None
    models: tuple[str, ...] = ()

    @property
    def talk(self) -> Talk:
        """The call's part in the measures of many."""
        return Talk(self.rep_talk_ms, self.total_talk_ms, self.conversation)

    @property
    def measures(self) -> Measures:
        """The call's own measures."""
        return measured([self.talk])

    @property
    def quotes(self) -> int:
        """Verified quotes in all findings."""
        return sum(len(finding.quotes) for finding in self.findings)


def check_answer(call: Call, answer: CallAnswer) -> CallAnalysis:
    """Check every quote of `answer` against the call's transcript.

    A quote that is not there verbatim is dropped and counted; a finding left without a quote is dropped with it, since nothing would show
    that it is true.
    """
    check = QuoteCheck.of(call.sentences)
    findings: list[Finding] = []
    dropped = 0
    for claimed in answer.findings[:MOST_FINDINGS]:
        verified = _verified(check, claimed.quotes)
        dropped += len(claimed.quotes[:MOST_QUOTES]) - len(verified)
        theme, claim = _line(claimed.theme, LONGEST_THEME), _line(claimed.claim, LONGEST_CLAIM)
        if verified and theme and claim:
            findings.append(Finding(theme, claim, claimed.sentiment, tuple(dict.fromkeys(verified))))
    return CallAnalysis(
        call_id=call.call_id,
        title=call.title,
        account=call.account,
        rep=call.rep,
        segment=call.segment,
        verdict=answer.verdict,
        summary=_line(answer.summary, LONGEST_SUMMARY),
        rep_talk_ms=call.rep_talk_ms,
        total_talk_ms=call.total_talk_ms,
        findings=tuple(findings),
        quotes_dropped=dropped,
        deal_source=call.deal_source,
        stage=_told(call.deal, "stage"),
        outcome=_told(call.deal, "outcome", OUTCOMES),
        conversation=conversation_of(call),
    )


def _told(deal: Mapping[str, object], name: str, known: Sequence[str] | None = None) -> str:
    """What the deal says, and nothing made of it; unknown where it says nothing, or something else than is `known`."""
    value = deal.get(name)
    text = _line(value, LONGEST_STAGE) if isinstance(value, str) else ""
    return text if text and (known is None or text in known) else UNKNOWN


def _verified(check: QuoteCheck, quotes: Sequence[ClaimedQuote]) -> list[Quote]:
    checked = (check.verify(quote) for quote in quotes[:MOST_QUOTES])
    return [quote for quote in checked if quote is not None]


def _line(text: str, longest: int) -> str:
    line = " ".join(text.split()).replace("\x00", "")
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
