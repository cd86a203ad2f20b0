"""Connecting as a person does it on one machine: the consent page in the browser, the tokens over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from contract.sandbox.oauth_client import AUTHORIZE, Application, led_back
from contract.sandbox.stage import PROVIDERS, Stage
from local.front_door import SANDBOX_PAGES, PathMap, application
from local.sandbox.server import RunningSandbox

ORIGIN = "http://127.0.0.1:8080"


@pytest.fixture
async def browser(stage: Stage, sandbox: RunningSandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the front door, which passes the sandbox's pages on."""
    pages = dict.fromkeys(SANDBOX_PAGES, sandbox.url)
    paths = PathMap.of({"prefixes": {}, "default": "none"}, {"none": sandbox.url}, pages)
    app = application(paths, stage.folder / "ca.pem", strip="/sandbox")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client,
    ):
        yield client


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_person_agrees_at_the_front_door(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, provider: str
) -> None:
    application = Application(client, provider)
    path, query = f"/sandbox{AUTHORIZE[provider]}", application.question()
    page = await browser.get(path, params=query)
    assert page.status_code == 200
    assert (await browser.get(f"{path}/sheet.css")).status_code == 200
    form = {"decision": "allow", "account": "quillstone", "scope": _ticked(page.text)}
    answer = await browser.post(path, params=query, data=form, headers={"origin": ORIGIN})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{application.callback}?code=")
    tokens = (await application.exchange(led_back(answer)["code"])).json()
    assert await application.works(tokens)


def _ticked(page: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split('name="scope" value="')[1:]]
