"""What went out to language models: kinds of data and sizes, never content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from analysis.domain.request import RunId
from analysis.models.asking import ModelRequest
from core.ids import uuid7
from database import Tx


class SentRequest(Struct, frozen=True):
    """One request as a workspace's admins read it; `call_id` None where it was about the whole run, `took_ms` in milliseconds."""

    id: UUID
    call_id: str | None
    task: str
    part: int
    parts: int
    provider: str
    model: str
    provider_model: str
    data_classes: Sequence[str]
    masked: Mapping[str, int]
    bytes_sent: int
    storage: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    outcome: str
    status: int
    started_at: datetime
    took_ms: int


class OutcomeSum(Struct, frozen=True):
    """The requests of a run with one model and one outcome; `calls` does not count those about the whole run."""

    model: str
    outcome: str
    requests: int
    calls: int
    bytes_sent: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


class TroubledCall(Struct, frozen=True):
    """A call with requests that came to nothing, their outcomes in order; `state` failed where the whole analysis has."""

    call_id: str
    title: str
    started_at: datetime
    state: str
    reason: str
    outcomes: Sequence[str]


class ModelCost(Struct, frozen=True):
    """What one model has cost on one day (UTC), in micro-dollars; `unanswered` are the requests without a usable answer."""

    day: date
    provider: str
    model: str
    requests: int
    unanswered: int
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost_micro_dollars: int


async def insert(tx: Tx, requests: Sequence[ModelRequest]) -> None:
    """Note requests, each once: whoever asked does so when it stores what came of them."""
    if requests:
        await tx.execute("insert_model_requests", requests=[_row(request) for request in requests])


async def page(tx: Tx, run_id: RunId, after: UUID | None, limit: int) -> list[SentRequest]:
    """At most `limit` requests of a run after the one with that id, in order."""
    rows = await tx.fetch("model_requests_page", run_id=run_id, after=after, limit=limit)
    return [SentRequest(**dict(row)) for row in rows]


async def by_outcome(tx: Tx, run_id: RunId) -> list[OutcomeSum]:
    """A run's requests in sum."""
    return [OutcomeSum(**dict(row)) for row in await tx.fetch("model_requests_by_outcome", run_id=run_id)]


async def troubled_calls(tx: Tx, run_id: RunId, limit: int) -> list[TroubledCall]:
    """At most `limit` calls with trouble, those that have failed first."""
    return [TroubledCall(**dict(row)) for row in await tx.fetch("troubled_calls", run_id=run_id, limit=limit)]


async def costs(tx: Tx, since: datetime, of_workspace: str | None, run_id: RunId | None) -> list[ModelCost]:
    """Costs by day and model since then, of one workspace or run where they are named; `tx` is a sweep."""
    rows = await tx.fetch("model_costs", since=since, of_workspace=of_workspace, run_id=run_id)
    return [ModelCost(**dict(row)) for row in rows]


def _row(request: ModelRequest) -> dict[str, object]:
    prompt, card, tokens = request.prompt, request.card, request.tokens
    return {
        "id": str(uuid7()),
        "run_id": str(request.about.run_id),
        "call_id": request.about.call_id or None,
        "task": prompt.task,
        "part": prompt.part,
        "parts": prompt.parts,
        "provider": card.provider,
        "model": card.id,
        "provider_model": card.name,
        "data_classes": [kind.value for kind in prompt.data],
        "masked": dict(prompt.masked),
        "bytes_sent": request.sent,
        "storage": card.storage,
        "input_tokens": tokens.input,
        "cached_tokens": tokens.cached,
        "cache_write_tokens": tokens.cache_written,
        "output_tokens": tokens.output,
        "cost_micro_dollars": request.cost,
        "outcome": request.outcome.value,
        "status": request.status,
        "started_at": request.started_at.isoformat(),
        "took_ms": request.took,
    }
