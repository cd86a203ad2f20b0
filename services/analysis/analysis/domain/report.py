"""From the findings of many calls to one report: counted in code, so that the same results always give the same numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from analysis.domain.finding import CallAnalysis, Finding, Sentiment
from analysis.domain.measures import Measures, measured
from analysis.domain.themes import Joined, spelling, theme_key
from analysis.domain.transcript import DEAL_SOURCES

NO_DEAL_SOURCE = "none"

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class NumberedFinding(Struct, frozen=True):
    """A finding of a report: `id` is `f1`, `f2`, … in the report's order, and says which call it is of."""

    id: str
    call_id: str
    call_title: str
    rep: str
    account: str
    finding: Finding


class Theme(Struct, frozen=True):
    """Findings that carry the same label, or one that was found to mean the same. `share` is its part of the calls, 0 to 1."""

    label: str
    calls: int
    share: float
    findings: tuple[NumberedFinding, ...]

    @property
    def sentiment(self) -> dict[str, int]:
        """How many findings there are of each sentiment."""
        return sentiments(item.finding for item in self.findings)


class Breakdown(Struct, frozen=True):
    """The numbers of one rep, segment, stage or outcome. `share` is its part of the calls, 0 to 1."""

    name: str
    calls: int
    share: float
    findings: int
    sentiment: Mapping[str, int]
    measures: Measures


class Numbers(Struct, frozen=True):
    """What a run adds up to."""

    calls_analysed: int
    calls_failed: int
    findings: int
    quotes: int
    quotes_dropped: int


class FailedCall(Struct, frozen=True):
    """A call that could not be analysed, and why."""

    call_id: str
    title: str
    reason: str


class Digest(Struct, frozen=True):
    """Everything of a report but the words that a model writes."""

    numbers: Numbers
    themes: tuple[Theme, ...]
    reps: tuple[Breakdown, ...]
    segments: tuple[Breakdown, ...]
    stages: tuple[Breakdown, ...]
    outcomes: tuple[Breakdown, ...]
    measures: Measures
    verdicts: Mapping[str, int]
    deal_context: Mapping[str, int]
    calls: tuple[CallAnalysis, ...]
    failed: tuple[FailedCall, ...]

    @property
    def finding_ids(self) -> frozenset[str]:
        """The ids of all findings."""
        return frozenset(item.id for theme in self.themes for item in theme.findings)


def in_order(analyses: Iterable[CallAnalysis]) -> list[CallAnalysis]:
    """The calls in the order of a report: the oldest first, and of those of one moment by their id."""
    return sorted(analyses, key=lambda call: (call.started_at or _LONG_AGO, call.call_id))


def digest(analyses: Iterable[CallAnalysis], failed: Sequence[FailedCall], joined: Joined | None = None) -> Digest:
    """Add up the calls, in whatever order they come. `joined` says which themes are one beyond their spelling.

    Takes time and memory in proportion to the findings.
    """
    calls = in_order(analyses)
    return Digest(
        numbers=Numbers(
            calls_analysed=len(calls),
            calls_failed=len(failed),
            findings=sum(len(call.findings) for call in calls),
            quotes=sum(call.quotes for call in calls),
            quotes_dropped=sum(call.quotes_dropped for call in calls),
        ),
        themes=_themes(calls, joined or {}),
        reps=_breakdown(calls, lambda call: call.rep),
        segments=_breakdown(calls, lambda call: call.segment),
        stages=_breakdown(calls, lambda call: call.stage),
        outcomes=_breakdown(calls, lambda call: call.outcome),
        measures=measured(call.talk for call in calls),
        verdicts=dict(sorted(Counter(call.verdict.value for call in calls).items())),
        deal_context=_deal_context(calls),
        calls=tuple(calls),
        failed=tuple(failed),
    )


def _deal_context(analyses: Sequence[CallAnalysis]) -> dict[str, int]:
    """How many calls have their deal from which source; "none" counts those of whose deal nobody told."""
    counts = Counter(call.deal_source or NO_DEAL_SOURCE for call in analyses)
    return {source: counts[source] for source in (*DEAL_SOURCES, NO_DEAL_SOURCE)}


def _themes(analyses: Sequence[CallAnalysis], joined: Joined) -> tuple[Theme, ...]:
    groups: dict[str, list[tuple[CallAnalysis, Finding]]] = defaultdict(list)
    for call in analyses:
        for finding in call.findings:
            key = theme_key(finding.theme)
            groups[joined.get(key, key)].append((call, finding))
    ranked = sorted(groups.items(), key=lambda item: (-_calls(item[1]), -len(item[1]), item[0]))
    themes, number = [], 0
    for lead, members in ranked:
        numbered = []
        for call, finding in members:
            number += 1
            numbered.append(NumberedFinding(f"f{number}", call.call_id, call.title, call.rep, call.account, finding))
        calls = _calls(members)
        themes.append(Theme(_label(lead, members), calls, share(calls, len(analyses)), tuple(numbered)))
    return tuple(themes)


def _calls(members: Iterable[tuple[CallAnalysis, Finding]]) -> int:
    return len({call.call_id for call, _ in members})


def _label(lead: str, members: Iterable[tuple[CallAnalysis, Finding]]) -> str:
    """The usual spelling of the label that the others were joined to."""
    found = [finding.theme for _, finding in members]
    return spelling([text for text in found if theme_key(text) == lead] or found)


def _breakdown(analyses: Sequence[CallAnalysis], name_of: Callable[[CallAnalysis], str]) -> tuple[Breakdown, ...]:
    groups: dict[str, list[CallAnalysis]] = defaultdict(list)
    for call in analyses:
        groups[name_of(call)].append(call)
    rows = [
        Breakdown(
            name=name,
            calls=len(calls),
            share=share(len(calls), len(analyses)),
            findings=sum(len(call.findings) for call in calls),
            sentiment=sentiments(finding for call in calls for finding in call.findings),
            measures=measured(call.talk for call in calls),
        )
        for name, calls in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.calls, -row.findings, row.name)))


def share(part: int, whole: int) -> float:
    """The part as a number from 0 to 1 with four digits; 0 where there is no whole."""
    return round(part / whole, 4) if whole else 0.0


def sentiments(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each sentiment."""
    counts = Counter(finding.sentiment for finding in findings)
    return {sentiment.value: counts[sentiment] for sentiment in Sentiment}
