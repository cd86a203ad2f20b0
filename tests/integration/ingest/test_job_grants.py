"""A job's optional grant, on a real database: asked for where HubSpot is connected, replaced, denied, and gone with the job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callmine.integrations.v1.integrations_pb2 import PROVIDER_HUBSPOT, IntegrationConnected, IntegrationDisconnected
from ingest.domain.jobs import GrantId, JobId, SealedGrant
from ingest.store import job_grants
from ingest.store.job_grants import GrantState
from integration.ingest.harness import HARBOR, QUILL, Ingest, event_of, fetch_requested, new_id

MARGIN = 5.0


def sealed(grant_id: GrantId, lasts: timedelta = timedelta(hours=1)) -> SealedGrant:
    return SealedGrant(grant_id, b"sealed-for-tests", "key", datetime.now(UTC) + lasts, 3)


async def connect(ingest: Ingest) -> None:
    told = IntegrationConnected(provider=PROVIDER_HUBSPOT, credential_version=3)
    await ingest.hear(event_of(told, "hubspot", sequence=1))


@pytest.fixture
async def job(ingest: Ingest) -> JobId:
    """A run that has been asked for."""
    run = new_id()
    await ingest.hear(fetch_requested(run))
    return JobId(run)


async def ask(ingest: Ingest, job: JobId) -> tuple[bool, GrantId]:
    grant_id = GrantId(new_id())
    async with ingest.db.workspace(HARBOR) as tx:
        return await job_grants.ask(tx, job, "hubspot", grant_id), grant_id


async def standing(ingest: Ingest, job: JobId) -> job_grants.OptionalGrant | None:
    async with ingest.db.workspace(HARBOR) as tx:
        return await job_grants.of_job(tx, job, "hubspot", MARGIN)


async def test_nothing_is_asked_for_unless_hubspot_is_connected(ingest: Ingest, job: JobId) -> None:
    assert (await ask(ingest, job))[0] is False
    assert await standing(ingest, job) is None
    await connect(ingest)
    assert (await ask(ingest, job))[0] is True
    gone = IntegrationDisconnected(provider=PROVIDER_HUBSPOT, credential_version=3)
    await ingest.hear(event_of(gone, "hubspot", sequence=2))
    assert (await ask(ingest, job))[0] is False


async def test_a_grant_is_held_once_it_comes_and_over_before_it_expires(ingest: Ingest, job: JobId) -> None:
    await connect(ingest)
    _, grant_id = await ask(ingest, job)
    before = await standing(ingest, job)
    assert before is not None
    assert (before.state, before.grant) == (GrantState.ASKED, None)
    coming = sealed(grant_id, timedelta(seconds=MARGIN - 1))
    async with ingest.db.workspace(HARBOR) as tx:
        assert await job_grants.hold(tx, coming)
        assert not await job_grants.hold(tx, coming)
        assert not await job_grants.deny(tx, grant_id, "too late")
    held = await standing(ingest, job)
    assert held is not None
    assert (held.state, held.grant, held.is_over) == (GrantState.HELD, coming, True)


async def test_another_grant_takes_the_place_of_the_one_before(ingest: Ingest, job: JobId) -> None:
    await connect(ingest)
    _, first = await ask(ingest, job)
    async with ingest.db.workspace(HARBOR) as tx:
        await job_grants.hold(tx, sealed(first))
    _, second = await ask(ingest, job)
    async with ingest.db.workspace(HARBOR) as tx:
        assert not await job_grants.hold(tx, sealed(first))
        assert await job_grants.hold(tx, sealed(second))
    held = await standing(ingest, job)
    assert held is not None
    assert held.grant is not None
    assert (held.grant.grant_id, held.is_over) == (second, False)


async def test_a_denial_is_kept_with_its_reason(ingest: Ingest, job: JobId) -> None:
    await connect(ingest)
    _, grant_id = await ask(ingest, job)
    async with ingest.db.workspace(HARBOR) as tx:
        assert await job_grants.deny(tx, grant_id, "Reconnect HubSpot.")
    denied = await standing(ingest, job)
    assert denied is not None
    assert (denied.state, denied.reason, denied.grant) == (GrantState.DENIED, "Reconnect HubSpot.", None)


async def test_nothing_is_left_when_the_job_ends_and_nobody_else_reaches_it(ingest: Ingest, job: JobId) -> None:
    await connect(ingest)
    _, grant_id = await ask(ingest, job)
    async with ingest.db.workspace(QUILL) as tx:
        assert not await job_grants.hold(tx, sealed(grant_id))
        await job_grants.forget(tx, job)
    assert await standing(ingest, job) is not None
    async with ingest.db.workspace(HARBOR) as tx:
        await job_grants.hold(tx, sealed(grant_id))
        await job_grants.forget(tx, job)
    assert await ingest.sql("SELECT 1 FROM job_grants") == []
