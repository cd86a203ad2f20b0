"""What the models may answer: the schemas they are held to, and the check of what came."""

from __future__ import annotations

from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from analysis.domain.finding import CallAnswer, ClaimedFinding, Sentiment, Verdict
from analysis.domain.quotes import ClaimedQuote
from analysis.domain.summary import SummarySentence
from analysis.domain.themes import Groups
from analysis.models.masking import Mask
from analysis.models.port import BadAnswer


class _Strict(BaseModel):
    # Both providers' strict modes want every property required and no other allowed.
    model_config = ConfigDict(extra="forbid", frozen=True)


class _QuoteAnswer(_Strict):
    sentence_id: str
    text: str


class _FindingAnswer(_Strict):
    theme: str
    claim: str
    sentiment: Sentiment
    quotes: list[_QuoteAnswer]


class _CallAnswer(_Strict):
    verdict: Verdict
    summary: str
    findings: list[_FindingAnswer]


class _SentenceAnswer(_Strict):
    sentence: str
    finding_ids: list[str]


class _SummaryAnswer(_Strict):
    headline: str
    summary: list[_SentenceAnswer]


class _GroupAnswer(_Strict):
    ids: list[str]


class _MergeAnswer(_Strict):
    groups: list[_GroupAnswer]


CALL_SCHEMA: Final = _CallAnswer.model_json_schema()
SUMMARY_SCHEMA: Final = _SummaryAnswer.model_json_schema()
MERGE_SCHEMA: Final = _MergeAnswer.model_json_schema()

A = TypeVar("A", bound=_Strict)


def read_call_answer(text: str, mask: Mask) -> CallAnswer:
    """The answer about one call, with what `mask` has hidden. Raises BadAnswer for what is not JSON or not of the schema."""
    answer = _read(_CallAnswer, text)
    return CallAnswer(
        verdict=answer.verdict,
        summary=mask.show(answer.summary),
        findings=tuple(
            ClaimedFinding(
                theme=mask.show(finding.theme),
                claim=mask.show(finding.claim),
                sentiment=finding.sentiment,
                quotes=tuple(ClaimedQuote(quote.sentence_id, mask.show(quote.text)) for quote in finding.quotes),
            )
            for finding in answer.findings
        ),
    )


def read_summary_answer(text: str, mask: Mask) -> tuple[str, list[SummarySentence]]:
    """Headline and sentences, with what `mask` has hidden. Raises BadAnswer for what is not JSON or not of the schema."""
    answer = _read(_SummaryAnswer, text)
    sentences = [SummarySentence(mask.show(item.sentence), tuple(item.finding_ids)) for item in answer.summary]
    return mask.show(answer.headline), sentences


def read_merge_answer(text: str) -> Groups:
    """Groups of ids of labels that mean the same, as the model sees it. Raises BadAnswer for what is not JSON or not of the schema."""
    return [group.ids for group in _read(_MergeAnswer, text).groups]


def _read(shape: type[A], text: str) -> A:
    try:
        return shape.model_validate_json(text.strip())
    except ValidationError as error:
        # pydantic's message quotes the input, so neither it nor the cause goes on.
        not_json = any(detail["type"] == "json_invalid" for detail in error.errors(include_input=False))
    raise BadAnswer(
        "the model's answer was not JSON" if not_json else "the model's answer did not have the agreed shape"
    )
