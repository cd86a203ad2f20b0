"""Rolls the claims of all calls up into a headline and a short summary, each sentence tied to the findings it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from local.sandbox.language_model.claims import joined
from local.sandbox.language_model.documents import (
    NumberedClaim,
    ReportAnswer,
    ReportQuestion,
    SummarySentence,
    ThemeClaims,
)
from local.sandbox.language_model.words import content_stems

THEMES_TOLD = 5
"""Themes with a sentence of their own; the rest share one."""
CLAIMS_CITED = 3
"""Findings a sentence points to."""


def synthesise(question: ReportQuestion) -> ReportAnswer:
    """The answer for one report; every finding id is one of the question's."""
    told = sorted((theme for theme in question.themes if theme.claims), key=lambda theme: (-theme.calls, theme.theme))
    if not told:
        sentence = f"None of the {question.calls_analysed} calls analysed holds a finding on this question."
        return ReportAnswer(headline="No findings", summary=(SummarySentence(sentence=sentence, finding_ids=()),))
    asked = frozenset(content_stems(question.brief))
    sentences = [_theme_sentence(theme, question.calls_analysed, asked) for theme in told[:THEMES_TOLD]]
    rest = told[THEMES_TOLD:]
    if rest:
        sentences.append(_rest_sentence(rest))
    return ReportAnswer(headline=_headline(told, question.calls_analysed), summary=tuple(sentences))


def _headline(told: Sequence[ThemeClaims], calls: int) -> str:
    return f"{told[0].theme} comes up most, in {told[0].calls} of {calls} calls"


def _theme_sentence(theme: ThemeClaims, calls: int, asked: frozenset[str]) -> SummarySentence:
    cited = sorted(theme.claims, key=lambda claim: -_nearness(claim, asked))[:CLAIMS_CITED]
    sentence = f"{theme.theme} comes up in {theme.calls} of {calls} calls. For example: {cited[0].claim}"
    return SummarySentence(sentence=sentence, finding_ids=tuple(claim.id for claim in cited))


def _nearness(claim: NumberedClaim, asked: frozenset[str]) -> int:
    return len(asked & set(content_stems(claim.claim)))


def _rest_sentence(rest: Sequence[ThemeClaims]) -> SummarySentence:
    named = joined([f"{theme.theme.lower()} ({theme.calls})" for theme in rest])
    cited = tuple(theme.claims[0].id for theme in rest)
    return SummarySentence(sentence=f"Less often heard: {named}.", finding_ids=cited)
