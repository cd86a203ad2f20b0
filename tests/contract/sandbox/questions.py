"""The questions the analysis service asks of a model, and the schemas it asks them with."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import JsonValue

from local.sandbox.corpus.calls import RecordedCall
from local.sandbox.language_model.documents import CallAnswer

ANALYSE = "You read sales calls.\ntask: analyse-call\nQuote word for word."
SYNTHESISE = "You write reports.\ntask: synthesise"
BRIEF = "Which objections do customers raise about price, and which competitors come up?"


def _closed(properties: dict[str, JsonValue]) -> dict[str, JsonValue]:
    names: list[JsonValue] = list(properties)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


TEXT: JsonValue = {"type": "string"}
CALL_SCHEMA = _closed(
    {
        "verdict": {"type": "string", "enum": ["yes", "no", "partly", "unclear"]},
        "summary": TEXT,
        "findings": {
            "type": "array",
            "items": _closed(
                {
                    "theme": TEXT,
                    "claim": TEXT,
                    "sentiment": {"type": "string", "enum": ["positive", "negative", "neutral", "mixed"]},
                    "quotes": {"type": "array", "items": _closed({"sentence_id": TEXT, "text": TEXT})},
                }
            ),
        },
    }
)
REPORT_SCHEMA = _closed(
    {
        "headline": TEXT,
        "summary": {
            "type": "array",
            "items": _closed({"sentence": TEXT, "finding_ids": {"type": "array", "items": TEXT}}),
        },
    }
)


def sentences_of(call: RecordedCall) -> list[dict[str, str]]:
    """The transcript of a call as the analysis service sends it."""
    speakers = {party.speaker_id: party for party in call.parties}
    return [
        {
            "id": f"s{number}",
            "speaker": speakers[sentence.speaker_id].name,
            "affiliation": speakers[sentence.speaker_id].affiliation.value.lower(),
            "text": sentence.text,
        }
        for number, sentence in enumerate(call.sentences)
    ]


def call_document(call: RecordedCall, brief: str = BRIEF) -> str:
    """The user's document of ``task: analyse-call``."""
    return json.dumps({"brief": brief, "call": {"title": call.title, "deal": {}}, "transcript": sentences_of(call)})


def report_document(themes: Sequence[tuple[str, int, Sequence[str]]], calls: int) -> str:
    """The user's document of ``task: synthesise``; each theme with its calls and claims."""
    number = 0
    listed = []
    for theme, count, claims in themes:
        numbered = [{"id": f"f{number + offset}", "claim": claim} for offset, claim in enumerate(claims)]
        number += len(claims)
        listed.append({"theme": theme, "calls": count, "claims": numbered})
    return json.dumps({"brief": BRIEF, "calls_analysed": calls, "themes": listed})


def misquoted(answer: CallAnswer, call: RecordedCall) -> list[str]:
    """The sentence ids of all quotes that are not the transcript's words under that id."""
    said = {sentence["id"]: sentence["text"] for sentence in sentences_of(call)}
    quotes = [quote for finding in answer.findings for quote in finding.quotes]
    return [quote.sentence_id for quote in quotes if said.get(quote.sentence_id) != quote.text]
