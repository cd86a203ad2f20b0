"""Codes and tokens as each provider hands them out: shapes, lifetimes, one use, families, endings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from contract.sandbox.oauth_client import CHALLENGE, SCOPES, VERIFIER, Application, name_of, token_calls
from contract.sandbox.specs import specification
from contract.sandbox.stage import PROVIDERS, SettableClock, Stage, admin
from local.sandbox.server import RunningSandbox, running
from local.sandbox.vendors import Provider

CODE_REFUSED = {"gong": "invalid_grant", "hubspot": "invalid_grant", "slack": "invalid_code"}
REFRESH_REFUSED = {"gong": "invalid_grant", "hubspot": "invalid_grant", "slack": "invalid_refresh_token"}
ENDED = {"gong": "invalid_grant", "hubspot": "invalid_grant", "slack": "token_revoked"}
CODE_SECONDS = {"gong": 60, "hubspot": 60, "slack": 600}
ACCESS_SECONDS = {"gong": 86_400, "hubspot": 1_800, "slack": 43_200}


@dataclass(frozen=True, slots=True)
class Timed:
    """A sandbox whose clock the test sets."""

    sandbox: RunningSandbox
    clock: SettableClock


@pytest.fixture(scope="module")
async def timed_sandbox(stage: Stage) -> AsyncIterator[Timed]:
    """One sandbox for this file; every test connects anew."""
    clock = SettableClock()
    async with running(stage.settings(), clock) as sandbox:
        yield Timed(sandbox, clock)


@pytest.fixture
async def timed(timed_sandbox: Timed) -> AsyncIterator[Timed]:
    """The sandbox, with the vendors' own rules again afterwards."""
    offices = [desk.office for desk in timed_sandbox.sandbox.sandbox.desks.values()]
    first = [office.rules for office in offices]
    yield timed_sandbox
    timed_sandbox.sandbox.sandbox.journal.clear()
    for office, rules in zip(offices, first, strict=True):
        office.rules = rules


@pytest.fixture(params=PROVIDERS)
async def application(request: pytest.FixtureRequest, timed: Timed, stage: Stage) -> AsyncIterator[Application]:
    """Callmine with each provider in turn."""
    async with stage.client(timed.sandbox.url) as client:
        yield Application(client, request.param)


async def test_a_code_becomes_tokens_that_work(application: Application) -> None:
    tokens = await application.connect()
    assert tokens["expires_in"] == ACCESS_SECONDS[application.provider]
    assert tokens["access_token"] != tokens["refresh_token"]
    assert await application.works(tokens)
    assert not await application.works({"access_token": tokens["refresh_token"]}) or application.provider == "hubspot"


async def test_the_replies_have_the_vendors_shape(application: Application, timed: Timed) -> None:
    tokens = await application.connect()
    provider, scopes = application.provider, list(SCOPES[application.provider])
    if provider == "gong":
        assert set(tokens) == {
            "access_token", "refresh_token", "expires_in", "scope", "token_type", "api_base_url_for_customer"
        }  # fmt: skip
        assert (tokens["scope"], tokens["token_type"]) == (" ".join(scopes), "bearer")
        assert tokens["api_base_url_for_customer"] == f"{timed.sandbox.url}/gong"
    elif provider == "hubspot":
        specification("hubspot").check(tokens, "OAuthToken")
        assert tokens["scopes"] == scopes
        assert (tokens["token_use"], tokens["token_type"]) == ("access_token", "bearer")
    else:
        assert (tokens["ok"], tokens["token_type"], tokens["scope"]) == (True, "bot", ",".join(scopes))
        assert str(tokens["access_token"]).startswith("xoxe.xoxb-")
        assert {"bot_user_id", "app_id", "team", "enterprise", "authed_user"} <= set(tokens)


async def test_a_code_lives_as_long_as_the_vendor_says(application: Application, timed: Timed) -> None:
    seconds = CODE_SECONDS[application.provider]
    in_time, late = await application.code(), await application.code()
    timed.clock.advance(seconds - 1)
    assert (await application.exchange(in_time)).is_success
    timed.clock.advance(1)
    assert application.refuses(await application.exchange(late), CODE_REFUSED[application.provider])


async def test_a_second_use_of_a_code_ends_the_tokens_made_from_it(application: Application) -> None:
    code = await application.code()
    tokens = (await application.exchange(code)).json()
    again = await application.exchange(code)
    assert application.refuses(again, {"slack": "code_already_used"}.get(application.provider, "invalid_grant"))
    assert not await application.works(tokens)
    assert application.refuses(await application.refresh(tokens["refresh_token"]), ENDED[application.provider])


