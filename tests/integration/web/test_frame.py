"""What wraps every request: context, headers, limits, health, assets, pages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from unit.web.issuer import settings

from core.errors import Transient
from integration.web.conftest import visiting
from integration.web.noticeboard import build
from web import ServiceSettings
from web.clerk import ClerkSessions
from web.problems import unexpected


async def test_a_correlation_id_is_kept_or_made(program: httpx.AsyncClient) -> None:
    given = await program.get("/notices/1", headers={"x-correlation-id": "abcdef-123456"})
    assert given.headers["x-correlation-id"] == given.json()["correlation"] == "abcdef-123456"
    for bad in ("x", "a" * 65, "a\tb-c-d-e-f-g", "<script>alert(1)"):
        made = await program.get("/notices/1", headers={"x-correlation-id": bad})
        assert re.fullmatch(r"[0-9a-f-]{36}", made.headers["x-correlation-id"])


@pytest.mark.parametrize(
    "path", ["/report", "/notices/404", "/nowhere", "/wrong/bug", "/healthz", "/assets/noticeboard/x"]
)
async def test_every_answer_has_the_security_headers(browser: httpx.AsyncClient, path: str) -> None:
    headers = (await browser.get(path)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["form-action"] == "'self' https://checkout.stripe.com"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "private, no-store"
    assert headers["vary"] == "Accept, Authorization, Cookie, HX-Request"
    assert headers["strict-transport-security"].startswith("max-age=31536000")


async def test_clerks_script_is_allowed_only_where_it_is_configured(sessions: ClerkSessions) -> None:
    script = "https://npm.clerk.example/clerk.js"
    app = build(settings(clerk_script_url=script, clerk_publishable_key="pk_test_1"), sessions)
    async with visiting(app, accept="text/html") as client:
        answer = await client.get("/notices/1")
    origins = "'self' https://clerk.callmine.example https://npm.clerk.example"
    assert f"script-src {origins};" in answer.headers["content-security-policy"]
    assert f'src="{script}"' in answer.text
    assert 'data-clerk-publishable-key="pk_test_1"' in answer.text


async def test_no_transport_security_on_loopback(local_settings: ServiceSettings, sessions: ClerkSessions) -> None:
    async with visiting(build(local_settings, sessions)) as client:
        assert "strict-transport-security" not in (await client.get("/healthz")).headers


async def test_long_bodies_are_refused_whether_announced_or_not(program: httpx.AsyncClient) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"a" * 65536

    for content in (b"a" * (1024 * 1024 + 1), unannounced()):
        answer = await program.post("/notices", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert answer.json()["title"] == "That is too large"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await program.post("/form", content=unannounced(), headers=form)).status_code == 413
    odd = await program.post("/notices", content=b"x", headers={"content-length": "-1"})
    assert odd.status_code == 413
    assert (await program.post("/form", data={"words": "a" * 1000})).json() == {"length": 1000}


async def test_readiness_follows_what_the_service_needs(sessions: ClerkSessions) -> None:
    down = True

    async def ready() -> None:
        if down:
            raise Transient("the database is away")

    async with visiting(build(settings(), sessions, ready=ready)) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        down = False
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "loop_lag_ms": {"last": 0.0, "worst": 0.0}}


async def test_there_are_no_generated_documents(visitor: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await visitor.get(path)).status_code == 404


async def test_fastapis_own_telemetry_is_off(sessions: ClerkSessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    telemetry = build(settings(), sessions)._telemetry
    kinds = ("auto_configure", "tracing", "metrics", "logs", "operation_spans")
    assert {kind: telemetry.get(kind) for kind in kinds} == dict.fromkeys(kinds, False)


async def test_assets_are_cached_for_good_under_their_hash(
    visitor: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    page = (await browser.get("/report")).raise_for_status().text
    addresses = re.findall(r'"(/assets/noticeboard/[^"]+)"', page)
    assert len(addresses) == 4
    for address in addresses:
        answer = await visitor.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        again = await visitor.get(address, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    plain = await visitor.get("/assets/noticeboard/chart.css")
    assert (plain.text, plain.headers["cache-control"]) == ("svg{}", "no-cache")
    assert plain.headers["content-type"].startswith("text/css")
    for path in ("/assets/noticeboard/../app.py", "/assets/noticeboard/%2e%2e%2fapp.py", "/assets/audit/callmine.css"):
        assert (await visitor.get(path)).status_code == 404


async def test_a_page_has_the_shared_frame_and_escapes_what_it_shows(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/report", params={"words": "<script>alert(1)</script>"})).text
    assert '<p id="whose">harborline</p>' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Price &lt;b&gt;" in page
    assert '<time datetime="2026-03-14T09:05:00Z">14 Mar 2026, 09:05 UTC</time>' in page
    assert '<rect class="bar-fill" width="50.00%"' in page
    assert 'href="/audit"' in page
    for inline in (" style=", "<style", "onclick=", "javascript:", "<script>"):
        assert inline not in page


async def test_members_see_the_audit_log_greyed_out(program: httpx.AsyncClient) -> None:
    page = (await program.get("/report")).text
    assert 'href="/audit"' not in page
    assert re.search(r'aria-disabled="true"[^>]*>Audit log', page)


async def test_a_value_that_was_not_given_is_an_error_not_a_blank(app: FastAPI) -> None:
    async with visiting(app) as client:
        answer = await client.get("/unfinished")
    assert answer.status_code == 500
    assert answer.json()["detail"] == unexpected().detail
