"""Clerk's webhooks, and the pages and API of workspaces and members (read only; changes are made in Clerk)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from cloud.secrets import Secrets
from core.clock import Clock
from core.context import working_for
from core.ids import uuid7
from core.log import logger
from database import Database
from ingest.clerk import check_signature, read_webhook
from ingest.domain.members import Membership
from ingest.handlers import ClerkHandlers
from ingest.store import workspaces
from web import Pages, Session, admin, member

log = logger("ingest.http")

CLERK_SECRET = "clerk-webhook-secret"  # noqa: S105 - the name of the secret, not the secret

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]


class MemberView(BaseModel):
    """A member as a client reads it."""

    user_id: str
    email: str
    role: str


class MembersView(BaseModel):
    """All members of the workspace, admins first."""

    members: list[MemberView]


def router(db: Database, clerk: ClerkHandlers, secrets: Secrets, clock: Clock) -> APIRouter:
    """All routes of the service."""
    routes = APIRouter()
    _add_webhooks(routes, db, clerk, secrets, clock)
    _add_pages(routes, db)
    return routes


def _add_webhooks(routes: APIRouter, db: Database, clerk: ClerkHandlers, secrets: Secrets, clock: Clock) -> None:
    @routes.post("/webhooks/clerk", status_code=204)
    async def hear_clerk(request: Request) -> Response:
        """204 for what was taken, known already or means nothing here; 401 unsigned, 400 unreadable, 503 to be sent again."""
        body = await request.body()
        secret = (await secrets.read(CLERK_SECRET)).decode().strip()
        message_id = check_signature(secret, request.headers, body, clock)
        told = read_webhook(message_id, body)
        if told is not None:
            workspace_id = told.organisation.workspace_id
            with working_for(workspace_id, str(uuid7())):
                async with db.workspace(workspace_id) as tx:
                    await clerk.hear(tx, told)
                log.info("webhook heard", type=told.type)
        return Response(status_code=204)


def _add_pages(routes: APIRouter, db: Database) -> None:
    pages = Pages("ingest")

    async def members_of(session: Session) -> list[Membership]:
        async with db.workspace(session.workspace_id) as tx:
            return await workspaces.members(tx)

    @routes.get("/settings/members")
    async def members_page(request: Request, session: Member) -> Response:
        members = await members_of(session)
        return pages.render(request, "members.html", session, members=members)

    @routes.get("/settings/workspace")
    async def workspace_page(request: Request, session: Admin) -> Response:
        async with db.workspace(session.workspace_id) as tx:
            workspace = await workspaces.read_workspace(tx)
            connected = await workspaces.integrations(tx)
            count = len(await workspaces.members(tx))
        return pages.render(
            request, "workspace.html", session, workspace=workspace, integrations=connected, member_count=count
        )

    @routes.get("/api/v1/members")
    async def members_api(session: Member) -> MembersView:
        return MembersView(members=[_view(each) for each in await members_of(session)])


def _view(member: Membership) -> MemberView:
    return MemberView(user_id=member.user_id, email=member.email, role=member.role)
