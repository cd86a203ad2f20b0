"""Connecting by OAuth, with the sandbox's own OAuth servers over TLS: what is stored, said, shown, renewed and let go."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from google.protobuf.message import Message

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected
from contracts import Actor, Event
from core.errors import MissingSettings
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.handlers.connecting import Connecting, Received
from credential_vault.main import compose
from credential_vault.settings import Settings
from credential_vault.workers.revocations import Revoker
from database import Row
from integration.credential_vault.gong_key import API, PAGE, connect
from integration.credential_vault.oauth_way import Way, worker, world_of
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE
from testkit.messages import said
from testkit.outside import MEMBER, Outside
from testkit.services import Service, started
from testkit.tables import every_row, raw_bytes, same_database

PROVIDERS = ("gong", "hubspot", "slack")

ACCOUNTS = {"gong": "harborline.example", "hubspot": "harborline.example", "slack": "Harborline"}
OTHERS = {"gong": "quillstone.example", "hubspot": "quillstone.example", "slack": "Quillstone"}


@pytest.fixture
async def world(outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    async with world_of(outside) as client:
        yield client


async def row_of(service: Service, postgres_url: str, provider: str) -> Row:
    async with connected(same_database(postgres_url, service.dsns)) as connection:
        (row,) = await connection.fetch("SELECT * FROM credentials WHERE provider = $1", provider)
        return row


async def let_go(service: Service, postgres_url: str) -> list[tuple[str, int, str, str]]:
    async with connected(same_database(postgres_url, service.dsns)) as connection:
        rows = await connection.fetch("SELECT provider, version, reason, state FROM revocations ORDER BY let_go_at")
        return [(row["provider"], row["version"], row["reason"], row["state"]) for row in rows]


def changes(event: Event[Message]) -> dict[str, tuple[object, object]]:
    assert isinstance(event.payload, AdminAction)
    return {
        one.field: (
            json.loads(one.before) if one.HasField("before") else None,
            json.loads(one.after) if one.HasField("after") else None,
        )
        for one in event.payload.diff
    }


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_connecting_by_consent(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str, provider: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, provider)
        answer = await way.connect()
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}#{provider}"), answer.text
        page = await browser.get(PAGE)
    assert page.status_code == 200
    assert ACCOUNTS[provider] in page.text

    row = await row_of(oauth_vault, postgres_url, provider)
    assert (row["state"], row["kind"], row["version"], row["account"]) == ("connected", "oauth", 1, ACCOUNTS[provider])
    share = (row["refresh_at"] - row["connected_at"]) / (row["expires_at"] - row["connected_at"])
    assert 0.74 < share < 0.81
    assert row["scopes"] == list((await way.families())[-1]["scopes"])  # type: ignore[call-overload]

    (topic, told), (audit, entry) = await said(oauth_vault.dsns)
    assert (topic, audit, told.sequence, entry.sequence) == ("integrations", "audit", 2, 2)
    assert isinstance(told.payload, IntegrationConnected)
    assert told.payload.base_url == (outside.gong_url if provider == "gong" else "")
    # What the provider's webhooks call the account; Gong tells no id of it.
    assert told.payload.account_id == row["account_id"]
    assert re.fullmatch({"gong": r"", "hubspot": r"\d+", "slack": r"T\w+"}[provider], told.payload.account_id)
    diff = changes(entry)
    assert diff["status"] == (None, "connected")
    assert diff["authentication"] == (None, "OAuth (new consent)")
    assert diff["account"] == (None, ACCOUNTS[provider])
    assert (await every_row(postgres_url, oauth_vault.dsns))["oauth_states"] == []


async def test_what_is_stored_opens_in_its_place_and_is_nowhere_in_the_clear(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str, log_lines: list[str]
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "hubspot")
        location = await way.decide(await way.leave())
        await way.back(location)
        page = await browser.get(PAGE)
    raw, shown = await raw_bytes(postgres_url, oauth_vault.dsns), page.text + "\n".join(log_lines)
    for secret in ("CO-", "na1-", "client-secret-of-hubspot"):
        assert secret.encode() not in raw, secret
        assert secret not in shown, secret
    # The test's own browser logs the addresses it opens.
    ours = page.text + "\n".join(line for line in log_lines if "'name': 'http" not in line)
    for secret in (httpx.URL(location).params[name] for name in ("code", "state")):
        assert secret.encode() not in raw
        assert secret not in ours


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_reconnecting_lets_go_of_the_credential_before(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str, provider: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, provider)
        await way.connect()
        answer = await way.connect(account="quillstone")
    assert answer.status_code == 303
    row = await row_of(oauth_vault, postgres_url, provider)
    assert (row["version"], row["state"], row["leased_until"]) == (2, "connected", None)
    assert await let_go(oauth_vault, postgres_url) == [(provider, 1, "replaced", "pending")]
    diff = changes((await said(oauth_vault.dsns))[-1][1])
    assert diff["status"] == ("connected", "connected")
    assert diff["authentication"] == ("OAuth", "OAuth (new consent)")
    assert diff["account"] == (ACCOUNTS[provider], OTHERS[provider])


async def test_what_was_let_go_opens_in_its_own_place(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """The worker revokes with it: at the provider, the first consent ends, and the second goes on."""
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "hubspot")
        before = len(await way.families())
        await way.connect()
        await way.connect()
        assert await worker(oauth_vault, Revoker).once()
        first, second = (await way.families())[before:]
    assert (first["ended"], second["ended"]) == ("revoked", None)
    assert await let_go(oauth_vault, postgres_url) == [("hubspot", 1, "replaced", "revoked")]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_disconnecting_forgets_everything(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str, provider: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        await Way(browser, world, provider).connect()
        assert (await browser.post(f"{PAGE}/{provider}/disconnect")).status_code == 303
    row = await row_of(oauth_vault, postgres_url, provider)
    assert (row["state"], row["version"], row["account"], row["scopes"]) == ("disconnected", 2, "", [])
    gone = ("access_token", "refresh_token", "expires_at", "refresh_at", "leased_until")
    assert [row[name] for name in gone] == [None] * len(gone)
    assert await let_go(oauth_vault, postgres_url) == [(provider, 1, "disconnected", "pending")]
    assert [event.sequence for _, event in await said(oauth_vault.dsns)] == [2, 2, 4, 4]


async def test_a_pair_takes_the_place_of_tokens_and_the_other_way_round(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser, oauth_vault.program(outside.token()) as client:
        way = Way(browser, world, "gong")
        await way.connect()
        await connect(client)
        row = await row_of(oauth_vault, postgres_url, "gong")
        assert (row["kind"], row["version"], row["access_token"], row["refresh_at"]) == ("basic", 2, None, None)
        assert (row["account"], row["scopes"]) == ("", [])
        await way.connect()
        row = await row_of(oauth_vault, postgres_url, "gong")
        assert (row["kind"], row["version"], row["access_key"]) == ("oauth", 3, None)
    ended = [("gong", 1, "replaced", "pending"), ("gong", 2, "replaced", "unsupported")]
    assert await let_go(oauth_vault, postgres_url) == ended


async def test_a_lease_that_runs_ends_with_the_reconnect(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "gong")
        await way.connect()
        async with connected(same_database(postgres_url, oauth_vault.dsns)) as connection:
            await connection.execute(
                "UPDATE credentials SET leased_until = now() + interval '1 hour', state = 'needs_reconnect', reason = 'It ended.',"
                " refused_at = now(), refused_version = 1"
            )
        assert "It ended." in (await browser.get(PAGE)).text
        await way.connect()
        page = await browser.get(PAGE)
    assert "It ended." not in page.text
    row = await row_of(oauth_vault, postgres_url, "gong")
    cleared = (row["leased_until"], row["reason"], row["refused_at"], row["refused_version"])
    assert cleared == (None, "", None, None)
    assert changes((await said(oauth_vault.dsns))[-1][1])["status"] == ("needs_reconnect", "connected")


async def test_two_who_connect_at_once_leave_nothing_behind(oauth_vault: Service, postgres_url: str) -> None:
    """The second waits for the first one's row, then lets go of what it stored, although neither had found anything at the beginning."""
    keyring = worker(oauth_vault, Revoker).opening.keyring
    inside = asyncio.Event()

    async def told(*_: object) -> None:
        inside.set()
        await asyncio.sleep(0)

    connecting = Connecting(keyring, {}, told, told)
    db, workspace = oauth_vault.parts.db, WorkspaceId(HARBORLINE.organization_id)

    async def one(token: str) -> None:
        async with db.workspace(workspace) as tx:
            await connecting.connect_tokens(
                tx, Provider.SLACK, Received(Tokens(token), Account("A"), ("chat:write",)), Actor()
            )

    await asyncio.gather(one("first"), one("second"))
    assert await let_go(oauth_vault, postgres_url) == [("slack", 1, "replaced", "pending")]
    assert (await row_of(oauth_vault, postgres_url, "slack"))["version"] == 2


