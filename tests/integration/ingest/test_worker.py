"""The worker: what a run and a preview come to, and what each kind of trouble means."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callmine.calls.v1.calls_pb2 import CallFetched, PreviewReady
from callmine.credentials.v1.credentials_pb2 import CredentialRequested
from callmine.fetches.v1.fetches_pb2 import CallFilter, FetchCancelled
from ingest.workers import WorkerSettings
from integration.ingest.harness import (
    all_time,
    event_of,
    fetch_requested,
    new_id,
    preview_requested,
    stamp,
)
from integration.ingest.workshop import Workshop
from local.sandbox.faults import Fault
from local.sandbox.server import RunningSandbox
from local.sandbox.vendors import Provider


def arm(sandbox: RunningSandbox, **fault: object) -> None:
    """Let Gong misbehave."""
    sandbox.sandbox.switchboard.arm(Fault.model_validate({"provider": Provider.GONG, **fault}))


async def test_a_run_stores_every_call_and_says_so_once(workshop: Workshop) -> None:
    run = await workshop.start()
    await workshop.finish()
    announced = await workshop.announced(run)
    assert [sequence for sequence, _ in announced] == [1, 2, 3, 4, 5]
    assert len({name for _, name in announced[:4]}) == 4
    assert announced[4][1] == "FetchCompleted"
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_matching, done.calls_private, done.calls_without_transcript) == (4, 4, 1, 0)
    assert await workshop.state(run) == "done"


async def test_the_stored_object_is_the_one_announced(workshop: Workshop) -> None:
    await workshop.start(max_calls=1)
    await workshop.finish()
    [event] = await workshop.ingest.told(CallFetched)
    assert isinstance(event.payload, CallFetched)
    content = workshop.objects.held[event.payload.object_name]
    document = json.loads(content)
    assert event.payload.object_name.startswith(f"workspaces/{event.workspace_id}/calls/{event.payload.call_id}/")
    assert event.payload.size_bytes == len(content)
    assert document["call_id"] == event.payload.call_id
    assert document["deal"]["stage"] == "Proposal"
    assert document["owner"]["name"] == "Maya Lindqvist"
    assert document["sentences"]
    assert event.payload.started_at.ToDatetime(UTC) == datetime.fromisoformat(document["started_at"])


async def test_the_newest_calls_come_first(workshop: Workshop) -> None:
    await workshop.start(max_calls=3)
    await workshop.finish()
    times = [
        e.payload.started_at.ToDatetime()
        for e in await workshop.ingest.told(CallFetched)
        if isinstance(e.payload, CallFetched)
    ]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)


async def test_nothing_that_matches_is_a_completed_fetch_of_nothing(workshop: Workshop) -> None:
    wanted = CallFilter(from_time=stamp(datetime(2000, 1, 1)), to_time=stamp(datetime(2000, 1, 2)))  # noqa: DTZ001
    run = await workshop.start(wanted=wanted)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_matching == 0
    assert await workshop.announced(run) == [(1, "FetchCompleted")]


async def test_conditions_of_the_filter_are_applied(workshop: Workshop) -> None:
    wanted = all_time()
    wanted.deal_stages.append("Negotiation")
    run = await workshop.start(wanted=wanted)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_matching == 0


async def test_a_preview_counts_without_fetching(workshop: Workshop) -> None:
    preview = new_id()
    await workshop.ingest.hear(preview_requested(preview))
    await workshop.grant(preview)
    await workshop.finish()
    [event] = await workshop.ingest.told(PreviewReady)
    assert isinstance(event.payload, PreviewReady)
    assert (event.payload.matching_calls, event.payload.failure) == (4, "")
    assert event.payload.total_seconds > 0
    assert await workshop.ingest.told(CallFetched) == []


async def test_an_address_that_is_not_gongs_is_never_asked(workshop: Workshop) -> None:
    run = new_id()
    await workshop.ingest.hear(fetch_requested(run))
    await workshop.grant(run, gong=replace(workshop.gong, base_url="https://gong.attacker.example"))
    await workshop.finish()
    assert "refused before anything was sent" in await workshop.failure(run)


async def test_when_gong_asks_to_wait_the_job_sleeps_that_long(workshop: Workshop, sandbox: RunningSandbox) -> None:
    run = await workshop.start()
    arm(sandbox, status=429, retry_after=7200, count=1)
    worker = workshop.worker()
    assert await worker.work_once()
    [row] = await workshop.ingest.sql(
        "SELECT state, attempts, extract(epoch FROM next_attempt_at - clock_timestamp()) AS wait FROM jobs"
    )
    assert (row["state"], row["attempts"]) == ("ready", 0)
    assert 7100 < row["wait"] <= 7200
    assert not await worker.work_once()
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4


@pytest.mark.parametrize("fault", [{"status": 500}, {"malformed": True}, {"truncate": True}])
async def test_a_passing_trouble_is_waited_out(
    workshop: Workshop, sandbox: RunningSandbox, fault: dict[str, object]
) -> None:
    run = await workshop.start()
    arm(sandbox, **fault, path="/v2/calls/transcript", count=1)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4
    assert len(await workshop.announced(run)) == 5


async def test_a_lasting_trouble_is_given_up_in_words(workshop: Workshop, sandbox: RunningSandbox) -> None:
    workshop.settings = WorkerSettings(first_delay=0.001, longest_delay=0.001, most_attempts=3)
    run = await workshop.start()
    arm(sandbox, malformed=True)
    await workshop.finish()
    assert await workshop.failure(run) == (
        "Fetching the calls was given up: Gong's answer to /v2/calls/extensive cannot be read: the body (json_invalid). "
        "Please start again later."
    )
    [row] = await workshop.ingest.sql("SELECT attempts, sealed FROM jobs")
    assert tuple(row) == (3, None)


async def test_an_expired_grant_is_asked_for_again_and_the_run_goes_on(workshop: Workshop) -> None:
    run = new_id()
    await workshop.ingest.hear(fetch_requested(run))
    await workshop.grant(run, lasts=timedelta(seconds=-1))
    await workshop.finish()
    assert await workshop.state(run) == "waiting_grant"
    asked = [
        e.payload.grant_id
        for e in await workshop.ingest.told(CredentialRequested)
        if isinstance(e.payload, CredentialRequested)
    ]
    assert len(set(asked)) == 2
    await workshop.grant(run)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4


async def test_a_grant_that_expires_half_way_costs_no_call(workshop: Workshop) -> None:
    run = await workshop.start()
    worker = workshop.worker()
    gate = workshop.objects
    await _after_first_batch(workshop, "UPDATE jobs SET grant_expires_at = clock_timestamp()")
    assert await worker.work_once()
    assert gate.held
    await workshop.finish()
    assert await workshop.state(run) == "waiting_grant"
    await workshop.grant(run)
    await workshop.finish()
    assert [sequence for sequence, _ in await workshop.announced(run)] == [1, 2, 3, 4, 5]


async def test_a_grant_for_another_key_fails_with_the_next_step(workshop: Workshop) -> None:
    run = new_id()
    await workshop.ingest.hear(fetch_requested(run))
    await workshop.grant(run)
    await workshop.ingest.sql("UPDATE jobs SET grant_expires_at = grant_expires_at + interval '1 s'")
    await workshop.finish()
    assert "Reconnect Gong" in await workshop.failure(run)


async def test_a_cancelled_run_stops_between_batches(workshop: Workshop) -> None:
    run = await workshop.start()
    await _after_first_batch(workshop, "")
    await workshop.ingest.hear(event_of(FetchCancelled(run_id=str(run)), str(run)))
    await workshop.finish()
    assert await workshop.state(run) == "cancelled"
    assert "FetchCompleted" not in [name for _, name in await workshop.announced(run)]


async def test_neither_key_nor_secret_nor_speech_is_in_database_or_messages(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await workshop.start()
    rows = await workshop.ingest.snapshot(("jobs", "run_calls", "outbox", "inbox", "parked"))
    await workshop.finish()
    rows += await workshop.ingest.snapshot(("jobs", "run_calls", "outbox", "inbox", "parked"))
    written = rows + caplog.text + "".join(str(vars(record)) for record in caplog.records) + capsys.readouterr().err
    for secret in (workshop.gong.access_key, workshop.gong.secret, "Good morning", "Brightwater"):
        assert secret not in written
        assert secret.encode().hex() not in written
    assert "Good morning" in str(workshop.objects.held)


async def test_previews_go_before_runs_and_a_workspace_gets_its_share(workshop: Workshop) -> None:
    preview = new_id()
    for _ in range(2):
        await workshop.start()
    await workshop.ingest.hear(preview_requested(preview))
    await workshop.grant(preview)
    assert await workshop.worker().work_once()
    assert await workshop.state(preview) == "done"
    await workshop.ingest.sql(
        "UPDATE jobs SET state = 'fetching', lease_expires_at = clock_timestamp() + interval '1 min' "
        "WHERE id IN (SELECT id FROM jobs WHERE state = 'ready' LIMIT 1)"
    )
    workshop.settings = WorkerSettings(share=1)
    assert not await workshop.worker().work_once()


async def _after_first_batch(workshop: Workshop, statement: str) -> None:
    """Let a worker do one batch and die, then change something behind its back."""
    from core import faultpoints
    from integration.ingest.workshop import Killed, Trap

    faultpoints.arm(Trap("fetch.after_commit"))
    with pytest.raises(BaseExceptionGroup) as died:
        await workshop.worker().work_once()
    faultpoints.arm(None)
    assert died.group_contains(Killed)
    if statement:
        await workshop.ingest.sql(statement)
    await workshop.skip_waits()


async def test_a_grant_that_expires_while_gong_is_asked_is_asked_for_at_once(workshop: Workshop) -> None:
    workshop.settings = WorkerSettings(grant_margin_seconds=-60)
    run = new_id()
    await workshop.ingest.hear(fetch_requested(run))
    await workshop.grant(run, lasts=timedelta(seconds=-1))
    assert await workshop.worker().work_once()
    assert await workshop.state(run) == "waiting_grant"
