"""Calls for the sandbox: any number of them, five minutes apart."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
APART = timedelta(minutes=5)
SENTENCES = 60

_WORDS = [
    "we",
    "they",
    "price",
    "budget",
    "quarter",
    "pilot",
    "vendor",
    "contract",
    "security",
    "review",
    "renewal",
    "team",
    "rollout",
    "warehouse",
    "finance",
    "director",
    "really",
    "would",
    "could",
    "should",
    "before",
    "after",
    "next",
    "week",
    "call",
    "demo",
    "feature",
    "report",
    "integration",
    "support",
    "onboarding",
    "usage",
    "seats",
    "discount",
    "approval",
]


def write(path: Path, calls: int) -> None:
    """Write `calls` conversations to a JSON Lines file."""
    with path.open("w", encoding="utf-8") as lines:
        for number in range(calls):
            lines.write(json.dumps(_conversation(number)) + "\n")


def _conversation(number: int) -> dict[str, object]:
    rng = random.Random(number)
    return {
        "id": f"call-{number}",
        "title": f"Customer {number}: review",
        "started_at": (FIRST + number * APART).isoformat(),
        "parties": [
            {"speaker_id": "rep", "name": "Maya Lindqvist", "affiliation": "Internal"},
            {"speaker_id": "cust", "name": "Tomás Ferreira", "affiliation": "External"},
        ],
        "sentences": [
            {
                "speaker_id": rng.choice(["rep", "cust"]),
                "start_ms": 4_000 * place,
                "end_ms": 4_000 * place + 3_500,
                "text": " ".join(rng.choices(_WORDS, k=12)),
            }
            for place in range(SENTENCES)
        ],
    }
