"""What must not connect: states that are not one's own, codes of others, providers that answer nonsense. A clear error each time,
nothing stored, nothing told, nothing leaked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from core.errors import Transient
from credential_vault.handlers.consenting import STATE_SECONDS
from credential_vault.workers.consents import Forgetter
from integration.credential_vault.oauth_way import Way, worker, world_of
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from local.sandbox.faults import Fault
from local.sandbox.vendors import Provider as Sender
from messaging import Outbox
from testkit.outside import ADMIN, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import every_row, same_database

PROVIDERS = ("gong", "hubspot", "slack")

TOO_OLD = "is too old, was used before, or was asked for in another session or workspace"

PATHS = {
    "gong": "/oauth2/generate-customer-token",
    "hubspot": "/oauth/2026-03/token",
    "slack": "/api/oauth.v2.access",
}


@pytest.fixture
async def world(outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    async with world_of(outside) as client:
        yield client


@pytest.fixture
async def way(oauth_vault: Service, outside: Outside, world: httpx.AsyncClient) -> AsyncIterator[Callable[[str], Way]]:
    async with oauth_vault.browser(outside.token()) as browser:
        yield lambda provider: Way(browser, world, provider)


async def nothing_is_there(service: Service, postgres_url: str) -> None:
    rows = await every_row(postgres_url, service.dsns)
    assert (rows["credentials"], rows["outbox"]) == ([], [])


async def let_go(service: Service, postgres_url: str) -> list[str]:
    async with connected(same_database(postgres_url, service.dsns)) as connection:
        return [row["reason"] for row in await connection.fetch("SELECT reason FROM revocations")]


async def test_a_state_works_once(oauth_vault: Service, way: Callable[[str], Way], postgres_url: str) -> None:
    slack = way("slack")
    location = await slack.decide(await slack.leave())
    assert (await slack.back(location)).status_code == 303
    before = await every_row(postgres_url, oauth_vault.dsns)
    again = await slack.back(location)
    assert (again.status_code, TOO_OLD in again.text) == (400, True)
    assert await every_row(postgres_url, oauth_vault.dsns) == before


@pytest.mark.parametrize("state", ["", "x", "A" * 43, "A" * 10_000, "\x00", "ü" * 20])
async def test_a_state_that_was_never_given(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str, state: str
) -> None:
    slack = way("slack")
    await slack.leave()
    answer = await slack.browser.get("/oauth/slack/callback", params={"code": "c0de", "state": state})
    assert (answer.status_code, TOO_OLD in answer.text) == (400, True)
    await nothing_is_there(oauth_vault, postgres_url)


async def test_a_state_that_came_twice_is_none(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str
) -> None:
    slack = way("slack")
    location = await slack.decide(await slack.leave())
    state = httpx.URL(location).params["state"]
    answer = await slack.back(f"{location}&state={state}")
    assert (answer.status_code, TOO_OLD in answer.text) == (400, True)
    await nothing_is_there(oauth_vault, postgres_url)


async def test_a_state_whose_time_is_over(oauth_vault: Service, way: Callable[[str], Way], postgres_url: str) -> None:
    slack = way("slack")
    location = await slack.decide(await slack.leave())
    await later(oauth_vault, postgres_url, STATE_SECONDS)
    answer = await slack.back(location)
    assert (answer.status_code, TOO_OLD in answer.text) == (400, True)
    await nothing_is_there(oauth_vault, postgres_url)


async def later(service: Service, postgres_url: str, seconds: float) -> None:
    async with connected(same_database(postgres_url, service.dsns)) as connection:
        await connection.execute("UPDATE oauth_states SET expires_at = expires_at - make_interval(secs => $1)", seconds)


async def test_what_is_over_is_forgotten_in_every_workspace(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    forgetter = worker(oauth_vault, Forgetter)
    async with (
        oauth_vault.browser(outside.token()) as mine,
        oauth_vault.browser(outside.token(OTHER_ADMIN, QUILLSTONE)) as theirs,
    ):
        for browser in (mine, theirs):
            await Way(browser, world, "gong").leave()
        await later(oauth_vault, postgres_url, STATE_SECONDS - 30)
        assert await forgetter.once() is False
        assert len((await every_row(postgres_url, oauth_vault.dsns))["oauth_states"]) == 2
        await later(oauth_vault, postgres_url, 31)
        await Way(mine, world, "gong").leave()
        await forgetter.once()
    assert len((await every_row(postgres_url, oauth_vault.dsns))["oauth_states"]) == 1


async def test_whoever_asks_again_and_again_keeps_the_latest(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str
) -> None:
    slack = way("slack")
    addresses = [await slack.leave() for _ in range(22)]
    assert len((await every_row(postgres_url, oauth_vault.dsns))["oauth_states"]) == 20
    assert (await slack.back(await slack.decide(addresses[-1]))).status_code == 303


async def test_a_state_of_another_session_workspace_or_person(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """Somebody leads another person's browser to an answer of theirs, to have them work with a foreign account."""
    strangers = [
        outside.token(),  # the same person in another session
        outside.token(replace(OTHER_ADMIN, roles=ADMIN.roles), HARBORLINE),
        outside.token(OTHER_ADMIN, QUILLSTONE),
        outside.token(replace(ADMIN, roles=OTHER_ADMIN.roles), QUILLSTONE),
    ]
    for stranger in strangers:
        async with oauth_vault.browser(outside.token()) as browser, oauth_vault.browser(stranger) as other:
            mine = Way(browser, world, "hubspot")
            location = await mine.decide(await mine.leave())
            answer = await Way(other, world, "hubspot").back(location)
            assert answer.status_code == 400
            assert TOO_OLD in answer.text
    await nothing_is_there(oauth_vault, postgres_url)


