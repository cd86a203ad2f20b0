"""Gong does not accept the credential: the vault hears of it, another grant is tried once, and nothing is lost or repeated for ever."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace

import pytest

from callmine.calls.v1.calls_pb2 import PreviewReady
from callmine.credentials.v1.credentials_pb2 import (
    DENIAL_REASON_NEEDS_RECONNECT,
    CredentialDenied,
    CredentialRejected,
    CredentialRequested,
)
from callmine.fetches.v1.fetches_pb2 import FetchCancelled
from callmine.integrations.v1.integrations_pb2 import PROVIDER_GONG
from core import faultpoints
from ingest.workers import WorkerSettings
from integration.ingest.harness import event_of, fetch_requested, new_id, preview_requested
from integration.ingest.workshop import Killed, Trap, Workshop
from local.sandbox.faults import Fault
from local.sandbox.server import RunningSandbox

RECONNECT = "Reconnect Gong in Settings > Integrations, then start again."


async def _asked(workshop: Workshop) -> list[str]:
    """The grants that were asked for."""
    events = await workshop.ingest.told(CredentialRequested)
    return [event.payload.grant_id for event in events if isinstance(event.payload, CredentialRequested)]


async def _rejected(workshop: Workshop) -> list[CredentialRejected]:
    """What the vault was told."""
    events = await workshop.ingest.told(CredentialRejected)
    return [event.payload for event in events if isinstance(event.payload, CredentialRejected)]


async def _refused_run(workshop: Workshop, version: int = 1) -> uuid.UUID:
    """A run whose first grant Gong has refused, and which has asked for another one."""
    run = new_id()
    await workshop.ingest.hear(fetch_requested(run))
    await _grant_wrong(workshop, run, version)
    return run


async def _grant_wrong(workshop: Workshop, run: uuid.UUID, version: int) -> None:
    await workshop.grant(run, gong=replace(workshop.gong, secret="wrong-secret-1"), version=version)
    await workshop.finish()


async def test_the_vault_is_told_of_the_grant_and_asked_for_another(workshop: Workshop) -> None:
    run = await _refused_run(workshop, version=7)
    first, second = await _asked(workshop)
    [told] = await workshop.ingest.told(CredentialRejected)
    assert told.payload == CredentialRejected(
        grant_id=first, provider=PROVIDER_GONG, credential_version=7, provider_status=401
    )
    assert (told.aggregate_id, told.sequence) == (first, 2)
    topics = await workshop.ingest.sql("SELECT DISTINCT topic FROM outbox")
    assert [row["topic"] for row in topics] == ["credential-requests-ingest"]
    assert first != second
    assert await workshop.state(run) == "waiting_grant"
    assert "wrong-secret-1" not in await workshop.ingest.snapshot(("outbox", "jobs"))


async def test_a_newer_credential_lets_the_run_go_on(workshop: Workshop) -> None:
    run = await _refused_run(workshop)
    await workshop.grant(run, version=2)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4
    assert len(await _rejected(workshop)) == 1


async def test_the_same_version_again_is_tried_once(workshop: Workshop) -> None:
    """Gong may have answered 401 by mistake."""
    run = await _refused_run(workshop)
    await workshop.grant(run)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4


async def test_refused_again_the_run_fails_and_says_to_reconnect(workshop: Workshop) -> None:
    run = await _refused_run(workshop)
    await _grant_wrong(workshop, run, 1)
    reason = await workshop.failure(run)
    assert "Authentication failed" in reason
    assert RECONNECT in reason
    assert "wrong-secret-1" not in reason
    asked = await _asked(workshop)
    assert [told.grant_id for told in await _rejected(workshop)] == asked
    assert len(asked) == 2
    [row] = await workshop.ingest.sql("SELECT state, sealed FROM jobs")
    assert tuple(row) == ("failed", None)


async def test_a_preview_that_is_refused_twice_says_so_too(workshop: Workshop) -> None:
    preview = new_id()
    await workshop.ingest.hear(preview_requested(preview))
    for _ in range(2):
        await _grant_wrong(workshop, preview, 1)
    [event] = await workshop.ingest.told(PreviewReady)
    assert isinstance(event.payload, PreviewReady)
    assert RECONNECT in event.payload.failure


async def test_a_credential_that_the_vault_has_given_up_ends_the_run_in_its_words(workshop: Workshop) -> None:
    run = await _refused_run(workshop)
    grant = (await _asked(workshop))[-1]
    denied = CredentialDenied(grant_id=grant, provider=PROVIDER_GONG, reason=DENIAL_REASON_NEEDS_RECONNECT)
    await workshop.ingest.hear(event_of(denied, grant))
    assert await workshop.failure(run) == f"Gong no longer accepts the stored credential. {RECONNECT}"


async def test_newer_versions_are_not_tried_for_ever(workshop: Workshop) -> None:
    """A provider that renews tokens and accepts none of them."""
    run = await _refused_run(workshop)
    for version in range(2, 20):
        if await workshop.state(run) == "failed":
            break
        await _grant_wrong(workshop, run, version)
    assert RECONNECT in await workshop.failure(run)
    versions = [told.credential_version for told in await _rejected(workshop)]
    assert versions == [1, 2, 3, 4]


async def test_a_token_is_given_time_to_be_renewed_and_a_pair_is_not(workshop: Workshop) -> None:
    waits = []
    for gong in (workshop.gong, replace(workshop.gong, access_key="")):
        run = new_id()
        await workshop.ingest.hear(fetch_requested(run))
        await workshop.grant(run, gong=replace(gong, secret="wrong-secret-1"))
        assert await workshop.worker().work_once()
        [row] = await workshop.ingest.sql(
            "SELECT state, next_attempt_at > clock_timestamp() + interval '20 s' AS waits FROM jobs WHERE id = $1", run
        )
        assert row["state"] == "ready"
        waits.append(row["waits"])
        await workshop.ingest.hear(event_of(FetchCancelled(run_id=str(run)), str(run)))
    assert waits == [False, True]


async def test_half_way_no_call_is_lost_or_told_twice(workshop: Workshop, sandbox: RunningSandbox) -> None:
    """Each batch begins with a refusal: what came forward in between makes the next one a first one."""
    run = await workshop.start()
    for _ in range(2):
        sandbox.sandbox.switchboard.arm(
            Fault.model_validate({"provider": "gong", "path": "/v2/calls/transcript", "status": 401, "count": 1})
        )
        await workshop.finish()
        assert await workshop.state(run) == "waiting_grant"
        [chosen] = await workshop.ingest.sql("SELECT count(*) AS n FROM run_calls")
        assert chosen["n"] == 4
        await _let_one_batch_through(workshop, run)
    await workshop.finish()
    assert [sequence for sequence, _ in await workshop.announced(run)] == [1, 2, 3, 4, 5]
    assert len(await _rejected(workshop)) == 2


async def _let_one_batch_through(workshop: Workshop, run: uuid.UUID) -> None:
    await workshop.grant(run)
    await _die(workshop, "fetch.after_commit")
    await workshop.skip_waits()


@pytest.mark.parametrize(
    ("point", "again"),
    [
        ("refused.before_commit", False),
        ("outbox.before_commit", False),
        ("fetch.after_claim", False),
        ("outbox.before_commit", True),
        ("fetch.after_claim", True),
    ],
)
async def test_killed_in_between_each_refused_grant_is_told_once(workshop: Workshop, point: str, again: bool) -> None:
    run = new_id()
    await workshop.ingest.hear(fetch_requested(run))
    if again:
        await _grant_wrong(workshop, run, 1)
    await workshop.grant(run, gong=replace(workshop.gong, secret="wrong-secret-1"))
    await _die(workshop, point)
    for _ in range(3):
        await workshop.finish()
        if await workshop.state(run) == "waiting_grant":
            await _grant_wrong(workshop, run, 1)
    assert RECONNECT in await workshop.failure(run)
    told = Counter(one.grant_id for one in await _rejected(workshop))
    assert told == Counter(await _asked(workshop))
    assert len(told) == 2


async def _die(workshop: Workshop, point: str) -> None:
    faultpoints.arm(Trap(point))
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in a group where a lease was being kept
            await workshop.worker().work_once()
    finally:
        faultpoints.arm(None)
    assert died.type is Killed or died.group_contains(Killed)


async def test_a_run_that_was_cancelled_meanwhile_tells_nobody(workshop: Workshop) -> None:
    run = new_id()
    await workshop.ingest.hear(fetch_requested(run))
    await workshop.grant(run, gong=replace(workshop.gong, secret="wrong-secret-1"))
    await _die(workshop, "refused.before_commit")
    await workshop.ingest.hear(event_of(FetchCancelled(run_id=str(run)), str(run)))
    await workshop.finish()
    assert await _rejected(workshop) == []
    assert len(await _asked(workshop)) == 1


async def test_a_grant_from_before_versions_were_kept_fails_as_well(workshop: Workshop) -> None:
    run = await _refused_run(workshop, version=0)
    await _grant_wrong(workshop, run, 0)
    assert RECONNECT in await workshop.failure(run)


async def test_the_last_attempt_of_a_job_is_no_time_to_ask_again(workshop: Workshop) -> None:
    workshop.settings = WorkerSettings(first_delay=0.001, longest_delay=0.001, most_attempts=2)
    run = await _refused_run(workshop)
    assert RECONNECT in await workshop.failure(run)
    assert len(await _asked(workshop)) == 1
