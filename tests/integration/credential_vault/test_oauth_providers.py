"""The three adapters beside the sandbox's servers: renewing, asking, revoking, and what each failure means."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from core.errors import NotFound, Transient
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Tokens
from credential_vault.providers.composed import destinations, oauth_providers
from credential_vault.providers.port import NotSpent, OAuthProvider, Refused, Unknown
from credential_vault.settings import Settings
from egress import Egress
from integration.credential_vault.oauth_way import ADMIN_TOKEN
from local.sandbox.faults import Fault
from local.sandbox.vendors import Provider as Sender
from testkit.outside import OAUTH_CLIENTS, Outside

# Of a signing secret there is nothing to renew.
ALL = tuple(one for one in Provider if one is not Provider.SIEM)

PATHS = {
    Provider.GONG: "/oauth2/generate-customer-token",
    Provider.HUBSPOT: "/oauth/2026-03/token",
    Provider.SLACK: "/api/oauth.v2.access",
}


@dataclass(slots=True)
class Shelf:
    """Secret Manager with the three clients' secrets, or others."""

    secret: str | None = None
    error: Exception | None = None

    async def read(self, name: str) -> bytes:
        if self.error is not None:
            raise self.error
        secret = self.secret or OAUTH_CLIENTS[name.partition("-")[0]][1]
        return f'{{"client_secret": "{secret}"}}'.encode()


@dataclass(slots=True)
class Bench:
    """The adapters, and the sandbox's controls."""

    providers: dict[Provider, OAuthProvider]
    shelf: Shelf
    world: httpx.AsyncClient
    outside: Outside

    async def tokens(self, provider: Provider) -> Tokens:
        """Tokens without a consent page."""
        order = {"account": "harborline", "scopes": list(self.providers[provider].scopes)}
        answer = await self.world.post(f"/_oauth/{provider.value}/tokens", json=order, headers=ADMIN_TOKEN)
        body = answer.json()
        return Tokens(body["access_token"], body["refresh_token"], body["expires_in"])

    async def expire(self, provider: Provider) -> None:
        await self.world.post(f"/_oauth/{provider.value}/expire", json={"account": "harborline"}, headers=ADMIN_TOKEN)

    async def uninstall(self, provider: Provider) -> None:
        order = {"account": "harborline"}
        await self.world.post(f"/_oauth/{provider.value}/uninstall", json=order, headers=ADMIN_TOKEN)

    async def rules(self, provider: Provider, **changes: object) -> None:
        path = f"/_oauth/{provider.value}/rules"
        await self.world.request("PATCH" if changes else "DELETE", path, json=changes or None, headers=ADMIN_TOKEN)

    async def calls(self) -> int:
        """How many token calls the sandbox has seen."""
        return len((await self.world.get("/_journal", headers=ADMIN_TOKEN)).json()["token_calls"])

    def arm(self, provider: Provider, **how: object) -> None:
        given = {"provider": Sender(provider.value), "path": PATHS[provider]} | how
        self.outside.running.sandbox.switchboard.arm(Fault.model_validate(given))


@pytest.fixture
async def bench(oauth_settings: Settings, outside: Outside) -> AsyncIterator[Bench]:
    trust = ssl.create_default_context(cafile=outside.ca_file)
    shelf = Shelf()
    async with (
        Egress(destinations(oauth_settings), ca_file=outside.ca_file) as egress,
        httpx.AsyncClient(base_url=outside.url, verify=trust, trust_env=False) as world,
    ):
        yield Bench(await oauth_providers(oauth_settings, egress, shelf), shelf, world, outside)
    outside.running.sandbox.switchboard.disarm()


def in_time() -> None:
    """A guard that lets everything pass."""


def too_late() -> None:
    raise NotSpent("too late")


@pytest.mark.parametrize("provider", ALL)
async def test_renewing(bench: Bench, provider: Provider) -> None:
    oauth, tokens = bench.providers[provider], await bench.tokens(provider)
    renewed = await oauth.refresh(tokens.refresh_token, "", in_time)
    assert renewed.access_token != tokens.access_token
    assert (renewed.refresh_token == tokens.refresh_token) is (provider is Provider.HUBSPOT)
    assert renewed.expires_in == tokens.expires_in
    account = await oauth.verify(renewed.access_token, renewed.base_url)
    assert "arborline" in account.name


@pytest.mark.parametrize("provider", [Provider.GONG, Provider.SLACK])
async def test_a_token_that_was_spent_is_refused(bench: Bench, provider: Provider) -> None:
    oauth, tokens = bench.providers[provider], await bench.tokens(provider)
    await oauth.refresh(tokens.refresh_token, "", in_time)
    with pytest.raises(Refused):
        await oauth.refresh(tokens.refresh_token, "", in_time)


@pytest.mark.parametrize("provider", ALL)
async def test_an_app_that_was_uninstalled(bench: Bench, provider: Provider) -> None:
    oauth, tokens = bench.providers[provider], await bench.tokens(provider)
    await bench.uninstall(provider)
    with pytest.raises(Refused):
        await oauth.refresh(tokens.refresh_token, "", in_time)
    with pytest.raises(Refused):
        await oauth.verify(tokens.access_token, "")