async def test_a_state_of_another_person_in_the_same_session(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str
) -> None:
    slack = way("slack")
    location = await slack.decide(await slack.leave())
    async with connected(same_database(postgres_url, oauth_vault.dsns)) as connection:
        await connection.execute("UPDATE oauth_states SET user_id = $1", OTHER_ADMIN.user_id)
    answer = await slack.back(location)
    assert (answer.status_code, TOO_OLD in answer.text) == (400, True)
    await nothing_is_there(oauth_vault, postgres_url)


async def test_a_state_of_another_provider(oauth_vault: Service, way: Callable[[str], Way], postgres_url: str) -> None:
    location = await way("gong").decide(await way("gong").leave())
    answer = await way("slack").back(location.replace("/oauth/gong/", "/oauth/slack/"))
    assert (answer.status_code, TOO_OLD in answer.text) == (400, True)
    await nothing_is_there(oauth_vault, postgres_url)


async def test_a_swapped_code(
    oauth_vault: Service, outside: Outside, world: httpx.AsyncClient, postgres_url: str
) -> None:
    """The code of one consent with the state of another: HubSpot sees that the verifier is not the one of the code."""
    async with oauth_vault.browser(outside.token()) as browser:
        way = Way(browser, world, "hubspot")
        one, other = [httpx.URL(await way.decide(await way.leave())) for _ in range(2)]
        answer = await way.back(str(one.copy_set_param("code", other.params["code"])))
    assert answer.status_code == 400
    assert "HubSpot refused" in answer.text
    await nothing_is_there(oauth_vault, postgres_url)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_code_that_was_used_or_made_up(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str, provider: str
) -> None:
    one = way(provider)
    for code in ("made-up", "c" * 2000):
        location = httpx.URL(await one.decide(await one.leave())).copy_set_param("code", code)
        answer = await one.back(str(location))
        assert (answer.status_code, "did not accept the code" in answer.text) == (400, True), answer.text
        assert code not in answer.text
    for code in ("", "c" * 5000):
        location = httpx.URL(await one.decide(await one.leave())).copy_set_param("code", code)
        answer = await one.back(str(location))
        assert (answer.status_code, "sent no code along" in answer.text) == (400, True)
    await nothing_is_there(oauth_vault, postgres_url)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_somebody_who_does_not_agree(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str, provider: str
) -> None:
    one = way(provider)
    answer = await one.back(await one.decide(await one.leave(), decision="deny"))
    assert answer.status_code == 400
    assert "was not given. Nothing was stored. You can connect at any time." in answer.text
    assert (await every_row(postgres_url, oauth_vault.dsns))["oauth_states"] == []
    await nothing_is_there(oauth_vault, postgres_url)


