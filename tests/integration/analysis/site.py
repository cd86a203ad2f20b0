"""Analysis' pages and API as a browser and a program see them, with signed sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from unit.web.issuer import ISSUER, PARTY, Issuer, settings

from analysis.handlers.live import LiveRuns
from analysis.http import routers
from core.clock import SystemClock
from core.ids import WorkspaceId
from integration.analysis.world import World
from runtime.idempotency import StoredRequests
from runtime.limits import StoredAllowances
from web import create_app
from web.clerk import ClerkSessions
from web.keys import SigningKeys
from web.limits import Rates, RequestLimits

_ISSUER = Issuer()


def sessions() -> ClerkSessions:
    """The check of sessions that `token` makes."""

    async def fetch() -> object:
        return _ISSUER.jwks()

    return ClerkSessions(SigningKeys(fetch, SystemClock()), ISSUER, (PARTY,))


def site(world: World, rates: Rates | None = None) -> FastAPI:
    """The app, without background work; programs may ask as often as `rates` says."""
    return create_app(
        service="analysis",
        settings=settings(),
        routers=routers(
            world.desk,
            world.schedules,
            world.exports,
            world.deliveries,
            LiveRuns(world.db, clock=world.clock),
            settings().public_url,
        ),
        sessions=sessions(),
        requests=StoredRequests(world.db),
        limits=RequestLimits(rates, StoredAllowances(world.db), world.clock) if rates else None,
    )


def token(workspace_id: WorkspaceId, role: str = "member", person: str = "user_2abc") -> str:
    """A session of somebody in the workspace."""
    organisation = {"id": workspace_id, "slg": "harborline", "rol": role}
    return _ISSUER.token(sub=person, o=organisation, email="maya@harborline.example")


@asynccontextmanager
async def program(app: FastAPI, workspace_id: WorkspaceId, role: str = "member") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    headers = {"authorization": f"Bearer {token(workspace_id, role)}", "accept": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PARTY, headers=headers) as client:
        yield client


@asynccontextmanager
async def browser(
    app: FastAPI, workspace_id: WorkspaceId, role: str = "member", person: str = "user_2abc"
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without JavaScript."""
    headers = {"accept": "text/html,*/*;q=0.8", "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PARTY, headers=headers) as client:
        client.cookies.set("__session", token(workspace_id, role, person))
        yield client
