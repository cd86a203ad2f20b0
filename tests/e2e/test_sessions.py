"""Who is let in: each of the five services checks the session itself, on its page and on its API."""

from __future__ import annotations

import base64
import json

import httpx
import pytest

from contracts.registry import SERVICES
from local.journey import Json, admin_of, mint
from local.stack import Stack

ADMIN: Json = {"user": "user_harborline01", "organization": "org_harborline01"}
MEMBER: Json = {"user": "user_harborline02", "organization": "org_harborline01"}

PAGE = {
    "ingest": "/settings/members",
    "analysis": "/dashboard",
    "credential-vault": "/settings/integrations",
    "audit": "/audit",
    "retention": "/settings/billing",
}
API = {
    "ingest": "/api/v1/members",
    "analysis": "/api/v1/runs",
    "credential-vault": "/api/v1/integrations",
    "audit": "/api/v1/audit",
    "retention": "/api/v1/plan",
}

# How a token departs from a good one.
BAD: dict[str, Json] = {
    "expired": {"lifetime": -60},  # well beyond what clocks may differ by
    "signed with a stranger's key": {"wrong_key": True},
    "of another issuer": {"issuer": "https://clerk.elsewhere.example"},
    "made for another application": {"azp": "https://elsewhere.example"},
    "of a sign-in that is not finished": {"sts": "pending"},
}


async def _api(stack: Stack, service: str, token: str | None) -> httpx.Response:
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    return await stack.client.get(stack.url + API[service], headers=headers)


async def _page(stack: Stack, service: str, token: str | None) -> httpx.Response:
    headers = {"accept": "text/html"} | ({"cookie": f"__session={token}"} if token else {})
    return await stack.client.get(stack.url + PAGE[service], headers=headers)


async def _assert_not_let_in(stack: Stack, token: str | None) -> None:
    for service in SERVICES:
        program = await _api(stack, service, token)
        assert program.status_code == 401, (service, program.text)
        assert program.headers["content-type"] == "application/problem+json"
        assert program.headers["www-authenticate"] == "Bearer"
        assert program.json()["status"] == 401
        person = await _page(stack, service, token)
        assert person.status_code == 401, service
        assert f'href="{stack.url}/sandbox/clerk/sign-in?redirect_url=' in person.text
        assert "Sign in to Callmine" in person.text


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_session_is_a_401_everywhere(stack: Stack, how: str) -> None:
    await _assert_not_let_in(stack, await mint(stack, ADMIN | BAD[how]))


async def test_no_session_and_no_token_at_all_is_a_401_everywhere(stack: Stack) -> None:
    await _assert_not_let_in(stack, None)
    await _assert_not_let_in(stack, "not.a.token")


async def test_an_unsigned_session_is_a_401_everywhere(stack: Stack) -> None:
    _, claims, signature = (await mint(stack, ADMIN)).split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    await _assert_not_let_in(stack, f"{header}.{claims}.")
    await _assert_not_let_in(stack, f"{header}.{claims}.{signature}")


@pytest.mark.parametrize("version", [1, 2])
async def test_both_versions_of_clerks_claims_are_understood_everywhere(stack: Stack, version: int) -> None:
    token = await mint(stack, ADMIN | {"version": version})
    for service in SERVICES:
        assert (await _page(stack, service, token)).status_code == 200, service
        assert (await _api(stack, service, token)).status_code == 200, service


async def test_somebody_in_no_workspace_is_told_so_everywhere(stack: Stack) -> None:
    token = await mint(stack, {"user": "user_northlight01"})
    for service in SERVICES:
        answer = await _api(stack, service, token)
        assert answer.status_code == 403, service
        assert answer.json()["type"].endswith("no-workspace")
        assert "workspace" in (await _page(stack, service, token)).text


@pytest.mark.parametrize("service", ["credential-vault", "audit"])
async def test_a_member_is_kept_out_of_what_is_for_admins(stack: Stack, service: str) -> None:
    token = await mint(stack, MEMBER)
    assert (await _api(stack, service, token)).status_code == 403
    refused = await _page(stack, service, token)
    assert refused.status_code == 403
    assert "Only admins" in refused.text
    dashboard = await _page(stack, "analysis", token)
    assert f'href="{PAGE[service]}"' not in dashboard.text
    assert dashboard.text.count('aria-disabled="true"') == 2


ELSEWHERE: tuple[dict[str, str], ...] = (
    {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"},
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {},
)


@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_another_sites_form_changes_nothing(stack: Stack, origin: dict[str, str]) -> None:
    cookie = {"cookie": f"__session={await mint(stack, ADMIN)}", "accept": "text/html"}
    never = "01890a5d-ac96-774b-bcce-b302099a8057"
    for path in (
        "/runs",
        "/previews",
        f"/runs/{never}/cancel",
        f"/reports/{never}/export",
        "/settings/integrations/gong",
        "/settings/integrations/gong/disconnect",
    ):
        answer = await stack.client.post(stack.url + path, headers=cookie | origin, data={"brief": "x"})
        assert answer.status_code == 403, (path, answer.status_code)
        assert "another site" in answer.text


async def test_ones_own_form_is_taken(stack: Stack) -> None:
    cookie = {"cookie": f"__session={await mint(stack, ADMIN)}", "accept": "text/html"}
    for origin in ({"origin": stack.url}, {"sec-fetch-site": "same-origin"}):
        never = "/runs/01890a5d-ac96-774b-bcce-b302099a8057/cancel"
        answer = await stack.client.post(stack.url + never, headers=cookie | origin)
        assert answer.status_code == 404


async def test_the_front_door_does_not_lead_to_what_is_internal(stack: Stack) -> None:
    token = await admin_of(stack, "harborline").token()
    for path in ("/events/retention.workspaces", "/operator/drain", "/readyz", "/healthz"):
        answer = await stack.client.get(stack.url + path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 404, path
