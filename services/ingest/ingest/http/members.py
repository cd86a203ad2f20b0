"""`/settings/members`, `/api/v1/members`, `/api/v1/invitations`: everybody sees the members, admins change them and see who is invited."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from core.errors import CallmineError, InvalidInput, NotFound
from core.ids import parse_user_id
from database import Database
from ingest.domain.entries import LONGEST_EMAIL, valid_email
from ingest.domain.invitations import Invitation
from ingest.domain.members import Membership, Role
from ingest.handlers import Administering
from ingest.http.access import AdminSession, MemberSession, admin_of
from ingest.store import members, workspaces
from web import Pages, Scope, Session, idempotent, needs

PAGE = "/settings/members"

# A page of the list; an organisation of thousands is read page by page.
PAGE_SIZE = 50
LARGEST_PAGE = 200

# As Clerk makes them, orginv_ and base-62 text; no more is taken for granted than that they can be looked up.
_INVITATION_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")

# So many are shown; more at once than anybody has written by hand.
MOST_INVITATIONS = 100

_LONGEST_ID = 80

Change = Callable[[], Awaitable[None]]
Cursor = Annotated[str, Query(max_length=_LONGEST_ID)]


class MemberView(BaseModel):
    """A member as a client reads it."""

    user_id: str
    email: str
    role: str


class MembersView(BaseModel):
    """A page of the workspace's members, admins first. `next` is what to ask for as `after`; empty on the last page."""

    members: list[MemberView]
    next: str


class InvitationView(BaseModel):
    """An invitation that can still be accepted."""

    id: str
    email: str
    role: str
    invited_at: datetime
    expires_at: datetime | None


class InvitationsView(BaseModel):
    """The newest invitations that can still be accepted, at most 100."""

    invitations: list[InvitationView]


class NewInvitation(BaseModel):
    """Who is to be invited, and as what."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=LONGEST_EMAIL)
    role: Role = Role.MEMBER


class RoleChange(BaseModel):
    """The role somebody is to have."""

    model_config = ConfigDict(extra="forbid")

    role: Role


class Listed(Struct, frozen=True):
    """One page of members, and the cursor of the next."""

    members: list[Membership]
    next: str


class _Failed(Struct, frozen=True):
    """What could not be done, and what was filled in."""

    problem: str = ""
    email: str = ""
    role: Role = Role.MEMBER


class MembersPage(Struct, frozen=True):
    """The page, with what went wrong on the way to it."""

    pages: Pages
    db: Database

    async def listed(self, session: Session, after: str, size: int) -> Listed:
        """So many members after the one whose id is `after`. Raises InvalidInput for an id of nobody."""
        async with self.db.workspace(session.workspace_id) as tx:
            last = None
            if after:
                stored = await workspaces.read_member(tx, parse_user_id(after))
                if stored is None:
                    raise InvalidInput("This page of the list does not exist. Begin with the first one.")
                last = stored.membership
            found = await members.page(tx, last, size + 1)
        return Listed(found[:size], found[size - 1].user_id if len(found) > size else "")

    async def invited(self, session: Session) -> list[Invitation]:
        """The invitations that can still be accepted."""
        async with self.db.workspace(session.workspace_id) as tx:
            return await members.pending_invitations(tx, MOST_INVITATIONS)

    async def page(
        self,
        request: Request,
        session: Session,
        after: str = "",
        status: int = 200,
        failed: _Failed = _Failed(),  # noqa: B008 - frozen
    ) -> Response:
        """The page as it is now; invitations are the admins' own."""
        return self.pages.render(
            request,
            "members.html",
            session,
            status_code=status,
            listed=await self.listed(session, after, PAGE_SIZE),
            invitations=await self.invited(session) if session.is_admin else [],
            first=not after,
            failed=failed,
            done=request.query_params.get("done", "") if status == 200 else "",
        )

    async def after(
        self,
        request: Request,
        session: Session,
        done: str,
        change: Change,
        kept: _Failed = _Failed(),  # noqa: B008 - frozen
    ) -> Response:
        """Make `change`, then the page: anew, or with what went wrong and what was filled in."""
        try:
            await change()
        except CallmineError as error:
            failed = _Failed(str(error), kept.email, kept.role)
            return await self.page(request, session, status=error.status, failed=failed)
        return RedirectResponse(f"{PAGE}?done={done}", status_code=303)


def add_members(routes: APIRouter, db: Database, administering: Administering) -> None:
    """The routes."""
    shown = MembersPage(Pages("ingest"), db)
    _add_pages(routes, shown, administering)
    _add_reading(routes, shown)
    _add_changing(routes, administering)


