"""What messages do to jobs and projections: once, in whatever order and however often they come."""

from __future__ import annotations

import random
import uuid

import pytest
from google.protobuf.message import Message

from callmine.calls.v1.calls_pb2 import FetchFailed, PreviewReady
from callmine.credentials.v1.credentials_pb2 import (
    DENIAL_REASON_NEEDS_RECONNECT,
    DENIAL_REASON_NOT_CONNECTED,
    CredentialDenied,
    CredentialRequested,
    DenialReason,
)
from callmine.fetches.v1.fetches_pb2 import CallFilter, FetchCancelled, FetchRequested
from callmine.integrations.v1.integrations_pb2 import PROVIDER_GONG, IntegrationConnected, IntegrationDisconnected
from callmine.reports.v1.reports_pb2 import CallAnalysed, ReportCompleted, RunFailed
from contracts import Event
from integration.ingest.harness import (
    HARBOR,
    QUILL,
    Gong,
    Ingest,
    delivery,
    event_of,
    fetch_requested,
    granted,
    new_id,
    preview_requested,
)

NOWHERE = Gong("https://api.gong.io", "key-for-tests", "secret-for-tests")


async def _state(ingest: Ingest, job_id: uuid.UUID) -> str:
    rows = await ingest.sql("SELECT state FROM jobs WHERE id = $1", job_id)
    return rows[0]["state"] if rows else ""


def _denied(asked: Event[Message], reason: DenialReason.ValueType = DENIAL_REASON_NOT_CONNECTED) -> Event[Message]:
    assert isinstance(asked.payload, CredentialRequested)
    payload = CredentialDenied(grant_id=asked.payload.grant_id, provider=PROVIDER_GONG, reason=reason)
    return event_of(payload, asked.payload.grant_id, asked.workspace_id)


async def test_a_request_becomes_a_job_that_asks_for_the_credential(ingest: Ingest) -> None:
    run = new_id()
    request = fetch_requested(run)
    await ingest.hear(request)
    [asked] = await ingest.told()
    assert isinstance(asked.payload, CredentialRequested)
    assert (asked.payload.provider, asked.payload.purpose, asked.payload.subject_id) == (PROVIDER_GONG, "run", str(run))
    assert (asked.aggregate_id, asked.causation_id) == (asked.payload.grant_id, str(request.event_id))
    assert await _state(ingest, run) == "waiting_grant"
    topics = await ingest.sql("SELECT topic FROM outbox")
    assert [row["topic"] for row in topics] == ["credential-requests-ingest"]


async def test_the_grant_makes_it_ready_and_stays_sealed(ingest: Ingest) -> None:
    run = new_id()
    await ingest.hear(fetch_requested(run))
    await ingest.hear(granted((await ingest.told())[0], NOWHERE))
    assert await _state(ingest, run) == "ready"
    assert b"secret-for-tests".hex() not in await ingest.snapshot(("jobs",))


async def test_a_denial_ends_a_run_in_words_that_say_what_to_do(ingest: Ingest) -> None:
    run = new_id()
    await ingest.hear(fetch_requested(run))
    await ingest.hear(_denied((await ingest.told())[0]))
    [failed] = await ingest.told(FetchFailed)
    assert isinstance(failed.payload, FetchFailed)
    assert failed.payload.reason == "Gong is not connected. Connect Gong in Settings > Integrations, then start again."
    assert (failed.aggregate_id, failed.sequence) == (str(run), 1)
    assert await _state(ingest, run) == "failed"


async def test_a_denial_ends_a_preview_in_its_own_message(ingest: Ingest) -> None:
    preview = new_id()
    await ingest.hear(preview_requested(preview))
    await ingest.hear(_denied((await ingest.told())[0], DENIAL_REASON_NEEDS_RECONNECT))
    [ready] = await ingest.told(PreviewReady)
    assert isinstance(ready.payload, PreviewReady)
    assert "Reconnect Gong" in ready.payload.failure


async def test_a_grant_nobody_asked_for_is_parked(ingest: Ingest) -> None:
    stranger = event_of(
        CredentialRequested(grant_id=str(new_id()), provider=PROVIDER_GONG, subject_id=str(new_id())), "x"
    )
    await ingest.hear(granted(stranger, NOWHERE))
    assert await ingest.parked() == ["no job of this workspace waits for this grant"]


async def test_another_workspaces_grant_is_a_strangers(ingest: Ingest) -> None:
    run = new_id()
    await ingest.hear(fetch_requested(run))
    [asked] = await ingest.told()
    foreign = event_of(asked.payload, asked.aggregate_id, QUILL)
    await ingest.hear(granted(foreign, NOWHERE))
    assert await _state(ingest, run) == "waiting_grant"
    assert len(await ingest.parked()) == 1


