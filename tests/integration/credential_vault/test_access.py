"""Who may open the page and the API: real tokens, checked against the keys that Clerk publishes."""

from __future__ import annotations

import base64
import json

import httpx

from integration.credential_vault.gong_key import API, PAGE, form
from local.sandbox.clerk.keys import SigningKey, new_key
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from local.sandbox.clerk.tokens import TokenOptions
from testkit.outside import ADMIN, MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import every_row

REQUESTS = [
    ("GET", PAGE),
    ("POST", f"{PAGE}/gong"),
    ("POST", f"{PAGE}/gong/disconnect"),
    ("GET", API),
    ("POST", f"{API}/gong"),
    ("DELETE", f"{API}/gong"),
]


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def bad_tokens(outside: Outside) -> dict[str, str | None]:
    good = outside.token()
    impostor = SigningKey(new_key().private, outside.clerk_key().key_id)
    return {
        "none at all": None,
        "expired": outside.token(options=TokenOptions(lifetime=-60)),
        "signed by a stranger under Clerk's key id": outside.token(key=impostor),
        "signed by a stranger": outside.token(key=new_key()),
        "for another site": outside.token(origin="https://evil.example"),
        "unsigned": unsigned(good),
        "with its signature cut off": good.rpartition(".")[0] + ".",
        "altered": good.replace(good.split(".")[1][:8], "eyJhZG1p"),
        "garbage": "garbage",
        "not finished": outside.token(options=TokenOptions(status="pending")),
    }


async def send(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    if path.startswith(API):
        return await client.request(method, path, json=form() if method == "POST" else None)
    return await client.request(method, path, data=form() if method == "POST" else None)


async def test_without_a_good_session_everything_is_401(vault: Service, outside: Outside, postgres_url: str) -> None:
    untouched = await every_row(postgres_url, vault.dsns)
    for name, token in bad_tokens(outside).items():
        async with vault.browser(token) as browser, vault.program(token) as client:
            for method, path in REQUESTS:
                assert (await send(browser, method, path)).status_code == 401, (name, path)
                assert (await send(client, method, path)).status_code == 401, (name, path)
    assert await every_row(postgres_url, vault.dsns) == untouched


async def test_a_member_is_403_where_an_admin_is_let_in(vault: Service, outside: Outside, postgres_url: str) -> None:
    untouched = await every_row(postgres_url, vault.dsns)
    for version in (1, 2):
        token = outside.token(MEMBER, options=TokenOptions(version=version))
        async with vault.browser(token) as browser, vault.program(token) as client:
            for method, path in REQUESTS:
                assert (await send(browser, method, path)).status_code == 403, path
                assert (await send(client, method, path)).status_code == 403, path
    assert await every_row(postgres_url, vault.dsns) == untouched
    async with vault.program(outside.token(ADMIN, options=TokenOptions(version=1))) as client:
        for method, path in REQUESTS:
            assert (await send(client, method, path)).status_code not in {401, 403}, path


async def test_an_admin_elsewhere_is_a_member_here(vault: Service, outside: Outside) -> None:
    """The role counts in the workspace that is active."""
    async with vault.program(outside.token(OTHER_ADMIN, HARBORLINE)) as client:
        assert (await client.get(API)).status_code == 403
    async with vault.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as client:
        assert (await client.get(API)).status_code == 200


async def test_another_sites_form_changes_nothing(vault: Service, outside: Outside, postgres_url: str) -> None:
    untouched = await every_row(postgres_url, vault.dsns)
    async with vault.browser(outside.token()) as browser:
        for site in ("cross-site", "same-site"):
            answer = await browser.post(f"{PAGE}/gong", data=form(), headers={"sec-fetch-site": site})
            assert answer.status_code == 403
    assert await every_row(postgres_url, vault.dsns) == untouched


async def test_the_pages_of_a_signed_out_person_lead_to_the_sign_in(vault: Service, outside: Outside) -> None:
    async with vault.browser() as browser:
        answer = await browser.get(PAGE)
    assert answer.status_code == 401
    assert f"{outside.issuer}/sign-in?redirect_url=" in answer.text