async def test_an_error_that_anybody_can_write_is_not_shown(oauth_vault: Service, way: Callable[[str], Way]) -> None:
    one = way("gong")
    state = httpx.URL(await one.leave()).params["state"]
    asked = {"error": "<b>call 555-0100</b>", "error_description": "and pay", "state": state}
    answer = await one.browser.get("/oauth/gong/callback", params=asked)
    assert answer.status_code == 400
    assert "555-0100" not in answer.text
    assert "and pay" not in answer.text


GOOD = {"access_token": "CO-leaked-access", "refresh_token": "na1-leaked-refresh", "expires_in": 1800}

NONSENSE: list[dict[str, object]] = [
    {"html": True},
    {"html": True, "status": 500},
    {"malformed": True},
    {"truncate": True},
    {"status": 500},
    {"status": 503},
    {"status": 418},
    {"redirect": "https://evil.example/token"},
    {"redirect": "http://127.0.0.1:1/token"},
    {"body": "[]"},
    {"body": "null"},
    {"body": "7"},
    {"body": '"text"'},
    {"body": "{}"},
    {"body": '{"access_token": 7}'},
    {"body": "x" * 100_000},
    {"body": json.dumps({"padding": "x" * 100_000})},
    {"body": json.dumps(GOOD | {"access_token": "CO-" + "x" * 5000, "token_type": "bearer"})},
    {"body": json.dumps(GOOD | {"access_token": "CO-leaked\nheader: x", "token_type": "bearer"})},
]

