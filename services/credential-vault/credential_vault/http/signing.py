"""The signing secret of the audit log's stream: `/settings/integrations/siem`, `/api/v1/integrations/siem`. For admins.

Removing it is the disconnection of an integration like any other (`http.integrations`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from core.errors import Conflict
from credential_vault.domain.credentials import State
from credential_vault.domain.signing import OVERLAP_SECONDS
from credential_vault.handlers.signing import Shown, Signing
from web import Pages, Scope, Session, admin, needs, people_only
from web.routes import new_router

PAGE = "/settings/integrations/siem"

# What PostgreSQL's bigint holds.
_HIGHEST = 2**63 - 2

Admin = Annotated[Session, Depends(admin)]
Version = Annotated[int, Field(ge=0, le=_HIGHEST)]


class SigningState(BaseModel):
    """What a client is told of the secret: never any part of it. `version` goes into the request for another one."""

    status: str
    version: int
    made_at: datetime | None
    last_used_at: datetime | None


class NewSecret(BaseModel):
    """The version of the secret that another one is to take the place of; 0 while there never was one."""

    version: Version = 0


class MadeSecret(SigningState):
    """The state, with the secret: this once, and never again."""

    secret: str


def router(signing: Signing) -> APIRouter:
    """The routes."""
    routes = new_router()
    _add_pages(routes, signing, Pages("credential_vault"))
    _add_api(routes, signing)
    return routes


def _add_pages(routes: APIRouter, signing: Signing, pages: Pages) -> None:
    async def shown(
        request: Request, session: Session, *, made: str = "", problem: str = "", status: int = 200
    ) -> Response:
        state = await signing.shown(session.workspace_id)
        return pages.render(
            request,
            "signing.html",
            session,
            status_code=status,
            state=state,
            present=state.item.state is State.CONNECTED,
            both_until=_both_until(state),
            made=made,
            problem=problem,
        )

    @routes.get(PAGE, include_in_schema=False)
    async def page(request: Request, session: Admin) -> Response:
        return await shown(request, session)

    @routes.post(PAGE, include_in_schema=False)
    async def make(request: Request, session: Admin, version: Annotated[int, Form(ge=0, le=_HIGHEST)] = 0) -> Response:
        try:
            made = await signing.make(session.workspace_id, version, session.actor)
        except Conflict as error:
            return await shown(request, session, problem=str(error), status=error.status)
        return await shown(request, session, made=made)


def _add_api(routes: APIRouter, signing: Signing) -> None:
    @routes.get("/api/v1/integrations/siem", dependencies=[needs(Scope.INTEGRATIONS_READ)])
    async def read_signing_secret(session: Admin) -> SigningState:
        """Whether there is a secret that signs the audit log's stream, and since when; not the secret."""
        return _view(await signing.shown(session.workspace_id))

    @routes.post("/api/v1/integrations/siem", status_code=201, dependencies=[people_only()], responses={409: {}})
    async def make_signing_secret(session: Admin, new: NewSecret) -> MadeSecret:
        """Make the secret, or another one in its place: both sign for a day. It is in this answer and nowhere else."""
        secret = await signing.make(session.workspace_id, new.version, session.actor)
        return MadeSecret(**_view(await signing.shown(session.workspace_id)).model_dump(), secret=secret)


def _view(state: Shown) -> SigningState:
    item = state.item
    return SigningState(status=item.state, version=state.version, made_at=item.connected_at, last_used_at=item.used_at)


def _both_until(state: Shown) -> datetime | None:
    """Until when the secret before signs as well, as far as the page can tell; a first one has none before it."""
    made_at = state.item.connected_at
    return made_at + timedelta(seconds=OVERLAP_SECONDS) if made_at and state.version > 1 else None
