"""Grants of credentials by OAuth: an access token, never what renews it, and for no longer than the token lasts."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from callmine.credentials.v1.credentials_pb2 import CredentialDenied, CredentialGranted, DenialReason
from callmine.integrations.v1 import integrations_pb2
from contracts.sealing import Binding
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.oauth import Outcome
from credential_vault.workers.renewals import Renewer
from credential_vault.workers.revocations import Revoker
from database import Row
from ingest.gong.credential import Credential
from integration.credential_vault.gong_key import ANALYSIS_KEY, INGEST_KEY
from integration.credential_vault.oauth_way import Way, worker, world_of
from integration.credential_vault.test_grants import MINE, answers, ask, journal, request
from local.postgres.connection import connected
from local.sandbox.oauth.accounts import Account
from messaging import Verdict
from testkit.messages import delivery
from testkit.outside import Outside
from testkit.services import Service
from testkit.tables import same_database

REQUESTERS = {"gong": ("ingest", INGEST_KEY), "hubspot": ("ingest", INGEST_KEY), "slack": ("analysis", ANALYSIS_KEY)}

# Who agrees at the sandbox's Slack.
SLACK_PERSON = Account("harborline").identifier("U", "person")


@pytest.fixture
async def world(outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    async with world_of(outside) as client:
        yield client


@pytest.fixture
async def gong_vault(oauth_vault: Service, outside: Outside, world: httpx.AsyncClient) -> Service:
    """A vault with Gong connected by OAuth."""
    async with oauth_vault.browser(outside.token()) as browser:
        await Way(browser, world, "gong").connect()
    return oauth_vault


async def admin(vault: Service, postgres_url: str, sql: str) -> list[Row]:
    async with connected(same_database(postgres_url, vault.dsns)) as connection:
        return await connection.fetch(sql)


async def token_of(vault: Service, postgres_url: str) -> str:
    """The access token that lies in the only row, in the clear."""
    [row] = await admin(vault, postgres_url, "SELECT * FROM credentials")
    keyring = worker(vault, Revoker).opening.keyring
    slot = Slot(WorkspaceId(MINE), Provider(row["provider"]), row["credential_id"], row["version"], "access_token")
    async with vault.parts.db.workspace(MINE) as tx:
        return keyring.decrypt(await keyring.data_key(tx), slot, bytes(row["access_token"]))


async def grant_of(vault: Service, provider: str = "gong") -> tuple[dict[str, str], CredentialGranted]:
    """What the only grant holds, opened with the requester's key, and the grant."""
    [(topic, event)] = await answers(vault)
    requester, key = REQUESTERS[provider]
    granted = event.payload
    assert topic == f"credential-grants-{requester}"
    assert isinstance(granted, CredentialGranted), granted
    bound = Binding(MINE, granted.grant_id, provider, requester, granted.expires_at.ToDatetime(UTC))
    return json.loads(key.open(granted.sealed, bound)), granted


async def reason_of(vault: Service) -> DenialReason.ValueType:
    [(_, event)] = await answers(vault)
    assert isinstance(event.payload, CredentialDenied)
    return event.payload.reason


def renewer_of(vault: Service) -> Renewer:
    owners = [getattr(work, "__self__", None) for work in vault.parts._works]
    return next(one for one in owners if isinstance(one, Renewer))


@pytest.mark.parametrize("provider", REQUESTERS)
async def test_the_grant_holds_the_access_token_and_nothing_that_renews_it(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str, provider: str
) -> None:
    async with oauth_vault.browser(outside.token()) as browser:
        await Way(browser, world, provider).connect()
    named = integrations_pb2.Provider.Value(f"PROVIDER_{provider.upper()}")
    before = datetime.now(UTC)
    await ask(oauth_vault, request(provider=named), of=REQUESTERS[provider][0])
    opened, granted = await grant_of(oauth_vault, provider)
    address = outside.gong_url if provider == "gong" else ""
    who = {"provider_user": SLACK_PERSON} if provider == "slack" else {}
    assert opened == {"kind": "bearer", "token": await token_of(oauth_vault, postgres_url), "base_url": address} | who
    assert granted.credential_version == 1
    # HubSpot's token ends as soon as the lifetime of a grant does; the others' later.
    assert timedelta(minutes=29) < granted.expires_at.ToDatetime(UTC) - before < timedelta(minutes=31)
    [entry] = await journal(oauth_vault, postgres_url)
    assert all(word in entry for word in (MINE, granted.grant_id, provider, REQUESTERS[provider][0], "run-1"))


