"""What goes wrong at a token endpoint, before and after the effect, and what the tokens are worth afterwards."""

from __future__ import annotations

import time

import httpx
import pytest

from contract.sandbox.oauth_client import TOKEN, Application, Tokens, name_of, token_calls
from contract.sandbox.specs import specification
from contract.sandbox.stage import PROVIDERS, Stage, admin
from local.sandbox.server import RunningSandbox

SPOILT: list[dict[str, object]] = [
    {"status": 503},
    {"status": 502, "html": True},
    {"html": True},
    {"malformed": True},
    {"body": '{"access_token": "only this"}'},
    {"redirect": "https://elsewhere.example/token"},
]


@pytest.fixture(params=PROVIDERS)
def application(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> Application:
    """Callmine with each provider in turn."""
    return Application(client, request.param)


async def arm(application: Application, **fault: object) -> None:
    """Lets something go wrong with the next renewal."""
    path = TOKEN[application.provider].removeprefix(f"/{application.provider}")
    order = {"provider": application.provider, "path": path, "contains": "refresh_token", "count": 1} | fault
    answer = await application.http.post("/_faults", json=order, headers=admin())
    assert answer.status_code == 201, answer.text


async def rotating(application: Application) -> Tokens:
    """Tokens whose refresh token is good once."""
    await application.control("PATCH", "rules", rotation=True)
    return await application.connect()


async def outcomes(application: Application, refresh_token: object) -> list[object]:
    """What the journal has of a refresh token."""
    calls = await token_calls(application.http)
    return [call["outcome"] for call in calls if call["token"] == name_of(refresh_token)]


def looks_like(answer: httpx.Response, fault: dict[str, object]) -> bool:
    """Whether the client got what the fault says."""
    if "redirect" in fault:
        return answer.status_code == 307 and answer.headers["location"] == fault["redirect"]
    if "html" in fault:
        return answer.status_code == fault.get("status", 200) and answer.headers["content-type"].startswith("text/html")
    if "status" in fault:
        return answer.status_code == fault["status"] and isinstance(answer.json(), dict)
    if "body" in fault:
        return answer.status_code == 200 and answer.text == fault["body"]
    return answer.status_code == 200 and not answer.text.endswith("}")


@pytest.mark.parametrize("fault", SPOILT, ids=str)
async def test_before_the_effect_the_token_stays_good(application: Application, fault: dict[str, object]) -> None:
    tokens = await rotating(application)
    await arm(application, **fault)
    assert looks_like(await application.refresh(tokens["refresh_token"]), fault)
    renewed = (await application.refresh(tokens["refresh_token"])).json()
    assert await application.works(renewed)
    assert await outcomes(application, tokens["refresh_token"]) == ["spoiled", "granted"]


@pytest.mark.parametrize("fault", SPOILT, ids=str)
async def test_after_the_effect_the_token_is_spent(application: Application, fault: dict[str, object]) -> None:
    tokens = await rotating(application)
    await arm(application, after=True, **fault)
    assert looks_like(await application.refresh(tokens["refresh_token"]), fault)
    assert await outcomes(application, tokens["refresh_token"]) == ["granted"]
    assert not (await application.refresh(tokens["refresh_token"])).json().get("access_token")
    assert await outcomes(application, tokens["refresh_token"]) == ["granted", "spent"]
    assert not await application.works(tokens)


async def test_a_hanging_provider_answers_nobody(
    application: Application, stage: Stage, sandbox: RunningSandbox
) -> None:
    tokens = await rotating(application)
    for after, told in ((False, ["spoiled"]), (True, ["spoiled", "granted"])):
        await arm(application, hang=True, after=after)
        async with httpx.AsyncClient(base_url=sandbox.url, verify=stage.trust, timeout=0.3, trust_env=False) as client:
            with pytest.raises(httpx.ReadTimeout):
                await Application(client, application.provider).refresh(tokens["refresh_token"])
        assert await outcomes(application, tokens["refresh_token"]) == told


async def test_a_reply_that_comes_too_late_was_an_effect(application: Application) -> None:
    tokens = await rotating(application)
    await arm(application, delay=0.05, after=True)
    began = time.perf_counter()
    renewed = (await application.refresh(tokens["refresh_token"])).json()
    assert time.perf_counter() - began >= 0.05
    assert await application.works(renewed)


async def test_a_connection_that_breaks_off_was_an_effect(application: Application) -> None:
    tokens = await rotating(application)
    await arm(application, truncate=True)
    with pytest.raises(httpx.RemoteProtocolError):
        await application.refresh(tokens["refresh_token"])
    assert await outcomes(application, tokens["refresh_token"]) == ["granted"]


async def test_too_many_is_said_in_the_vendors_words(application: Application) -> None:
    tokens = await application.connect()
    await arm(application, status=429, retry_after=11)
    answer = await application.refresh(tokens["refresh_token"])
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "11")
    if application.provider == "slack":
        assert answer.json() == {"ok": False, "error": "ratelimited"}
    else:
        name = {"gong": "ErrorResponse", "hubspot": "OAuthError"}[application.provider]
        specification(application.provider).check(answer.json(), name)


async def test_a_fault_of_one_provider_leaves_the_others_alone(client: httpx.AsyncClient) -> None:
    await arm(Application(client, "hubspot"), status=503)
    for provider in ("gong", "slack"):
        other = Application(client, provider)
        tokens = await other.connect()
        assert (await other.refresh(tokens["refresh_token"])).is_success


@pytest.mark.parametrize(
    "fault",
    [
        {"after": True},
        {"after": True, "truncate": True},
        {"hang": True, "html": True},
        {"redirect": "elsewhere"},
        {"body": "{}", "status": 500},
    ],
)
async def test_a_senseless_fault_is_refused(client: httpx.AsyncClient, fault: dict[str, object]) -> None:
    order = {"provider": "gong"} | fault
    assert (await client.post("/_faults", json=order, headers=admin())).status_code == 400


async def test_the_query_chooses_a_request_as_its_body_does(client: httpx.AsyncClient) -> None:
    gong = Application(client, "gong")
    tokens = await gong.connect()
    await arm(gong, status=503)
    query = {"grant_type": "refresh_token", "refresh_token": str(tokens["refresh_token"])}
    auth = httpx.BasicAuth("callmine-gong", "client-secret-of-gong")
    assert (await client.post(TOKEN["gong"], params=query, auth=auth)).status_code == 503
    assert await outcomes(gong, tokens["refresh_token"]) == ["spoiled"]
    assert (await client.post(TOKEN["gong"], params=query, auth=auth)).status_code == 200
