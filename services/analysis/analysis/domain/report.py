"""From the findings of many calls to one report: counted in code, so that the same results always give the same numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.domain.finding import CallAnalysis, Finding, Sentiment
from analysis.domain.transcript import DEAL_SOURCES

NO_DEAL_SOURCE = "none"

# Bounds of what the second model call is given: the themes that most calls share, and enough claims to tell what each is about.
MOST_THEMES_SUMMARISED = 20
MOST_CLAIMS_SUMMARISED = 12


@dataclass(frozen=True, slots=True)
class NumberedFinding:
    """A finding of a report: `id` is `f1`, `f2`, … in the report's order, and says which call it is of."""

    id: str
    call_id: str
    call_title: str
    rep: str
    account: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Theme:
    """Findings that carry the same label."""

    label: str
    calls: int
    findings: tuple[NumberedFinding, ...]

    @property
    def sentiment(self) -> dict[str, int]:
        """How many findings there are of each sentiment."""
        return _sentiments(item.finding for item in self.findings)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The numbers of one rep or one segment. `talk_share` is the rep's part of all talk, 0 to 1; None where nobody spoke."""

    name: str
    calls: int
    findings: int
    sentiment: Mapping[str, int]
    talk_share: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a run adds up to."""

    calls_analysed: int
    calls_failed: int
    findings: int
    quotes: int
    quotes_dropped: int


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A call that could not be analysed, and why."""

    call_id: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Digest:
    """Everything of a report but the words that a model writes."""

    numbers: Numbers
    themes: tuple[Theme, ...]
    reps: tuple[Breakdown, ...]
    segments: tuple[Breakdown, ...]
    verdicts: Mapping[str, int]
    deal_context: Mapping[str, int]
    calls: tuple[CallAnalysis, ...]
    failed: tuple[FailedCall, ...]

    @property
    def finding_ids(self) -> frozenset[str]:
        """The ids that a sentence of the summary may cite."""
        return frozenset(item.id for theme in self.themes for item in theme.findings)


@dataclass(frozen=True, slots=True)
class SummarySentence:
    """A sentence of the executive summary and the findings that hold it up."""

    sentence: str
    finding_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The report's words. `written_by` is "model", or "counts" where the model failed and the sentences only state the numbers."""

    headline: str
    sentences: tuple[SummarySentence, ...]
    written_by: str


def digest(analyses: Sequence[CallAnalysis], failed: Sequence[FailedCall]) -> Digest:
    """Add up the calls. `analyses` come in the run's order; the result depends on nothing else."""
    return Digest(
        numbers=Numbers(
            calls_analysed=len(analyses),
            calls_failed=len(failed),
            findings=sum(len(call.findings) for call in analyses),
            quotes=sum(call.quotes for call in analyses),
            quotes_dropped=sum(call.quotes_dropped for call in analyses),
        ),
        themes=_themes(analyses),
        reps=_breakdown(analyses, lambda call: call.rep),
        segments=_breakdown(analyses, lambda call: call.segment),
        verdicts=dict(sorted(Counter(call.verdict.value for call in analyses).items())),
        deal_context=_deal_context(analyses),
        calls=tuple(analyses),
        failed=tuple(failed),
    )


def _deal_context(analyses: Sequence[CallAnalysis]) -> dict[str, int]:
    """How many calls have their deal from which source; "none" counts those of whose deal nobody told."""
    counts = Counter(call.deal_source or NO_DEAL_SOURCE for call in analyses)
    return {source: counts[source] for source in (*DEAL_SOURCES, NO_DEAL_SOURCE)}


def theme_key(label: str) -> str:
    """The label with what does not tell themes apart taken away: case, punctuation, spacing, a plural s."""
    words = re.sub(r"[^\w]+", " ", label.casefold().replace("_", " ")).split()
    return " ".join(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words
    )


def _themes(analyses: Sequence[CallAnalysis]) -> tuple[Theme, ...]:
    groups: dict[str, list[tuple[CallAnalysis, Finding]]] = defaultdict(list)
    for call in analyses:
        for finding in call.findings:
            groups[theme_key(finding.theme)].append((call, finding))
    ranked = sorted(groups.items(), key=lambda item: (-_calls(item[1]), -len(item[1]), item[0]))
    themes, number = [], 0
    for _, members in ranked:
        numbered = []
        for call, finding in members:
            number += 1
            numbered.append(NumberedFinding(f"f{number}", call.call_id, call.title, call.rep, call.account, finding))
        themes.append(Theme(_label(members), _calls(members), tuple(numbered)))
    return tuple(themes)


def _calls(members: Iterable[tuple[CallAnalysis, Finding]]) -> int:
    return len({call.call_id for call, _ in members})


def _label(members: Iterable[tuple[CallAnalysis, Finding]]) -> str:
    """The spelling used most; of equals the first in the alphabet."""
    spellings = Counter(finding.theme for _, finding in members)
    return min(spellings, key=lambda spelling: (-spellings[spelling], spelling))


def _breakdown(analyses: Sequence[CallAnalysis], name_of: Callable[[CallAnalysis], str]) -> tuple[Breakdown, ...]:
    groups: dict[str, list[CallAnalysis]] = defaultdict(list)
    for call in analyses:
        groups[name_of(call)].append(call)
    rows = [
        Breakdown(
            name=name,
            calls=len(calls),
            findings=sum(len(call.findings) for call in calls),
            sentiment=_sentiments(finding for call in calls for finding in call.findings),
            talk_share=_talk_share(calls),
        )
        for name, calls in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.calls, -row.findings, row.name)))


def _talk_share(calls: Sequence[CallAnalysis]) -> float | None:
    total = sum(call.total_talk_ms for call in calls)
    return round(sum(call.rep_talk_ms for call in calls) / total, 4) if total else None


def _sentiments(findings: Iterable[Finding]) -> dict[str, int]:
    counts = Counter(finding.sentiment for finding in findings)
    return {sentiment.value: counts[sentiment] for sentiment in Sentiment}


def keep_cited(headline: str, sentences: Sequence[SummarySentence], known: frozenset[str]) -> Summary | None:
    """The model's summary with every sentence dropped that cites no finding of the report; None when nothing is left."""
    kept = []
    for item in sentences:
        ids = tuple(dict.fromkeys(finding_id for finding_id in item.finding_ids if finding_id in known))
        if ids and item.sentence.strip():
            kept.append(SummarySentence(" ".join(item.sentence.split()), ids))
    line = " ".join(headline.split())
    return Summary(line, tuple(kept), "model") if kept and line else None


def summary_of_counts(totals: Digest) -> Summary:
    """A summary that only states the numbers: for a run without findings, and for one whose summary the model failed to write."""
    if not totals.themes:
        calls = _plural(totals.numbers.calls_analysed, "call")
        return Summary(f"Nothing in {calls} answers the brief", (), "counts")
    first = totals.themes[0]
    headline = f"{first.label}: found in {first.calls} of {_plural(totals.numbers.calls_analysed, 'call')}"
    sentences = tuple(
        SummarySentence(
            f"{theme.label} comes up in {_plural(theme.calls, 'call')} with {_plural(len(theme.findings), 'finding')}.",
            tuple(item.id for item in theme.findings[:5]),
        )
        for theme in totals.themes[:5]
    )
    return Summary(headline, sentences, "counts")


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
