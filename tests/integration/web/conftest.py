"""A small service of its own, as `create_app` makes it, checked with real tokens."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from unit.web.issuer import ISSUER, PARTY, Issuer, settings

from core.clock import SystemClock
from integration.web.noticeboard import build, templates
from web import ServiceSettings
from web.clerk import ClerkSessions
from web.keys import SigningKeys


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def sessions(issuer: Issuer) -> ClerkSessions:
    async def fetch() -> object:
        return issuer.jwks()

    return ClerkSessions(SigningKeys(fetch, SystemClock()), ISSUER, (PARTY,))


@pytest.fixture(scope="session", autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An importable package `noticeboard_pages` with pages of its own."""
    root = tmp_path_factory.mktemp("packages")
    templates(root / "noticeboard_pages")
    sys.path.insert(0, str(root))
    yield
    sys.path.remove(str(root))


Serving = Callable[..., "httpx.AsyncClient"]


@pytest.fixture
def app(sessions: ClerkSessions) -> FastAPI:
    return build(settings(), sessions)


@asynccontextmanager
async def visiting(app: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=PARTY, headers=headers) as client:
        yield client


@pytest.fixture
async def visitor(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody in particular."""
    async with visiting(app) as client:
        yield client


@pytest.fixture
async def browser(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """An admin's browser: the session in a cookie, pages asked for as browsers do."""
    async with visiting(app, accept="text/html,application/xhtml+xml,*/*;q=0.8") as client:
        client.cookies.set("__session", issuer.token())
        yield client


@pytest.fixture
async def program(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """A member's program: the session in a header."""
    token = issuer.token(o={"id": "org_2abc", "slg": "harborline", "rol": "member"})
    async with visiting(app, accept="application/json", authorization=f"Bearer {token}") as client:
        yield client


@pytest.fixture
def local_settings(tmp_path: Path) -> ServiceSettings:
    return settings(public_url="http://127.0.0.1:8000")
