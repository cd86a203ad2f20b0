"""Who gets in: sessions, roles, and requests made by other sites."""

from __future__ import annotations

import time

import httpx
import pytest
from fastapi import FastAPI
from unit.web.issuer import PARTY, Issuer

from integration.web.conftest import visiting
from web.session import Role

MEMBER = {"id": "org_2abc", "slg": "harborline", "rol": Role.MEMBER.value}


async def test_a_session_opens_its_own_workspace_by_cookie_and_by_header(
    browser: httpx.AsyncClient, program: httpx.AsyncClient
) -> None:
    for client in (browser, program):
        answer = await client.get("/notices/1")
        assert answer.status_code == 200
        assert answer.json()["workspace"] == answer.json()["context"] == "org_2abc"


async def test_without_a_session_a_program_is_told_so(visitor: httpx.AsyncClient, issuer: Issuer) -> None:
    for headers in (
        {},
        {"authorization": "Basic eDp5"},
        {"authorization": f"Bearer {issuer.token(exp=time.time() - 60)}"},
    ):
        answer = await visitor.get("/notices/1", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["title"] == "Please sign in"


async def test_without_a_session_a_browser_is_offered_to_sign_in_and_come_back(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/notices/1?from=a%26b", headers={"accept": "text/html"})
    assert answer.status_code == 401
    back = "https%3A%2F%2Fapp.callmine.example%2Fnotices%2F1%3Ffrom%3Da%2526b"
    assert f'href="https://accounts.callmine.example/sign-in?redirect_url={back}"' in answer.text


async def test_a_part_of_a_page_is_not_answered_with_a_sign_in_page(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/notices/1", headers={"accept": "text/html", "hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_header_is_not_replaced_by_a_cookie(browser: httpx.AsyncClient) -> None:
    for header in ("Bearer nonsense", "Bearer", "Basic eDp5"):
        answer = await browser.get("/notices/1", headers={"authorization": header})
        assert answer.status_code == 401


async def test_admin_pages_are_closed_to_members(browser: httpx.AsyncClient, program: httpx.AsyncClient) -> None:
    assert (await browser.get("/settings")).status_code == 200
    refused = await program.get("/settings")
    assert refused.status_code == 403
    assert "Only admins" in refused.json()["detail"]


async def test_without_a_workspace_there_is_a_reason(app: FastAPI, issuer: Issuer) -> None:
    async with visiting(app, authorization=f"Bearer {issuer.token(without=('o',))}") as client:
        answer = await client.get("/notices/1")
    assert answer.status_code == 403
    assert answer.json()["title"] == "Choose a workspace first"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": PARTY}, 200),
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": PARTY}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": PARTY + ".evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_a_cookie_changes_nothing_on_behalf_of_another_site(
    browser: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await browser.post("/notices", json={"text": "hello"}, headers=headers | {"accept": "application/json"})
    assert answer.status_code == status


async def test_reading_needs_no_origin_and_a_program_has_none(
    browser: httpx.AsyncClient, program: httpx.AsyncClient
) -> None:
    assert (await browser.get("/notices/1", headers={"sec-fetch-site": "cross-site"})).status_code == 200
    assert (await program.post("/notices", json={"text": "hello"})).status_code == 200