@pytest.mark.parametrize("provider", ALL)
async def test_a_guard_that_says_no_sends_nothing(bench: Bench, provider: Provider) -> None:
    tokens, before = await bench.tokens(provider), await bench.calls()
    with pytest.raises(NotSpent, match="too late"):
        await bench.providers[provider].refresh(tokens.refresh_token, "", too_late)
    assert await bench.calls() == before


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize(
    ("how", "meaning", "wait"),
    [
        ({"status": 429, "retry_after": 7}, NotSpent, 7.0),
        ({"status": 429}, NotSpent, None),
        ({"status": 503, "retry_after": 9}, NotSpent, 9.0),
        ({"status": 503}, Unknown, None),
        ({"status": 500}, Unknown, None),
        ({"html": True}, Unknown, None),
        ({"html": True, "status": 400}, Unknown, None),
        ({"html": True, "status": 401}, Unknown, None),
        ({"malformed": True}, Unknown, None),
        ({"truncate": True}, Unknown, None),
        ({"redirect": "https://evil.example/"}, Unknown, None),
        ({"body": '{"ok": false, "error": "internal_error"}'}, Unknown, None),
        ({"body": '{"error": "invalid_grant_type"}'}, Unknown, None),
    ],
)
async def test_what_a_failure_means(
    bench: Bench, provider: Provider, how: dict[str, object], meaning: type[Transient], wait: float | None
) -> None:
    """And each was one call, never repeated."""
    tokens = await bench.tokens(provider)
    bench.arm(provider, **how)
    with pytest.raises(meaning) as raised:
        await bench.providers[provider].refresh(tokens.refresh_token, "", in_time)
    assert type(raised.value) is meaning
    assert raised.value.retry_after == wait
    [armed] = bench.outside.running.sandbox.switchboard.report()
    assert armed["struck"] == 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('{"id": "U0123ABC"}', "U0123ABC"),
        ('{"id": "W0123ABC", "scope": "x"}', "W0123ABC"),
        ('{"id": "C0123ABC"}', ""),
        ('{"id": "U01\\n23"}', ""),
        ('{"id": 7}', ""),
        ('"U0123ABC"', ""),
        ("null", ""),
    ],
)
async def test_who_agreed_at_slack_is_a_persons_id_or_nothing_and_no_token_is_lost_over_it(
    bench: Bench, said: str, kept: str
) -> None:
    tokens = '"ok": true, "access_token": "xoxe.a", "refresh_token": "xoxe-r", "expires_in": 43200, "token_type": "bot"'
    bench.arm(Provider.SLACK, body=f'{{{tokens}, "scope": "chat:write,channels:read", "authed_user": {said}}}')
    received = await bench.providers[Provider.SLACK].exchange("code", "", "https://callmine.example/back")
    assert (received.access_token, received.provider_user) == ("xoxe.a", kept)


@pytest.mark.parametrize("provider", ALL)
async def test_a_server_that_is_not_there_has_spent_nothing(
    oauth_settings: Settings, outside: Outside, provider: Provider
) -> None:
    nowhere = dict.fromkeys(("gong_oauth_url", "hubspot_base_url", "slack_base_url"), "https://localhost:1")
    settings = oauth_settings.model_copy(update=nowhere)
    async with Egress(destinations(settings), ca_file=outside.ca_file) as egress:
        oauth = (await oauth_providers(settings, egress, Shelf()))[provider]
        with pytest.raises(NotSpent, match="cannot be reached"):
            await oauth.refresh("token", "", in_time)


@pytest.mark.parametrize("provider", ALL)
async def test_a_client_that_the_provider_does_not_know_spends_nothing(bench: Bench, provider: Provider) -> None:
    tokens = await bench.tokens(provider)
    bench.shelf.secret = "not-the-secret-of-this-client"
    with pytest.raises(NotSpent, match="does not know Callmine's client"):
        await bench.providers[provider].refresh(tokens.refresh_token, "", in_time)
    bench.shelf.secret = None
    assert (await bench.providers[provider].refresh(tokens.refresh_token, "", in_time)).access_token


@pytest.mark.parametrize("error", [Transient("away", 3.0), NotFound("gone")])
async def test_a_secret_that_cannot_be_read_sends_nothing(bench: Bench, error: Exception) -> None:
    bench.shelf.error = error
    before = await bench.calls()
    with pytest.raises(NotSpent, match="registration with Slack cannot be read"):
        await bench.providers[Provider.SLACK].refresh("token", "", in_time)
    assert await bench.calls() == before