def _add_pages(routes: APIRouter, shown: MembersPage, administering: Administering) -> None:
    @routes.get(PAGE)
    async def page(request: Request, session: MemberSession, after: Cursor = "") -> Response:
        return await shown.page(request, session, after)

    @routes.post(f"{PAGE}/invite")
    async def invite(
        request: Request,
        session: AdminSession,
        email: Annotated[str, Form(max_length=4 * LONGEST_EMAIL)] = "",
        role: Annotated[Role, Form()] = Role.MEMBER,
    ) -> Response:
        async def change() -> None:
            await administering.invite(admin_of(session), valid_email(email), role)

        return await shown.after(request, session, "invited", change, _Failed(email=email, role=role))

    @routes.post(f"{PAGE}/invitations/{{invitation_id}}/revoke")
    async def revoke(request: Request, session: AdminSession, invitation_id: str) -> Response:
        return await shown.after(
            request, session, "revoked", lambda: administering.revoke(admin_of(session), _invitation_id(invitation_id))
        )

    @routes.post(f"{PAGE}/{{user_id}}/role")
    async def change_role(
        request: Request, session: AdminSession, user_id: str, role: Annotated[Role, Form()]
    ) -> Response:
        async def change() -> None:
            await administering.change_role(admin_of(session), parse_user_id(user_id), role)

        return await shown.after(request, session, "role", change)

    @routes.post(f"{PAGE}/{{user_id}}/remove")
    async def remove(
        request: Request, session: AdminSession, user_id: str, confirmed: Annotated[bool, Form()] = False
    ) -> Response:
        async def change() -> None:
            await administering.remove(admin_of(session), parse_user_id(user_id), confirmed=confirmed)

        return await shown.after(request, session, "removed", change)


def _add_reading(routes: APIRouter, shown: MembersPage) -> None:
    @routes.get("/api/v1/members", dependencies=[needs(Scope.MEMBERS_READ)])
    async def list_members(
        session: MemberSession, after: Cursor = "", limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE
    ) -> MembersView:
        """A page of the members, admins first."""
        listed = await shown.listed(session, after, limit)
        return MembersView(members=[_member(each) for each in listed.members], next=listed.next)

    @routes.get("/api/v1/invitations", dependencies=[needs(Scope.MEMBERS_WRITE)])
    async def list_invitations(session: AdminSession) -> InvitationsView:
        """The newest invitations that can still be accepted."""
        return InvitationsView(invitations=[_invitation(each) for each in await shown.invited(session)])


def _add_changing(routes: APIRouter, administering: Administering) -> None:
    @routes.post("/api/v1/invitations", status_code=204, dependencies=[needs(Scope.MEMBERS_WRITE), Depends(idempotent)])
    async def invite(session: AdminSession, invitation: NewInvitation) -> None:
        """Invite somebody by e-mail."""
        await administering.invite(admin_of(session), valid_email(invitation.email), invitation.role)

    @routes.delete("/api/v1/invitations/{invitation_id}", status_code=204, dependencies=[needs(Scope.MEMBERS_WRITE)])
    async def revoke(session: AdminSession, invitation_id: str) -> None:
        """Make an invitation worthless."""
        await administering.revoke(admin_of(session), _invitation_id(invitation_id))

    @routes.put("/api/v1/members/{user_id}/role", status_code=204, dependencies=[needs(Scope.MEMBERS_WRITE)])
    async def change_role(session: AdminSession, user_id: str, change: RoleChange) -> None:
        """Make a member an admin, or an admin a member."""
        await administering.change_role(admin_of(session), parse_user_id(user_id), change.role)

    @routes.delete("/api/v1/members/{user_id}", status_code=204, dependencies=[needs(Scope.MEMBERS_WRITE)])
    async def remove(session: AdminSession, user_id: str, confirmed: bool = False) -> None:
        """Remove a member. `confirmed` has to be true for oneself."""
        await administering.remove(admin_of(session), parse_user_id(user_id), confirmed=confirmed)


def _invitation_id(text: str) -> str:
    """The id in a path. A malformed one names nothing: NotFound, as for any that does not exist."""
    if not _INVITATION_ID.fullmatch(text):
        raise NotFound("There is no such invitation.")
    return text


def _member(member: Membership) -> MemberView:
    return MemberView(user_id=member.user_id, email=member.email, role=member.role)


def _invitation(found: Invitation) -> InvitationView:
    return InvitationView(
        id=found.invitation_id,
        email=found.email,
        role=found.role,
        invited_at=found.invited_at,
        expires_at=found.expires_at,
    )
