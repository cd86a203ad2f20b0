"""What a workspace's admins see of our staff: who looked in, when, why and at what; and the way to end it.

/audit/staff-access                               the grants, newest first
/audit/staff-access/<id>                          one grant, statement by statement
/audit/staff-access/<id>/end                      ends it now
/api/v1/audit/staff-access                        the same by program
/api/v1/audit/staff-access/<id>/statements
"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from msgspec import Struct
from pydantic import BaseModel

from audit.http.inputs import LARGEST_PAGE, Admin
from audit.staff.access import Access, Count, State, Statement
from audit.staff.desk import Desk
from audit.store.reading import zone_of
from core.ids import parse_uuid
from web import Pages, Scope, needs
from web.routes import new_router

PAGE = "/audit/staff-access"
PAGE_SIZE = 25

Before = Annotated[str, Query(max_length=40)]
Size = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]


class ReadView(BaseModel):
    """How often something was read under a grant, and how many rows were shown in all."""

    reads: str
    asked: int
    rows: int


class AccessView(BaseModel):
    """A grant of staff access as a client reads it. `state`: asked, lapsed (never opened anything), open, ended or expired.

    `closed_at` is when it stopped opening anything, or will; null for one that was never approved. `ended_by_staff` is false where an admin
    of the workspace ended it, whose user id `ended_by` then is.
    """

    id: str
    state: State
    staff: str
    service: str
    reason: str
    ticket: str
    minutes: int
    asked_at: str
    approver: str | None
    approved_at: str | None
    closed_at: str | None
    ended_by: str | None
    ended_by_staff: bool | None
    reads: list[ReadView]


class AccessPageView(BaseModel):
    """A page of grants, newest first. `next` goes into `before` for the page after; null on the last."""

    grants: list[AccessView]
    next: str | None


class StatementView(BaseModel):
    """One statement: what it read, and what came of it: shown, withheld, failed, or null where it broke off and showed nothing."""

    id: str
    asked_at: str
    staff: str
    question: str
    reads: str
    about: str
    outcome: str | None
    rows: int


class StatementsView(BaseModel):
    """A page of statements, newest first. `next` goes into `before` for the page after; null on the last."""

    statements: list[StatementView]
    next: str | None


def staff_router(desk: Desk) -> APIRouter:
    """The routes."""
    router = new_router()
    _add_pages(router, _StaffPages(desk, Pages("audit")))
    _add_api(router, desk)
    return router


class _StaffPages(Struct, frozen=True):
    """The pages, as they are now."""

    desk: Desk
    pages: Pages

    async def grants(self, request: Request, session: Admin, before: str) -> Response:
        page = await self.desk.page(session.workspace_id, _place(before), PAGE_SIZE)
        return self.pages.render(
            request,
            "staff_access.html",
            session,
            found=[(access, page.counts.get(access.id, [])) for access in page.found],
            next=page.next or "",
            first=not before,
            ended=request.query_params.get("done") == "ended",
            zone=await self._zone(session),
        )

    async def one(self, request: Request, session: Admin, grant_id: str, before: str) -> Response:
        found = await self.desk.one(session.workspace_id, parse_uuid(grant_id, "grant"), _place(before), PAGE_SIZE)
        access, statements, following = found
        return self.pages.render(
            request,
            "staff_statements.html",
            session,
            access=access,
            statements=statements,
            next=following or "",
            first=not before,
            zone=await self._zone(session),
        )

    async def _zone(self, session: Admin) -> object:
        async with self.desk.db.workspace(session.workspace_id) as tx:
            return await zone_of(tx)


def _add_pages(router: APIRouter, shown: _StaffPages) -> None:
    @router.get(PAGE, include_in_schema=False)
    async def grants(request: Request, session: Admin, before: Before = "") -> Response:
        return await shown.grants(request, session, before)

    @router.get(f"{PAGE}/{{grant_id}}", include_in_schema=False)
    async def statements(request: Request, session: Admin, grant_id: str, before: Before = "") -> Response:
        return await shown.one(request, session, grant_id, before)

    @router.post(f"{PAGE}/{{grant_id}}/end", include_in_schema=False)
    async def end_staff_access(session: Admin, grant_id: str) -> Response:
        await shown.desk.end(session.workspace_id, parse_uuid(grant_id, "grant"), session.user_id, by_staff=False)
        return RedirectResponse(f"{PAGE}?done=ended", status_code=303)


def _add_api(router: APIRouter, desk: Desk) -> None:
    @router.get("/api/v1/audit/staff-access", dependencies=[needs(Scope.AUDIT_READ)])
    async def list_staff_access(session: Admin, before: Before = "", size: Size = PAGE_SIZE) -> AccessPageView:
        """A page of the times that our own staff asked to look into the workspace, newest first, with what was read each time."""
        page = await desk.page(session.workspace_id, _place(before), size)
        grants = [_view(access, page.counts.get(access.id, [])) for access in page.found]
        return AccessPageView(grants=grants, next=str(page.next) if page.next else None)

    @router.get("/api/v1/audit/staff-access/{grant_id}/statements", dependencies=[needs(Scope.AUDIT_READ)])
    async def list_staff_statements(
        session: Admin, grant_id: str, before: Before = "", size: Size = PAGE_SIZE
    ) -> StatementsView:
        """A page of the statements that somebody of our staff ran under a grant, newest first."""
        found = await desk.one(session.workspace_id, parse_uuid(grant_id, "grant"), _place(before), size)
        _, statements, following = found
        views = [_statement_view(one) for one in statements]
        return StatementsView(statements=views, next=str(following) if following else None)


def _place(before: str) -> uuid.UUID | None:
    return parse_uuid(before, "before") if before else None


def _view(access: Access, counts: list[Count]) -> AccessView:
    terms, approved, ended, closed_at = access.terms, access.approved, access.ended, access.closed_at
    return AccessView(
        id=str(access.id),
        state=access.state,
        staff=terms.staff,
        service=terms.service,
        reason=terms.reason.value,
        ticket=terms.ticket,
        minutes=terms.minutes,
        asked_at=access.asked_at.isoformat(),
        approver=approved.by if approved else None,
        approved_at=approved.at.isoformat() if approved else None,
        closed_at=closed_at.isoformat() if closed_at else None,
        ended_by=ended.by if ended else None,
        ended_by_staff=ended.by_staff if ended else None,
        reads=[ReadView(reads=one.reads, asked=one.asked, rows=one.rows) for one in counts],
    )


def _statement_view(one: Statement) -> StatementView:
    return StatementView(
        id=str(one.id),
        asked_at=one.asked_at.isoformat(),
        staff=one.staff,
        question=one.question,
        reads=one.reads,
        about=one.about,
        outcome=one.outcome,
        rows=one.rows,
    )