async def test_a_code_is_bound_to_its_redirect_address(application: Application) -> None:
    code = await application.code()
    wrong = await application.exchange(code, redirect_uri=f"{application.callback}/2")
    assert application.refuses(wrong, {"slack": "bad_redirect_uri"}.get(application.provider, "invalid_grant"))
    assert (await application.exchange(code)).is_success


async def test_codes_and_tokens_are_bound_to_their_client(application: Application) -> None:
    stranger = {"as_client": "stranger", "with_secret": "secret-of-stranger"}
    code = await application.code()
    assert application.refuses(await application.exchange(code, **stranger), CODE_REFUSED[application.provider])
    tokens = (await application.exchange(code)).json()
    refused = await application.refresh(tokens["refresh_token"], **stranger)
    assert application.refuses(refused, REFRESH_REFUSED[application.provider])
    assert (await application.refresh(tokens["refresh_token"])).is_success


async def test_a_challenge_wants_its_verifier(application: Application) -> None:
    asked = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    code = await application.code(**asked)
    for verifier in ("", "x" * 43, VERIFIER[:-1], CHALLENGE):
        refused = await application.exchange(code, code_verifier=verifier)
        assert application.refuses(refused, CODE_REFUSED[application.provider])
    assert (await application.exchange(code, code_verifier=VERIFIER)).is_success
    unasked = await application.exchange(await application.code(), code_verifier=VERIFIER)
    assert application.refuses(unasked, CODE_REFUSED[application.provider])


async def test_a_wrong_client_gets_nothing(application: Application) -> None:
    code = await application.code()
    slack = application.provider == "slack"
    unknown = await application.exchange(code, as_client="nobody")
    assert application.refuses(unknown, "invalid_client_id" if slack else "invalid_client")
    wrong = await application.exchange(code, with_secret="not-the-secret")
    assert application.refuses(wrong, "bad_client_secret" if slack else "invalid_client")
    assert slack or (unknown.status_code, wrong.status_code) == (401, 401)
    assert (await application.exchange(code)).is_success