async def test_who_connected_slack_stays_through_a_renewal_and_goes_with_the_connection(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """It is in the row and in the sealed grant; no message, page or entry of the audit log has it."""
    async with oauth_vault.browser(outside.token()) as browser:
        await Way(browser, world, "slack").connect()
        await admin(oauth_vault, postgres_url, "UPDATE credentials SET refresh_at = now()")
        assert await renewer_of(oauth_vault).once() == 1
        await ask(oauth_vault, request(provider=integrations_pb2.Provider.PROVIDER_SLACK), of="analysis")
        opened, granted = await grant_of(oauth_vault, "slack")
        assert (granted.credential_version, opened["provider_user"]) == (2, SLACK_PERSON)
        pages = [(await browser.get(path)).text for path in ("/settings/integrations", "/api/v1/integrations")]
        told = await admin(oauth_vault, postgres_url, "SELECT body, attributes::text FROM outbox")
        assert len(told) >= 3
        assert SLACK_PERSON not in f"{pages}{told}"
        assert (await browser.post("/settings/integrations/slack/disconnect")).status_code in {200, 303}
    assert [row["provider_user"] for row in await admin(oauth_vault, postgres_url, "SELECT * FROM credentials")] == [""]


async def test_ingest_reads_it(gong_vault: Service, outside: Outside, postgres_url: str) -> None:
    await ask(gong_vault, request())
    opened, granted = await grant_of(gong_vault)
    expires_at = granted.expires_at.ToDatetime(UTC)
    credential = Credential.parse(json.dumps(opened).encode(), expires_at)
    assert (credential.base_url, credential.auth) == (outside.gong_url, None)
    assert credential.headers == {"Authorization": f"Bearer {await token_of(gong_vault, postgres_url)}"}


@pytest.mark.parametrize(("left", "renewable"), [(90, True), (600, True), (30, False)])
async def test_a_grant_never_outlives_its_token(
    gong_vault: Service, postgres_url: str, left: int, renewable: bool
) -> None:
    forgotten = "" if renewable else ", refresh_token = NULL, refresh_at = NULL"
    changed = f"UPDATE credentials SET expires_at = now() + interval '{left} seconds'{forgotten} RETURNING expires_at"
    [row] = await admin(gong_vault, postgres_url, changed)
    await ask(gong_vault, request())
    _, granted = await grant_of(gong_vault)
    assert granted.expires_at.ToDatetime(UTC) == row["expires_at"].replace(microsecond=0)


@pytest.mark.parametrize("left", [59, 0, -3600])
async def test_a_token_at_its_end_is_renewed_first(gong_vault: Service, postgres_url: str, left: int) -> None:
    old = await token_of(gong_vault, postgres_url)
    ended = f"UPDATE credentials SET expires_at = now() + interval '{left} seconds', refresh_at = now()"
    await admin(gong_vault, postgres_url, ended)
    renewer, consumer = renewer_of(gong_vault), gong_vault.consumer("credential-requests-ingest")
    renewer._woken.clear()
    asked = delivery(request())
    assert await consumer.process([asked]) == [Verdict.RETRY]
    assert (await answers(gong_vault), await journal(gong_vault, postgres_url)) == ([], [])
    assert renewer._woken.is_set()

    assert await renewer.once() == 1
    [renewal] = await admin(gong_vault, postgres_url, "SELECT outcome FROM renewals")
    assert renewal["outcome"] == Outcome.ROTATED
    assert await consumer.process([asked]) == [Verdict.ACK]
    opened, granted = await grant_of(gong_vault)
    assert opened["token"] == await token_of(gong_vault, postgres_url) != old
    assert granted.credential_version == 2


async def test_one_that_waits_for_a_renewal_holds_nobody_else_back(gong_vault: Service, postgres_url: str) -> None:
    await admin(gong_vault, postgres_url, "UPDATE credentials SET expires_at = now()")
    waiting, other = request(), request(uuid.UUID(int=2), integrations_pb2.Provider.PROVIDER_HUBSPOT)
    verdicts = await gong_vault.consumer("credential-requests-ingest").process([delivery(waiting), delivery(other)])
    assert verdicts == [Verdict.RETRY, Verdict.ACK]
    assert await reason_of(gong_vault) == DenialReason.DENIAL_REASON_NOT_CONNECTED


async def test_asking_brings_no_renewal_forward(gong_vault: Service, postgres_url: str) -> None:
    """One that was put off, because its provider has failed just now, stays put off."""
    later = "UPDATE credentials SET expires_at = now(), refresh_at = now() + interval '1 minute'"
    await admin(gong_vault, postgres_url, later)
    asked = delivery(request())
    assert await gong_vault.consumer("credential-requests-ingest").process([asked]) == [Verdict.RETRY]
    assert await renewer_of(gong_vault).once() == 0


@pytest.mark.parametrize(
    "what",
    [
        "expires_at = now() + interval '0.5 seconds', refresh_token = NULL, refresh_at = NULL",
        "expires_at = now() - interval '1 hour', refresh_token = NULL, refresh_at = NULL",
        "state = 'needs_reconnect', refresh_at = NULL",
    ],
    ids=["ends within the second", "over and not to be renewed", "refused by its provider"],
)
async def test_one_that_only_a_person_can_mend_is_denied(gong_vault: Service, postgres_url: str, what: str) -> None:
    await admin(gong_vault, postgres_url, f"UPDATE credentials SET {what}")
    await ask(gong_vault, request())
    assert await reason_of(gong_vault) == DenialReason.DENIAL_REASON_NEEDS_RECONNECT
    assert await journal(gong_vault, postgres_url) == []