async def test_a_cancelled_run_does_not_start(ingest: Ingest) -> None:
    run = new_id()
    await ingest.hear(fetch_requested(run))
    await ingest.hear(event_of(FetchCancelled(run_id=str(run)), str(run)))
    await ingest.hear(granted((await ingest.told())[0], NOWHERE))
    assert await _state(ingest, run) == "cancelled"
    assert len(await ingest.told()) == 1


async def test_a_cancellation_may_overtake_its_request(ingest: Ingest) -> None:
    run = new_id()
    await ingest.hear(event_of(FetchCancelled(run_id=str(run)), str(run)))
    await ingest.hear(fetch_requested(run))
    assert await _state(ingest, run) == "cancelled"
    assert await ingest.told() == []


@pytest.mark.parametrize(
    "payload",
    [
        FetchRequested(run_id="not-a-uuid"),
        FetchRequested(run_id=str(uuid.UUID(int=7))),
        FetchRequested(run_id=str(uuid.UUID(int=7)), filter=CallFilter()),
        FetchCancelled(run_id=""),
        ReportCompleted(run_id="x"),
    ],
)
async def test_what_cannot_be_meant_is_parked_and_changes_nothing(ingest: Ingest, payload: Message) -> None:
    await ingest.hear(event_of(payload, "aggregate"))
    assert len(await ingest.parked()) == 1
    assert await ingest.snapshot() == ""


async def test_the_end_of_a_run_stops_its_fetch(ingest: Ingest) -> None:
    failed, completed = new_id(), new_id()
    await ingest.hear(fetch_requested(failed), fetch_requested(completed))
    await ingest.hear(
        event_of(RunFailed(run_id=str(failed)), str(failed)),
        event_of(CallAnalysed(run_id=str(completed)), str(completed)),
        event_of(ReportCompleted(run_id=str(new_id())), "unknown"),
    )
    assert await _state(ingest, failed) == "cancelled"
    assert await _state(ingest, completed) == "waiting_grant"
    assert await ingest.parked() == []


async def test_the_vaults_last_word_on_an_integration_counts(ingest: Ingest) -> None:
    key = f"{HARBOR}:gong"
    connected = IntegrationConnected(provider=PROVIDER_GONG, credential_version=1, base_url="https://api.gong.io")
    gone = IntegrationDisconnected(provider=PROVIDER_GONG, credential_version=2)
    back = IntegrationConnected(provider=PROVIDER_GONG, credential_version=3, base_url="https://eu.api.gong.io")
    told = [event_of(payload, key, sequence=number) for number, payload in enumerate((connected, gone, back), start=1)]
    for event in (told[0], told[2], told[1]):
        await ingest.hear(event)
    [row] = await ingest.sql("SELECT state, credential_version, base_url FROM integrations")
    assert tuple(row) == ("connected", 3, "https://eu.api.gong.io")


@pytest.mark.parametrize("seed", range(3))
async def test_everything_again_in_any_order_changes_nothing(ingest: Ingest, seed: int) -> None:
    runs = [new_id() for _ in range(4)]
    events: list[Event[Message]] = [fetch_requested(run) for run in runs]
    events += [preview_requested(new_id()), event_of(FetchCancelled(run_id=str(runs[0])), str(runs[0]))]
    await ingest.hear(*events)
    asked = await ingest.told(CredentialRequested)
    answers = [granted(asked[1], NOWHERE), _denied(asked[2]), granted(asked[3], NOWHERE)]
    await ingest.hear(*answers)
    before, told = await ingest.snapshot(), len(await ingest.told())
    again = [*events, *answers] * 2
    random.Random(seed).shuffle(again)
    for consumer in ingest.consumers():
        await consumer.process([delivery(event) for event in again])
    assert await ingest.snapshot() == before
    assert len(await ingest.told()) == told


async def test_a_vault_that_answers_twice_changes_nothing_more(ingest: Ingest) -> None:
    run, other = new_id(), new_id()
    await ingest.hear(fetch_requested(run), fetch_requested(other))
    asked, asked_other = await ingest.told(CredentialRequested)
    await ingest.hear(granted(asked, NOWHERE), _denied(asked_other))
    await ingest.hear(_denied(asked), _denied(asked_other), granted(asked_other, NOWHERE))
    assert (await _state(ingest, run), await _state(ingest, other)) == ("ready", "failed")
    assert len(await ingest.told(FetchFailed)) == 1
    assert await ingest.parked() == []
