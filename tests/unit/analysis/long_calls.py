"""Calls of any length, and models that read what they are sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from analysis.domain.transcript import Affiliation, Call, Party, Sentence


def call(texts: Sequence[tuple[str, str]], title: str = "Discovery", deal: dict[str, object] | None = None) -> Call:
    """A call in which each speaker says each text: "a" is our side, everybody else a customer."""
    names = dict.fromkeys(speaker for speaker, _ in texts)
    sides = {speaker: Affiliation.INTERNAL if speaker == "a" else Affiliation.EXTERNAL for speaker in names}
    return Call(
        call_id="call_1",
        title=title,
        duration_seconds=60,
        account="Brightwater",
        segment="Mid-Market",
        rep="Speaker a",
        rep_email=None,
        deal=deal or {},
        parties=tuple(Party(speaker, f"Speaker {speaker}", None, sides[speaker], None) for speaker in names),
        sentences=tuple(
            Sentence(
                f"s{number}", speaker, f"Speaker {speaker}", sides[speaker], number * 1000, number * 1000 + 900, text
            )
            for number, (speaker, text) in enumerate(texts, start=1)
        ),
    )


def long_call(sentences: int, words: int = 12) -> Call:
    """Two people in turns of three sentences, each sentence different from all others."""
    filler = " ".join(["really"] * words)
    return call([("ab"[number // 3 % 2], f"Point {number} is {filler} so.") for number in range(sentences)])


def answer(verdict: str, *findings: tuple[str, str, str], summary: str = "") -> str:
    """An answer with a finding for each theme, sentence id and quote."""
    return json.dumps(
        {
            "verdict": verdict,
            "summary": summary,
            "findings": [
                {
                    "theme": theme,
                    "claim": f"The customer says so of {theme}.",
                    "sentiment": "neutral",
                    "quotes": [{"sentence_id": place, "text": text}],
                }
                for theme, place, text in findings
            ],
        }
    )


def spoken(document: str) -> list[dict[str, Any]]:
    """The transcript in a question."""
    found: list[dict[str, Any]] = json.loads(document)["transcript"]
    return found