async def test_scopes_that_are_missing_connect_nothing_and_end_at_the_provider(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "slack")
        answer = await way.connect(without=["channels:read"])
    assert answer.status_code == 400
    assert "did not grant channels:read" in answer.text
    assert (await every_row(postgres_url, oauth_vault.dsns))["credentials"] == []
    assert await let_go(oauth_vault, postgres_url) == [("slack", 1, "not_taken", "pending")]
    assert await said(oauth_vault.dsns) == []


async def test_scopes_beyond_what_was_asked_are_recorded_and_shown(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "slack")
        await way.rules(extra_scopes=["users:read"])
        try:
            await way.connect()
        finally:
            await way.rules()
        page = await browser.get(PAGE)
    assert "More than asked for" in page.text
    assert (await row_of(oauth_vault, postgres_url, "slack"))["scopes"] == ["chat:write", "channels:read", "users:read"]
    diff = changes((await said(oauth_vault.dsns))[-1][1])
    assert diff["scopes"] == (None, ["chat:write", "channels:read", "users:read"])


async def test_a_token_without_an_end_is_never_renewed(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "slack")
        await way.rules(access_seconds=None)
        try:
            await way.connect()
        finally:
            await way.rules()
        assert "without an end" in (await browser.get(PAGE)).text
    row = await row_of(oauth_vault, postgres_url, "slack")
    assert (row["expires_at"], row["refresh_at"], row["refresh_token"]) == (None, None, None)


