"""ingest tells of a provider's webhook: the vault asks the provider, and believes nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from callmine.credentials.v1.credentials_pb2 import RevocationNoticed
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, IntegrationNeedsReconnect, Provider
from contracts import Event
from core.ids import WorkspaceId
from credential_vault.workers.checks import Checker
from credential_vault.workers.renewals import Renewer
from integration.credential_vault.oauth_way import ADMIN_TOKEN, Way, worker, world_of
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from testkit.messages import deliver, delivery, parked_reasons, said
from testkit.outside import Outside
from testkit.services import Service
from testkit.tables import same_database

MINE, THEIRS = WorkspaceId(HARBORLINE.organization_id), WorkspaceId(QUILLSTONE.organization_id)
SLACK = Provider.PROVIDER_SLACK


@pytest.fixture
async def world(outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    async with world_of(outside) as client:
        yield client


def notice(account_id: str, provider: int = SLACK, workspace_id: WorkspaceId = MINE) -> Event[RevocationNoticed]:
    payload = RevocationNoticed(provider=provider, account_id=account_id)  # type: ignore[arg-type]
    return Event(
        workspace_id=workspace_id, payload=payload, producer="ingest", aggregate_id=f"{workspace_id}:slack", sequence=1
    )


async def hear(vault: Service, *notices: Event[RevocationNoticed]) -> None:
    await deliver(vault.consumer("credential-requests-ingest"), *notices)


async def connect(vault: Service, outside: Outside, world: httpx.AsyncClient) -> str:
    """Connect Slack, whose checks are a day away then; the id of the team."""
    async with vault.browser(outside.token()) as browser:
        answer = await Way(browser, world, "slack").connect()
        assert answer.status_code == 303, answer.text
    told = [event.payload for _, event in await said(vault.dsns)]
    [payload] = [one for one in told if isinstance(one, IntegrationConnected)]
    return payload.account_id


def renewer(vault: Service) -> Renewer:
    """The service's own, as its composition root made it."""
    owners = [getattr(work, "__self__", None) for work in vault.parts._works]
    return next(one for one in owners if isinstance(one, Renewer))


async def due(vault: Service, postgres_url: str) -> bool:
    async with connected(same_database(postgres_url, vault.dsns)) as connection:
        return bool(await connection.fetchval("SELECT count(*) FROM credentials WHERE check_at <= now()"))


async def test_a_true_notice_ends_in_needs_reconnect(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """As it is after a check that was due by itself, a day earlier."""
    team = await connect(oauth_vault, outside, world)
    await world.post("/_oauth/slack/uninstall", json={"account": "harborline"}, headers=ADMIN_TOKEN)
    assert not await worker(oauth_vault, Checker).once()
    await hear(oauth_vault, notice(team))
    assert await worker(oauth_vault, Checker).once()
    assert await renewer(oauth_vault).once() == 1
    told = [event.payload for _, event in await said(oauth_vault.dsns)]
    assert [one.provider for one in told if isinstance(one, IntegrationNeedsReconnect)] == [SLACK]


async def test_a_false_notice_changes_nothing(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """Whoever can write to the topic can have the provider asked, and nothing more."""
    team = await connect(oauth_vault, outside, world)
    before = len(await said(oauth_vault.dsns))
    await hear(oauth_vault, notice(team), notice(team))
    assert await due(oauth_vault, postgres_url)
    assert await worker(oauth_vault, Checker).once()
    assert not await due(oauth_vault, postgres_url)
    assert len(await said(oauth_vault.dsns)) == before


@pytest.mark.parametrize("told", ["T0OTHER", ""])
async def test_a_notice_of_another_account_is_not_looked_at(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str, told: str
) -> None:
    team = await connect(oauth_vault, outside, world)
    await hear(oauth_vault, notice(told), notice(team, workspace_id=THEIRS), notice(team, Provider.PROVIDER_HUBSPOT))
    assert not await due(oauth_vault, postgres_url)


async def test_a_notice_of_no_known_provider_is_parked(oauth_vault: Service) -> None:
    consumer = oauth_vault.consumer("credential-requests-ingest")
    await consumer.process([delivery(notice("T0", 9))])
    [(workspace_id, _, reason)] = await parked_reasons(oauth_vault.dsns)
    assert (workspace_id, "names no provider" in reason) == (MINE, True)
