"""The documents the stand-in is asked about, and the answers it gives."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["yes", "no", "partly", "unclear"]
Sentiment = Literal["positive", "negative", "neutral", "mixed"]

MOST_FINDINGS = 6
MOST_QUOTES = 3


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SpokenSentence(_Document):
    """One sentence of the transcript with who said it and on which side."""

    id: str
    speaker: str
    affiliation: Literal["internal", "external", "unknown"] = "unknown"
    text: str


class CallHeader(_Document):
    """What is known of the call besides its words."""

    title: str = ""


class CallQuestion(_Document):
    """The user's document of ``task: analyse-call``."""

    brief: str
    call: CallHeader = CallHeader()
    transcript: tuple[SpokenSentence, ...]


class Quote(_Document):
    """A sentence of the transcript, word for word."""

    sentence_id: str
    text: str


class Finding(_Document):
    """Something the call says about a theme, with the sentences that say it."""

    theme: str
    claim: str
    sentiment: Sentiment
    quotes: tuple[Quote, ...]


class CallAnswer(_Document):
    """The answer to ``task: analyse-call``."""

    verdict: Verdict
    summary: str
    findings: tuple[Finding, ...]


class NumberedClaim(_Document):
    """A claim by its id."""

    id: str
    claim: str


class ThemeClaims(_Document):
    """A theme over all calls: in how many it came up, and what was claimed."""

    theme: str
    calls: int
    claims: tuple[NumberedClaim, ...] = Field(default=())


class ReportQuestion(_Document):
    """The user's document of ``task: synthesise``."""

    brief: str
    calls_analysed: int
    themes: tuple[ThemeClaims, ...]


class SummarySentence(_Document):
    """A sentence of the executive summary and the findings it rests on."""

    sentence: str
    finding_ids: tuple[str, ...]


class ReportAnswer(_Document):
    """The answer to ``task: synthesise``."""

    headline: str
    summary: tuple[SummarySentence, ...]


class ThemeLabel(_Document):
    """A theme's label by its id; the calls and claims that come with it are not looked at."""

    id: str
    label: str


class MergeQuestion(_Document):
    """The user's document of ``task: merge-themes``."""

    brief: str
    labels: tuple[ThemeLabel, ...]


class LabelGroup(_Document):
    """Labels that mean the same."""

    ids: tuple[str, ...]


class MergeAnswer(_Document):
    """The answer to ``task: merge-themes``; a label that stands alone is in no group."""

    groups: tuple[LabelGroup, ...]