async def test_a_provider_without_a_client_is_not_set_up(vault: Service, outside: Outside, postgres_url: str) -> None:
    async with vault.browser(outside.token()) as browser:
        page = await browser.get(PAGE)
        answer = await browser.post("/oauth/hubspot/connect")
        late = await browser.get("/oauth/hubspot/callback?code=c&state=s")
    assert page.text.count("is not set up in this installation") == 3
    assert "/oauth/" not in page.text
    assert (answer.status_code, late.status_code) == (409, 409)
    assert (await every_row(postgres_url, vault.dsns))["oauth_states"] == []


async def test_only_admins_connect(oauth_vault: Service, outside: Outside) -> None:
    async with oauth_vault.browser(outside.token(MEMBER)) as browser, oauth_vault.browser() as nobody:
        assert (await browser.post("/oauth/slack/connect")).status_code == 403
        assert (await browser.get("/oauth/slack/callback?code=c&state=s")).status_code == 403
        assert (await nobody.post("/oauth/slack/connect")).status_code == 401
        assert (await nobody.get("/oauth/slack/callback?code=c&state=s")).status_code == 401
    async with oauth_vault.browser(outside.token()) as browser:
        elsewhere = {"sec-fetch-site": "cross-site"}
        assert (await browser.post("/oauth/slack/connect", headers=elsewhere)).status_code == 403
        assert (await browser.post("/oauth/salesforce/connect")).status_code == 400


async def test_the_vaults_own_readings_are_no_use(oauth_vault: Service, outside: Outside, postgres_url: str) -> None:
    async with oauth_vault.program(outside.token()) as client, oauth_vault.browser(outside.token()) as browser:
        await connect(client)
        async with connected(same_database(postgres_url, oauth_vault.dsns)) as connection:
            await connection.execute(
                "INSERT INTO access_journal (workspace_id, grant_id, provider, credential_version, requester, purpose, subject_id)"
                " VALUES ($1, $2, 'gong', 1, 'credential-vault', 'check', 'x')",
                HARBORLINE.organization_id,
                uuid.uuid4(),
            )
        assert "not yet" in (await browser.get(PAGE)).text
        assert (await client.get(API)).status_code == 200


async def test_a_client_id_without_its_secret_does_not_start(
    settings: Settings, oauth_vault: Service, outside: Outside
) -> None:
    """oauth_vault has put the secrets there; this one is for another client."""
    other = settings.model_copy(update={"slack_client_id": "somebody-else"})
    with pytest.raises(MissingSettings, match="CALLMINE_SLACK_CLIENT_ID"):
        async with compose(other) as parts, started(parts, oauth_vault.dsns):
            pass
