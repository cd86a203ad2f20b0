"""Puts the answers about the parts of one long call together, so that it reads like the answer about a short one.

verdict    the strongest: yes before partly before unclear before no. A part that says no only says that the matter does not come up in it
findings   those that quote the same sentences are one, and so are those of the same theme that share a sentence: parts overlap. The first
           one's words stand, with the quotes of all; otherwise findings follow each other in the order of the call
summary    those of the parts with the merged verdict, one after the other
quotes     each is checked against the whole call, wherever its part begins
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from analysis.domain.finding import (
    LONGEST_SUMMARY,
    MOST_FINDINGS,
    MOST_QUOTES,
    CallAnalysis,
    CallAnswer,
    Finding,
    Verdict,
    check_answer,
)
from analysis.domain.transcript import Call

_STRENGTH = (Verdict.YES, Verdict.PARTLY, Verdict.UNCLEAR, Verdict.NO)


def check_parts(call: Call, answers: Sequence[CallAnswer]) -> CallAnalysis:
    """The checked result of a call that was asked about in parts, or in one."""
    checked = [check_answer(call, answer) for answer in answers]
    if len(checked) == 1:
        return checked[0]
    verdict = min((one.verdict for one in checked), key=_STRENGTH.index)
    summaries = dict.fromkeys(one.summary for one in checked if one.verdict is verdict and one.summary)
    return replace(
        checked[0],
        verdict=verdict,
        summary=_shortened(" ".join(summaries), LONGEST_SUMMARY),
        findings=_joined([one.findings for one in checked]),
        quotes_dropped=sum(one.quotes_dropped for one in checked),
    )


def _joined(parts: Sequence[Sequence[Finding]]) -> tuple[Finding, ...]:
    """Findings of different parts that say the same become one; within a part the model has told them apart."""
    found: list[Finding] = []
    for findings in parts:
        earlier = len(found)
        for finding in findings:
            twin = next((place for place in range(earlier) if _same(found[place], finding)), None)
            if twin is None:
                found.append(finding)
            else:
                quotes = dict.fromkeys((*found[twin].quotes, *finding.quotes))
                found[twin] = replace(found[twin], quotes=tuple(quotes)[:MOST_QUOTES])
    return tuple(found[:MOST_FINDINGS])


def _same(one: Finding, other: Finding) -> bool:
    said, again = ({quote.sentence_id for quote in finding.quotes} for finding in (one, other))
    return said == again or (bool(said & again) and _plain(one.theme) == _plain(other.theme))


def _plain(theme: str) -> str:
    return "".join(sign for sign in theme.casefold() if sign.isalnum())


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
