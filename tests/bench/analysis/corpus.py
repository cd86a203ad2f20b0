"""Calls as ingest stores them, and runs over them as they lie in the tables once they are fetched."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from analysis.domain.request import as_document
from bench.ingest.corpus import _WORDS as WORDS
from cloud import Endpoint
from cloud.objects import GoogleObjects
from core.ids import WorkspaceId
from integration.analysis.world import question

SENTENCES = 60
PUTS = 16


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


async def store(storage: str, ca_file: str, workspace_id: WorkspaceId, calls: int) -> list[Stored]:
    """Put so many calls into storage."""
    objects = GoogleObjects(bucket="calls", endpoint=Endpoint(address=storage, ca_file=Path(ca_file)))
    slots = asyncio.Semaphore(PUTS)

    async def one(number: int) -> Stored:
        async with slots:
            call_id = f"c{number}"
            body = json.dumps(document(call_id)).encode()
            put = await objects.workspace(workspace_id).put(f"calls/{call_id}/1.json.gz", body)
            return Stored(call_id, put.name, put.sha256)

    try:
        return list(await asyncio.gather(*(one(number) for number in range(calls))))
    finally:
        await objects.close()


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