WRONG_BUT_TOKENS: list[dict[str, object]] = [
    GOOD,
    GOOD | {"token_type": "mac"},
    GOOD | {"token_type": "bearer", "expires_in": 0},
    GOOD | {"token_type": "bearer", "expires_in": -5},
    GOOD | {"token_type": "bearer", "expires_in": 10**12},
    GOOD | {"token_type": "bearer", "expires_in": "soon"},
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("number", range(len(NONSENSE)))
async def test_a_provider_that_answers_nonsense(
    oauth_vault: Service,
    way: Callable[[str], Way],
    outside: Outside,
    postgres_url: str,
    provider: str,
    number: int,
    log_lines: list[str],
) -> None:
    outside.running.sandbox.switchboard.arm(
        Fault.model_validate({"provider": Sender(provider), "path": PATHS[provider]} | NONSENSE[number])
    )
    answer = await way(provider).connect()
    assert answer.status_code == 503, answer.text
    assert "Try again in a moment" in answer.text
    assert "leaked" not in answer.text + "\n".join(log_lines)
    assert "evil.example" not in answer.text
    await nothing_is_there(oauth_vault, postgres_url)
    assert await let_go(oauth_vault, postgres_url) == []


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("number", range(len(WRONG_BUT_TOKENS)))
async def test_tokens_in_an_answer_that_is_wrong_are_let_go(
    oauth_vault: Service,
    way: Callable[[str], Way],
    outside: Outside,
    postgres_url: str,
    provider: str,
    number: int,
    log_lines: list[str],
) -> None:
    body = json.dumps(WRONG_BUT_TOKENS[number] | {"ok": True})
    fault = Fault(provider=Sender(provider), path=PATHS[provider], body=body)
    outside.running.sandbox.switchboard.arm(fault)
    answer = await way(provider).connect()
    assert answer.status_code == 503, answer.text
    assert "leaked" not in answer.text + "\n".join(log_lines)
    await nothing_is_there(oauth_vault, postgres_url)
    assert await let_go(oauth_vault, postgres_url) == ["not_taken"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_hangs(
    oauth_vault: Service,
    way: Callable[[str], Way],
    outside: Outside,
    postgres_url: str,
    provider: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"credential_vault.providers.{provider}._EXCHANGE_SECONDS", 0.3)
    outside.running.sandbox.switchboard.arm(Fault(provider=Sender(provider), path=PATHS[provider], hang=True))
    answer = await way(provider).connect()
    assert answer.status_code == 503
    assert "did not answer. Try again in a moment." in answer.text
    await nothing_is_there(oauth_vault, postgres_url)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_asks_to_wait(
    oauth_vault: Service, way: Callable[[str], Way], outside: Outside, postgres_url: str, provider: str
) -> None:
    fault = Fault(provider=Sender(provider), path=PATHS[provider], status=429, retry_after=60)
    outside.running.sandbox.switchboard.arm(fault)
    answer = await way(provider).connect()
    assert (answer.status_code, "asks to wait" in answer.text) == (503, True)
    await nothing_is_there(oauth_vault, postgres_url)


VERIFIED = {"gong": "/v2/users", "hubspot": "/oauth/2026-03/token/introspect", "slack": "/api/auth.test"}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "how", [{"html": True}, {"status": 500}, {"status": 403}, {"body": '{"active": false, "ok": false}'}]
)
async def test_tokens_that_the_provider_does_not_vouch_for(
    oauth_vault: Service,
    way: Callable[[str], Way],
    outside: Outside,
    postgres_url: str,
    provider: str,
    how: dict[str, object],
) -> None:
    fault = Fault.model_validate({"provider": Sender(provider), "path": VERIFIED[provider]} | how)
    outside.running.sandbox.switchboard.arm(fault)
    answer = await way(provider).connect()
    assert answer.status_code in {400, 503}
    await nothing_is_there(oauth_vault, postgres_url)
    assert await let_go(oauth_vault, postgres_url) == ["not_taken"]


ODD_ADDRESSES = [
    "http://api.gong.io",
    "https://user:pass@us-1.api.gong.io",
    "https://us-1.api.gong.io:8443",
    "https://127.0.0.1",
    "https://[::1]",
    "https://2130706433",
    "https://us-1.api.gong.io.",
    "https://us-1.api.gong.io.evil.example",
    "https://evilgong.io",
    "https://gong.io",
    "https://us-1.api.gong.io/v2",
    "https://us-1.api.gong.io?",
    "https://us-1.api.gong.io#",
    "https://us-1.api.gong.io\\@evil.example",
    "https://us-1.api.gong.io\n.evil.example",
    "https://us_1.api.gоng.io",  # noqa: RUF001 - a Cyrillic o
    "x" * 600,
]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
async def test_an_address_that_is_not_gongs(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str, address: str, log_lines: list[str]
) -> None:
    gong = way("gong")
    await gong.rules(api_base_url=address)
    try:
        answer = await gong.connect()
    finally:
        await gong.rules()
    assert answer.status_code == 503, answer.text
    assert address.strip() not in answer.text
    await nothing_is_there(oauth_vault, postgres_url)
    assert await let_go(oauth_vault, postgres_url) == ["not_taken"]
    sent = [line for line in log_lines if "outbound request" in line and '"destination": "gong"' in line]
    assert sent == []


async def test_what_fails_while_storing_is_let_go(
    oauth_vault: Service, way: Callable[[str], Way], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row, events and let-go of the one before are one transaction; the tokens that came go to revocation in the next one."""

    async def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("the outbox is full")

    monkeypatch.setattr(Outbox, "add_many", refuse)
    answer = await way("hubspot").connect()
    assert answer.status_code == 500
    await nothing_is_there(oauth_vault, postgres_url)
    assert await let_go(oauth_vault, postgres_url) == ["not_taken"]


async def test_tokens_are_revoked_by_hand_when_not_even_that_can_be_written(
    oauth_vault: Service, way: Callable[[str], Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = way("slack")
    before = len(await slack.families())

    async def away(*_: object, **__: object) -> None:
        raise Transient("the database is away")

    monkeypatch.setattr("credential_vault.handlers.connecting.Connecting.let_go_received", away)
    answer = await slack.connect(without=["channels:read"])
    assert answer.status_code == 400
    assert [family["ended"] for family in (await slack.families())[before:]] == ["revoked"]


async def test_a_connection_that_failed_leaves_the_one_before_in_place(
    oauth_vault: Service, way: Callable[[str], Way], outside: Outside, postgres_url: str
) -> None:
    hubspot = way("hubspot")
    await hubspot.connect()
    before = (await every_row(postgres_url, oauth_vault.dsns))["credentials"]
    outside.running.sandbox.switchboard.arm(Fault(provider=Sender.HUBSPOT, path=PATHS["hubspot"], html=True))
    answer = await hubspot.connect()
    assert "Not replaced: the connection that was there is still in use" in answer.text
    assert (await every_row(postgres_url, oauth_vault.dsns))["credentials"] == before