async def test_only_hubspot_tells_whether_a_token_is_good(bench: Bench) -> None:
    tokens = await bench.tokens(Provider.HUBSPOT)
    hubspot = bench.providers[Provider.HUBSPOT]
    assert await hubspot.is_active(tokens.refresh_token) is True
    assert await hubspot.is_active("na1-nobodys") is False
    assert await bench.providers[Provider.GONG].is_active("x") is None
    assert await bench.providers[Provider.SLACK].is_active("x") is None
    bench.arm(Provider.HUBSPOT, path=f"{PATHS[Provider.HUBSPOT]}/introspect", body='{"active": "true"}')
    with pytest.raises(Unknown):
        await hubspot.is_active(tokens.refresh_token)


@pytest.mark.parametrize("provider", [Provider.HUBSPOT, Provider.SLACK])
async def test_revoking(bench: Bench, provider: Provider) -> None:
    oauth, tokens = bench.providers[provider], await bench.tokens(provider)
    assert await oauth.revoke(tokens.access_token, tokens.refresh_token) is True
    with pytest.raises(Refused):
        await oauth.verify(tokens.access_token, "")
    with pytest.raises(Refused):
        await oauth.refresh(tokens.refresh_token, "", in_time)


async def test_gong_has_nothing_to_revoke_with(bench: Bench) -> None:
    tokens, before = await bench.tokens(Provider.GONG), await bench.calls()
    assert await bench.providers[Provider.GONG].revoke(tokens.access_token, tokens.refresh_token) is False
    assert await bench.calls() == before


async def test_slack_ends_an_access_that_has_run_out_by_renewing_it(bench: Bench) -> None:
    tokens, slack = await bench.tokens(Provider.SLACK), bench.providers[Provider.SLACK]
    await bench.expire(Provider.SLACK)
    assert await slack.revoke(tokens.access_token, tokens.refresh_token) is True
    with pytest.raises(Refused):
        await slack.refresh(tokens.refresh_token, "", in_time)
    with pytest.raises(Refused):
        await slack.revoke(tokens.access_token, tokens.refresh_token)


@pytest.mark.parametrize(
    ("provider", "path"),
    [(Provider.HUBSPOT, "/oauth/2026-03/token/revoke"), (Provider.SLACK, "/api/auth.revoke")],
)
@pytest.mark.parametrize("how", [{"status": 500}, {"html": True, "status": 404}, {"redirect": "https://evil.example/"}])
async def test_a_revocation_without_an_answer_is_not_one(
    bench: Bench, provider: Provider, path: str, how: dict[str, object]
) -> None:
    tokens = await bench.tokens(provider)
    bench.arm(provider, path=path, **how)
    with pytest.raises(Unknown):
        await bench.providers[provider].revoke(tokens.access_token, tokens.refresh_token)


async def test_a_renewal_with_an_odd_address_keeps_its_tokens(bench: Bench) -> None:
    """They are the only ones there are; the address stays as it was."""
    tokens, gong = await bench.tokens(Provider.GONG), bench.providers[Provider.GONG]
    await bench.rules(Provider.GONG, api_base_url="https://us-1.api.gong.io.evil.example")
    try:
        renewed = await gong.refresh(tokens.refresh_token, "", in_time)
    finally:
        await bench.rules(Provider.GONG)
    assert (renewed.base_url, renewed.access_token != tokens.access_token) == ("", True)


async def test_a_customers_own_address_is_taken_over(bench: Bench) -> None:
    tokens, gong = await bench.tokens(Provider.GONG), bench.providers[Provider.GONG]
    await bench.rules(Provider.GONG, api_base_url="https://us-12345.api.gong.io")
    try:
        renewed = await gong.refresh(tokens.refresh_token, "", in_time)
    finally:
        await bench.rules(Provider.GONG)
    assert renewed.base_url == "https://us-12345.api.gong.io"


async def test_nothing_secret_is_in_a_repr_or_an_error(bench: Bench) -> None:
    tokens = await bench.tokens(Provider.HUBSPOT)
    body = (
        f'{{"access_token": "{tokens.access_token}", "refresh_token": "{tokens.refresh_token}", "token_type": "mac"}}'
    )
    bench.arm(Provider.HUBSPOT, body=body)
    with pytest.raises(Unknown) as raised:
        await bench.providers[Provider.HUBSPOT].refresh(tokens.refresh_token, "", in_time)
    shown = repr(bench.providers) + repr(raised.value) + str(raised.value) + repr(raised.value.__cause__)
    for secret in (tokens.access_token, tokens.refresh_token, *(secret for _, secret in OAUTH_CLIENTS.values())):
        assert secret not in shown


async def test_slack_is_asked_to_read_channels_only_where_an_operator_says_so(
    oauth_settings: Settings, outside: Outside
) -> None:
    async def scope(settings: Settings) -> str:
        async with Egress(destinations(settings), ca_file=outside.ca_file) as egress:
            oauth = (await oauth_providers(settings, egress, Shelf()))[Provider.SLACK]
        return httpx.URL(oauth.authorize_url("state", "", "https://callmine.example/back")).params["scope"]

    assert await scope(oauth_settings) == "chat:write,channels:read"
    reading = oauth_settings.model_copy(update={"slack_reads_channels": True})
    assert await scope(reading) == "chat:write,channels:read,channels:history"
