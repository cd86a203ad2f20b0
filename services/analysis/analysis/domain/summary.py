"""A report's words: a sentence stays only with findings that hold it up, and with no number that they or the report do not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from analysis.domain.figures import Counts, Evidence
from analysis.domain.report import Digest, NumberedFinding, Theme
from analysis.domain.transcript import UNKNOWN_ACCOUNT

# Bounds of what the model is given to put into words: the themes that most calls share, and enough claims to tell what each is about.
MOST_THEMES_SUMMARISED: Final = 20
MOST_CLAIMS_SUMMARISED: Final = 12

# More is no summary.
MOST_SENTENCES: Final = 12
LONGEST_SENTENCE: Final = 1_000
LONGEST_HEADLINE: Final = 200


class SummarySentence(Struct, frozen=True):
    """A sentence of the executive summary and the findings that hold it up."""

    sentence: str
    finding_ids: tuple[str, ...]


class Summary(Struct, frozen=True):
    """The report's words. `written_by` is "model", or "counts" where the model failed and the sentences only state the numbers.

    `removed`: sentences of the model's that were taken out.
    """

    headline: str
    sentences: tuple[SummarySentence, ...]
    written_by: str
    removed: int = 0


def summarised(totals: Digest) -> tuple[tuple[Theme, tuple[NumberedFinding, ...]], ...]:
    """The themes that a summary is written from, each with some findings spread over all of its calls."""
    return tuple(
        (theme, _spread(theme.findings, MOST_CLAIMS_SUMMARISED)) for theme in totals.themes[:MOST_THEMES_SUMMARISED]
    )


def keep_true(headline: str, sentences: Sequence[SummarySentence], totals: Digest) -> Summary | None:
    """The model's summary without the sentences that nothing holds up; None when nothing is left.

    A sentence is taken out, and counted, when it cites nothing, or anything that the model was not shown, or when it has a number that
    neither the findings it cites nor the report's counts of their themes have. A headline with such a number is replaced by the counts.
    """
    shown = {item.id: (theme, item) for theme, items in summarised(totals) for item in items}
    kept, cited = [], dict[str, tuple[Theme, NumberedFinding]]()
    for item in sentences[:MOST_SENTENCES]:
        text, ids = " ".join(item.sentence.split()), tuple(dict.fromkeys(item.finding_ids))
        if not text or len(text) > LONGEST_SENTENCE or not ids or not all(name in shown for name in ids):
            continue
        resting_on = {name: shown[name] for name in ids}
        if _evidence(resting_on.values(), totals).tells(text):
            kept.append(SummarySentence(text, ids))
            cited |= resting_on
    line = " ".join(headline.split())
    if not kept or not line:
        return None
    if len(line) > LONGEST_HEADLINE or not _evidence(cited.values(), totals).tells(line):
        line = summary_of_counts(totals).headline
    return Summary(line, tuple(kept), "model", removed=len(sentences) - len(kept))


def _evidence(cited: Iterable[tuple[Theme, NumberedFinding]], totals: Digest) -> Evidence:
    rests = list(cited)
    themes = {theme.label: theme for theme, _ in rests}.values()
    findings, numbers = [item for _, item in rests], totals.numbers
    of_themes = frozenset(theme.calls for theme in themes) | {len({item.call_id for item in findings})}
    by_mood = {count for theme in themes for count in theme.sentiment.values()}
    counts = Counts(
        whole=numbers.calls_analysed,
        calls=of_themes | {numbers.calls_analysed, numbers.calls_failed, *totals.verdicts.values()},
        themes_calls=of_themes,
        findings=frozenset({len(theme.findings) for theme in themes} | by_mood | {len(findings), numbers.findings}),
        quotes=frozenset({numbers.quotes, sum(len(item.finding.quotes) for item in findings)}),
        themes=frozenset({len(totals.themes), len(themes)}),
        accounts=frozenset({len({item.account for item in findings} - {UNKNOWN_ACCOUNT})}),
    )
    texts = [theme.label for theme in themes]
    for item in findings:
        texts += [item.finding.claim, *(quote.text for quote in item.finding.quotes)]
    return Evidence.of(counts, texts)


def summary_of_counts(totals: Digest) -> Summary:
    """A summary that only states the numbers: for a run without findings, and for one whose summary the model failed to write."""
    if not totals.themes:
        calls = _plural(totals.numbers.calls_analysed, "call")
        return Summary(f"Nothing in {calls} answers the brief", (), "counts")
    first = totals.themes[0]
    headline = f"{first.label}: found in {first.calls:,} of {_plural(totals.numbers.calls_analysed, 'call')}"
    sentences = tuple(
        SummarySentence(
            f"{theme.label} comes up in {_plural(theme.calls, 'call')} with {_plural(len(theme.findings), 'finding')}.",
            tuple(item.id for item in theme.findings[:5]),
        )
        for theme in totals.themes[:5]
    )
    return Summary(headline, sentences, "counts")


def _spread(findings: Sequence[NumberedFinding], most: int) -> tuple[NumberedFinding, ...]:
    """At most so many, evenly over all of them: the first ones would be the oldest calls only."""
    if len(findings) <= most:
        return tuple(findings)
    return tuple(findings[number * len(findings) // most] for number in range(most))


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