async def test_an_unreadable_request_is_refused(application: Application) -> None:
    slack = application.provider == "slack"
    kind = await application.post({"grant_type": "password"})
    assert application.refuses(kind, "invalid_grant_type" if slack else "unsupported_grant_type")
    bare = await application.post({"grant_type": "refresh_token"})
    assert application.refuses(bare, "invalid_refresh_token" if slack else "invalid_request")
    body = await application.http.post(
        "/hubspot/oauth/2026-03/token" if application.provider == "hubspot" else _token_path(application), json={"a": 1}
    )
    assert application.refuses(body, "invalid_form_data" if slack else "invalid_request")
    twice = await application.http.post(
        _token_path(application),
        content="code=a&code=b",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert application.refuses(twice, "invalid_form_data" if slack else "invalid_request")


def _token_path(application: Application) -> str:
    return {
        "gong": "/gong/oauth2/generate-customer-token",
        "hubspot": "/hubspot/oauth/2026-03/token",
        "slack": "/slack/api/oauth.v2.access",
    }[application.provider]


async def test_access_tokens_expire_by_the_clock_and_are_renewed(application: Application, timed: Timed) -> None:
    tokens = await application.connect()
    timed.clock.advance(ACCESS_SECONDS[application.provider] - 1)
    assert await application.works(tokens)
    timed.clock.advance(1)
    assert not await application.works(tokens)
    renewed = (await application.refresh(tokens["refresh_token"])).json()
    assert await application.works(renewed)
    assert renewed["access_token"] != tokens["access_token"]


async def test_rotation_is_the_vendors_own(application: Application) -> None:
    tokens = await application.connect()
    renewed = (await application.refresh(tokens["refresh_token"])).json()
    kept = renewed["refresh_token"] == tokens["refresh_token"]
    assert kept is (application.provider == "hubspot")
    assert (await application.refresh(renewed["refresh_token"])).is_success


async def test_a_spent_refresh_token_ends_the_whole_family(application: Application) -> None:
    await application.control("PATCH", "rules", rotation=True)
    bystander = await application.connect()
    first = await application.connect()
    second = (await application.refresh(first["refresh_token"])).json()
    assert await application.works(second)
    reused = await application.refresh(first["refresh_token"])
    assert application.refuses(reused, REFRESH_REFUSED[application.provider])
    assert not await application.works(first)
    assert not await application.works(second)
    assert application.refuses(await application.refresh(second["refresh_token"]), ENDED[application.provider])
    assert await application.works(bystander)


async def test_the_hubspot_operator_may_set_rotation(stage: Stage) -> None:
    clients = stage.oauth()["hubspot"]
    assert isinstance(clients, dict)
    oauth = stage.oauth(hubspot=clients | {"rotation": True, "access_seconds": 90})
    async with running(stage.settings(oauth=oauth)) as sandbox, stage.client(sandbox.url) as client:
        hubspot = Application(client, "hubspot")
        tokens = await hubspot.connect()
        assert tokens["expires_in"] == 90
        assert (await hubspot.refresh(tokens["refresh_token"])).is_success
        refused = await hubspot.refresh(tokens["refresh_token"])
        assert refused.json()["status"] == "BAD_REFRESH_TOKEN"


async def test_an_uninstall_ends_all_access_of_one_account(application: Application) -> None:
    ours = [await application.connect(), await application.connect()]
    theirs = await application.connect(account="quillstone")
    ended = await application.control("POST", "uninstall", account="harborline")
    assert int(str(ended["families_ended"])) >= 2
    for tokens in ours:
        assert not await application.works(tokens)
        assert application.refuses(await application.refresh(tokens["refresh_token"]), ENDED[application.provider])
    assert await application.works(theirs)


async def test_lifetimes_and_expiry_on_demand(application: Application, timed: Timed) -> None:
    await application.control("PATCH", "rules", access_seconds=5, refresh_seconds=60)
    tokens = await application.connect()
    assert tokens["expires_in"] == 5
    timed.clock.advance(5)
    assert not await application.works(tokens)
    timed.clock.advance(55)
    late = await application.refresh(tokens["refresh_token"])
    assert application.refuses(late, REFRESH_REFUSED[application.provider])
    await application.control("DELETE", "rules")
    tokens = await application.connect()
    assert tokens["expires_in"] == ACCESS_SECONDS[application.provider]
    await application.control("POST", "expire", account="quillstone")
    assert await application.works(tokens)
    await application.control("POST", "expire", account="harborline")
    assert not await application.works(tokens)
    assert (await application.refresh(tokens["refresh_token"])).is_success
    await application.control("POST", "expire", refresh=True)
    assert not (await application.refresh(tokens["refresh_token"])).json().get("access_token")


async def test_more_than_asked_and_another_address_are_granted_on_demand(application: Application) -> None:
    await application.control(
        "PATCH", "rules", extra_scopes=["admin:all"], api_base_url="https://gong.io.elsewhere.example"
    )
    tokens = await application.connect()
    assert "admin:all" in str(tokens.get("scopes") or tokens["scope"])
    if application.provider == "gong":
        assert tokens["api_base_url_for_customer"] == "https://gong.io.elsewhere.example"


async def test_tokens_are_handed_out_without_a_page_on_demand(application: Application) -> None:
    tokens = await application.control(
        "POST", "tokens", account="quillstone", scopes=list(SCOPES[application.provider])
    )
    assert await application.works(tokens)
    assert (await application.refresh(tokens["refresh_token"])).is_success


async def test_the_controls_take_the_admin_token_and_sense(application: Application) -> None:
    base = f"/_oauth/{application.provider}"
    assert (await application.http.get("/_oauth")).status_code == 401
    assert (await application.http.post(f"{base}/uninstall", json={"account": "harborline"})).status_code == 401
    for path, order in (("rules", {"access_seconds": 0}), ("rules", {"speed": 1})):
        assert (await application.http.patch(f"{base}/{path}", json=order, headers=admin())).status_code == 400
    assert (await application.http.post(f"{base}/uninstall", json={}, headers=admin())).status_code == 400
    nobody = {"account": "nobody", "scopes": ["chat:write"]}
    assert (await application.http.post(f"{base}/tokens", json=nobody, headers=admin())).status_code == 404
    assert (
        await application.http.post("/_oauth/stripe/uninstall", json={"account": "a"}, headers=admin())
    ).status_code == 404


async def test_the_journal_counts_the_calls_of_every_token(application: Application, timed: Timed) -> None:
    await application.control("PATCH", "rules", rotation=True)
    tokens = await application.connect()
    lifetime = ACCESS_SECONDS[application.provider]
    timed.clock.advance(lifetime - 100)
    await application.refresh(tokens["refresh_token"])
    await application.refresh(tokens["refresh_token"])
    calls = [call for call in await token_calls(application.http) if call["token"] == name_of(tokens["refresh_token"])]
    assert [call["outcome"] for call in calls] == ["granted", "spent"]
    assert [call["seconds_left"] for call in calls] == [100, lifetime]
    assert {call["operation"] for call in calls} == {"refresh"}
    report = (await application.http.get("/_oauth", headers=admin())).json()[application.provider]
    family = next(family for family in report["families"] if family["family_id"] == calls[0]["family"])
    assert (family["refreshes"], family["reused"], family["ended"]) == (1, 1, "refresh_reused")


async def test_nothing_the_sandbox_tells_holds_a_token(application: Application) -> None:
    code = await application.code()
    tokens = (await application.exchange(code)).json()
    told = (await application.http.get("/_oauth", headers=admin())).text
    told += (await application.http.get("/_journal", headers=admin())).text
    for secret in (code, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in told


async def test_a_restart_keeps_connections_in_a_file_of_its_owner(stage: Stage) -> None:
    settings = stage.settings(oauth=stage.oauth(keep=True), data_dir=stage.folder / "kept")
    connected: dict[str, dict[str, object]] = {}
    for restarted in (False, True):
        async with running(settings) as sandbox, stage.client(sandbox.url) as client:
            for provider in PROVIDERS:
                application = Application(client, provider)
                if not restarted:
                    first = await application.connect()
                    connected[provider] = (await application.refresh(first["refresh_token"])).json() | {"spent": first}
                    continue
                tokens = connected[provider]
                assert await application.works(tokens)
                if provider != "hubspot":
                    spent = tokens["spent"]
                    assert isinstance(spent, dict)
                    assert not (await application.refresh(spent["refresh_token"])).json().get("access_token")
                    assert not await application.works(tokens)
    _check_files(stage, connected)


def _check_files(stage: Stage, connected: dict[str, dict[str, object]]) -> None:
    for provider, tokens in connected.items():
        path = stage.folder / "kept" / "oauth" / f"{provider}.json"
        assert path.stat().st_mode & 0o077 == 0
        assert str(tokens["refresh_token"]) not in path.read_text("utf-8")


async def test_a_kept_file_that_cannot_be_read_stops_the_start_by_name(stage: Stage) -> None:
    folder = stage.folder / "spoiled"
    (folder / "oauth").mkdir(parents=True)
    (folder / "oauth" / "slack.json").write_text("{", "utf-8")
    with pytest.raises(Exception, match=r"slack\.json; delete it"):
        async with running(stage.settings(oauth=stage.oauth(keep=True), data_dir=folder)):
            pytest.fail("it must not start")


async def test_what_is_long_over_is_forgotten_but_no_spent_token(application: Application, timed: Timed) -> None:
    await application.control("PATCH", "rules", rotation=True)
    ledger = timed.sandbox.sandbox.desks[Provider(application.provider)].office.ledger
    first = await application.connect()
    second = (await application.refresh(first["refresh_token"])).json()
    timed.clock.advance(3 * 86_400)
    third = (await application.refresh(second["refresh_token"])).json()
    assert (len(ledger.codes), len(ledger.access)) == (0, 1)
    assert await application.works(third)
    await application.refresh(first["refresh_token"])
    assert not await application.works(third)


async def test_without_keep_nothing_is_written(application: Application, stage: Stage) -> None:
    await application.connect()
    assert not (stage.folder / "data" / "oauth").exists()


@pytest.mark.parametrize(
    "uri", ["http://app.example/cb", "https://user@app.example/cb", "https://a.example/cb#x", "ftp://a/"]
)
def test_a_redirect_address_in_the_settings_must_be_safe(stage: Stage, uri: str) -> None:
    client = {"client_id": "a", "client_secret": "secret-secret", "redirect_uris": [uri]}
    with pytest.raises(ValueError, match="redirect address is https"):
        stage.settings(oauth={"gong": {"clients": [client]}})


async def test_the_gong_token_call_takes_its_fields_from_the_query_too(timed: Timed, stage: Stage) -> None:
    async with stage.client(timed.sandbox.url) as client:
        gong = Application(client, "gong")
        code = await gong.code()
        query = {"grant_type": "authorization_code", "code": code, "redirect_uri": gong.callback}
        form = {"client_id": "callmine-gong"}
        auth = httpx.BasicAuth("callmine-gong", "client-secret-of-gong")
        path = _token_path(gong)
        assert (await client.post(path, params=query, data=form | {"code": code}, auth=auth)).status_code == 400
        assert (await client.post(path, params=query, data={"client_id": "stranger"}, auth=auth)).status_code == 400
        assert (await client.post(path, params=query, data=form, auth=auth)).status_code == 200
