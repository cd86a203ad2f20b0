"""A connection that its provider ends, and one that comes back: who is told, and in which order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.integrations.v1.integrations_pb2 import (
    PROVIDER_GONG,
    IntegrationConnected,
    IntegrationNeedsReconnect,
)
from contracts import Actor
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider
from credential_vault.events import announce_recovered
from credential_vault.workers.checks import Checker
from credential_vault.workers.renewals import Renewer
from integration.credential_vault.gong_key import PAGE
from integration.credential_vault.oauth_way import ADMIN_TOKEN, Way, worker, world_of
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE
from testkit.messages import said
from testkit.outside import Outside
from testkit.services import Service
from testkit.tables import same_database

WORKSPACE = WorkspaceId(HARBORLINE.organization_id)


@pytest.fixture
async def world(outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    async with world_of(outside) as client:
        yield client


async def admin(service: Service, postgres_url: str, sql: str) -> None:
    async with connected(same_database(postgres_url, service.dsns)) as connection:
        await connection.execute(sql)


def renewer(service: Service) -> Renewer:
    """The service's own, as its composition root made it."""
    owners = [getattr(work, "__self__", None) for work in service.parts._works]
    return next(one for one in owners if isinstance(one, Renewer))


async def test_an_app_that_was_uninstalled_is_noticed_shown_told_and_audited(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """The check has the access refused, the renewal that it brings forward is refused too, and that decides."""
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "slack")
        await way.connect()
        await world.post("/_oauth/slack/uninstall", json={"account": "harborline"}, headers=ADMIN_TOKEN)
        await admin(oauth_vault, postgres_url, "UPDATE credentials SET check_at = now()")
        assert await worker(oauth_vault, Checker).once()
        assert await renewer(oauth_vault).once() == 1
        page = await browser.get(PAGE)
        assert "Slack has to be connected again" in page.text
        assert "no longer accepts the token" in page.text
        assert "Reconnect Slack" in page.text

        (_, told), (_, entry) = (await said(oauth_vault.dsns))[2:]
        assert isinstance(told.payload, IntegrationNeedsReconnect)
        assert isinstance(entry.payload, AdminAction)
        assert told.payload.reason in page.text
        assert (told.sequence, entry.sequence, told.payload.credential_version) == (3, 3, 1)
        assert entry.payload.type == AdminActionType.ADMIN_ACTION_TYPE_INTEGRATION_DISCONNECTED
        assert entry.actor == Actor(id="credential-vault")
        diff = {one.field: (one.before, one.after) for one in entry.payload.diff}
        assert diff["status"] == ('"connected"', '"needs_reconnect"')
        assert json.loads(diff["reason"][1]) == told.payload.reason

        await way.connect()
        assert "has to be connected again" not in (await browser.get(PAGE)).text
    assert [event.sequence for _, event in await said(oauth_vault.dsns)] == [2, 2, 3, 3, 4, 4]


async def test_a_connection_is_renewed_by_the_service_itself(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """Nobody is told: for the other services nothing has changed."""
    async with oauth_vault.browser(outside.token()) as browser:
        for provider in ("gong", "hubspot", "slack"):
            await Way(browser, world, provider).connect()
    await admin(oauth_vault, postgres_url, "UPDATE credentials SET refresh_at = now() - interval '1 second'")
    assert await renewer(oauth_vault).once() == 3
    async with connected(same_database(postgres_url, oauth_vault.dsns)) as connection:
        rows = await connection.fetch("SELECT version, state, refresh_at > now() AS later FROM credentials")
    assert [tuple(row) for row in rows] == [(2, "connected", True)] * 3
    assert len(await said(oauth_vault.dsns)) == 6


async def test_a_credential_that_works_after_all(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """A rotation that came late has raised the version, so the message comes after the one that it takes back."""
    async with oauth_vault.browser(outside.token()) as browser:
        await Way(browser, world, "gong").connect()
    await admin(oauth_vault, postgres_url, "UPDATE credentials SET version = 2")
    async with oauth_vault.parts.db.workspace(WORKSPACE) as tx:
        await announce_recovered(tx, oauth_vault.parts.outbox, Provider.GONG, outside.gong_url)
        await announce_recovered(tx, oauth_vault.parts.outbox, Provider.SLACK, "")
    (_, told), (_, entry) = (await said(oauth_vault.dsns))[2:]
    assert told.payload == IntegrationConnected(provider=PROVIDER_GONG, credential_version=2, base_url=outside.gong_url)
    assert (told.sequence, entry.sequence) == (4, 4)
    assert isinstance(entry.payload, AdminAction)
    [change] = entry.payload.diff
    assert (change.field, change.before, change.after) == ("status", '"needs_reconnect"', '"connected"')
