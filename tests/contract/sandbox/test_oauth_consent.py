"""The consent page of each provider: what it asks, where it leads, what it never leads to."""

from __future__ import annotations

import re

import httpx
import pytest

from contract.sandbox.oauth_client import AUTHORIZE, CHALLENGE, SCOPES, SEPARATORS, Application, led_back
from contract.sandbox.stage import OAUTH_CALLBACKS, PROVIDERS


@pytest.fixture(params=PROVIDERS)
def application(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> Application:
    """Callmine with each provider in turn."""
    return Application(client, request.param)


async def test_the_page_asks_for_account_and_scopes(application: Application) -> None:
    page = await application.ask()
    assert page.status_code == 200
    accounts = re.findall(r'name="account" value="([a-z]+)"', page.text)
    assert accounts == ["harborline", "quillstone"]
    assert tuple(re.findall(r'name="scope" value="([^"]+)" checked', page.text)) == SCOPES[application.provider]
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://app.callmine.example;" in policy
    assert "default-src 'none'" in policy


async def test_the_style_sheet_lies_where_the_page_says(application: Application) -> None:
    page = await application.ask()
    found = re.search(r'rel="stylesheet" href="([^"]+)"', page.text)
    assert found
    sheet = await application.http.get(str(page.url.copy_with(query=None).join(found[1])))
    assert sheet.headers["content-type"].startswith("text/css")
    assert "fieldset" in sheet.text


async def test_allow_leads_back_with_a_code_and_the_state(application: Application) -> None:
    answer = await application.decide()
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{application.callback}?")
    assert led_back(answer).keys() == {"code", "state"}
    assert led_back(answer)["state"] == "a state & more"


async def test_cancel_leads_back_with_access_denied(application: Application) -> None:
    answer = await application.decide("cancel")
    assert led_back(answer)["error"] == "access_denied"
    assert led_back(answer)["state"] == "a state & more"
    assert "code" not in led_back(answer)


async def test_fewer_scopes_are_granted_when_fewer_are_ticked(application: Application) -> None:
    kept = SCOPES[application.provider][:1]
    answer = await application.exchange(led_back(await application.decide(scopes=[*kept, "admin"]))["code"])
    granted = answer.json().get("scopes") or answer.json()["scope"].split(SEPARATORS[application.provider])
    assert tuple(granted) == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody"},
        {"client_id": ""},
        {"redirect_uri": "https://elsewhere.example/oauth"},
        {"redirect_uri": ""},
        {"redirect_uri": "{callback}/"},
        {"redirect_uri": "{callback}?x=1"},
        {"state": "x" * 2_001},
    ],
)
async def test_nobody_is_led_to_an_address_that_is_not_registered(
    application: Application, changes: dict[str, str]
) -> None:
    changed = {name: value.format(callback=application.callback) for name, value in changes.items()}
    for answer in (await application.ask(**changed), await application.decide(**changed)):
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "elsewhere.example" not in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "Everything!"}, "invalid_scope"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
    ],
)
async def test_a_faulty_request_is_told_to_the_application(
    application: Application, changes: dict[str, str], error: str
) -> None:
    answer = await application.ask(**changes)
    assert answer.status_code == 303
    assert led_back(answer)["error"] == error
    assert led_back(answer)["state"] == "a state & more"


async def test_gong_wants_to_be_told_the_response_type(client: httpx.AsyncClient) -> None:
    assert led_back(await Application(client, "gong").ask(response_type=""))["error"] == "unsupported_response_type"
    assert (await Application(client, "slack").ask(response_type="")).status_code == 200


async def test_a_decision_without_account_or_scope_is_none(application: Application) -> None:
    for answer in (await application.decide(account="nobody"), await application.decide(scopes=[])):
        assert answer.status_code == 422
        assert "location" not in answer.headers


async def test_a_decision_from_another_site_is_none(application: Application) -> None:
    form = {"decision": "allow", "account": "harborline", "scope": list(SCOPES[application.provider])}
    path, query = AUTHORIZE[application.provider], application.question()
    for origin, status in (
        ("https://elsewhere.example", 403),
        ("null", 403),
        ("http://127.0.0.1:8080", 303),
        (str(application.http.base_url).rstrip("/"), 303),
    ):
        answer = await application.http.post(path, params=query, data=form, headers={"origin": origin})
        assert answer.status_code == status, origin


async def test_what_is_asked_is_shown_as_text(application: Application) -> None:
    page = await application.ask(scope='chat:write"><script>')
    assert led_back(page)["error"] == "invalid_scope"
    page = await application.ask(state='"><script>alert(1)</script>')
    assert "<script" not in page.text


async def test_a_second_registered_address_is_good_too(application: Application) -> None:
    second = f"{OAUTH_CALLBACKS[application.provider]}/2"
    answer = await application.decide(redirect_uri=second)
    assert answer.headers["location"].startswith(f"{second}?")
