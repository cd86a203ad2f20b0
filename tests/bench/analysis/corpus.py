"""Calls as ingest stores them, and runs over them as they lie in the tables once they are fetched."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass

import asyncpg

from analysis.domain.request import as_document
from bench.ingest.corpus import _WORDS as WORDS
from core.ids import WorkspaceId
from integration.analysis.world import question

SENTENCES = 60


@dataclass(frozen=True, slots=True)
class Stored:
    """A call's object."""

    call_id: str
    name: str
    sha256: str


def document(call_id: str) -> dict[str, object]:
    """A call of 60 sentences."""
    rng = random.Random(call_id)
    return {
        "version": 1,
        "call_id": call_id,
        "title": f"Call {call_id}",
        "started_at": "2026-11-02T15:30:00Z",
        "duration_seconds": 240,
        "parties": [
            {
                "speaker_id": "1",
                "name": "Maya Lindqvist",
                "affiliation": "internal",
                "email": "maya@harborline.example",
            },
            {"speaker_id": "2", "name": "Tomás Ferreira", "affiliation": "external", "email": None},
        ],
        "owner": {"name": "Maya Lindqvist", "email": "maya@harborline.example"},
        "deal": {"account": "Brightwater Foods", "stage": "Proposal", "amount": 64000.0, "segment": "Mid-Market"},
        "sentences": [
            {
                "speaker_id": rng.choice("12"),
                "start_ms": 4_000 * place,
                "end_ms": 4_000 * place + 3_500,
                "text": f"{' '.join(rng.choices(WORDS, k=12))} {place}",
            }
            for place in range(SENTENCES)
        ],
    }


def stored(workspace_id: WorkspaceId, calls: int) -> list[Stored]:
    """So many calls as they lie in the bucket: see `bench.analysis.model`, which hands them out."""
    found = []
    for number in range(calls):
        name = f"c{number}"
        sha256 = hashlib.sha256(json.dumps(document(name)).encode()).hexdigest()
        found.append(Stored(name, f"workspaces/{workspace_id}/calls/{name}/1.json.gz", sha256))
    return found


async def begin(connection: asyncpg.Connection[asyncpg.Record], workspace_id: WorkspaceId, calls: list[Stored]) -> str:
    """A run under way over some stored calls; its id."""
    asked = json.dumps(as_document(question(max_calls=max(1, len(calls)))))
    async with connection.transaction():
        run_id = await connection.fetchval(
            "INSERT INTO runs (workspace_id, id, request_id, requested_by, request, state, call_limit, started_at, calls_fetched, "
            "calls_expected, calls_matching) VALUES ($1, gen_random_uuid(), gen_random_uuid(), 'user_1', $2, 'running', $3, now(), $3, "
            "$3, $3) RETURNING id",
            workspace_id,
            asked,
            len(calls),
        )
        await connection.execute(
            "INSERT INTO run_calls (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds) "
            "SELECT $1, $2, c.call_id, c.number, c.name, c.sha256, now(), 240 "
            "FROM unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS c (call_id, name, sha256, number)",
            workspace_id,
            run_id,
            [call.call_id for call in calls],
            [call.name for call in calls],
            [call.sha256 for call in calls],
        )
    return str(run_id)
