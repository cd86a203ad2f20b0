"""The pages and API of workspaces and members (read only; changes are made in Clerk). `webhooks.router` has the webhooks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from database import Database
from ingest.domain.members import Membership
from ingest.store import webhooks, workspaces
from web import Pages, Session, admin, member

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


def router(db: Database) -> APIRouter:
    """All routes of the pages and the API."""
    routes = APIRouter()
    _add_pages(routes, db)
    return routes


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
            noticed = await webhooks.noticed_calls(tx)
        return pages.render(
            request,
            "workspace.html",
            session,
            workspace=workspace,
            integrations=connected,
            member_count=count,
            noticed=noticed,
        )

    @routes.get("/api/v1/members")
    async def members_api(session: Member) -> MembersView:
        return MembersView(members=[_view(each) for each in await members_of(session)])


def _view(member: Membership) -> MemberView:
    return MemberView(user_id=member.user_id, email=member.email, role=member.role)
