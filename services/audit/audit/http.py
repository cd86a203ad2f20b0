"""The page `/audit` and the API `/api/v1/audit`. For admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from audit import store
from audit.domain import Entry, EntryType, Page, Position
from database import Database
from web import Pages, Scope, Session, admin, needs

PAGE_SIZE = 50
LARGEST_PAGE = 200

Admin = Annotated[Session, Depends(admin)]
Cursor = Annotated[str, Query(max_length=200)]
Kind = Annotated[str, Query(alias="type", max_length=40)]


class Diff(BaseModel):
    """The two sides of a changed field; null where the field was, or is, not there."""

    before: str | None
    after: str | None


class ActorView(BaseModel):
    """Who did it."""

    kind: str
    id: str
    email: str


class EntryView(BaseModel):
    """An entry as a client reads it."""

    id: str
    type: str
    occurred_at: str
    actor: ActorView
    source: str
    target: dict[str, str]
    diff: dict[str, Diff]


class PageView(BaseModel):
    """A page, and the cursor of the next one; null on the last."""

    entries: list[EntryView]
    next_cursor: str | None


def router(db: Database) -> APIRouter:
    """The routes."""
    pages = Pages("audit")
    routes = APIRouter()

    async def page_of(session: Session, cursor: str, kind: str, size: int) -> Page:
        after, chosen = Position.parse(cursor), EntryType.parse(kind) if kind else None
        async with db.workspace(session.workspace_id) as tx:
            return await store.page(tx, after, size, chosen)

    @routes.get("/audit")
    async def log(request: Request, session: Admin, cursor: Cursor = "", kind: Kind = "") -> Response:
        page = await page_of(session, cursor, kind, PAGE_SIZE)
        next_cursor = page.next.cursor() if page.next else ""
        return pages.render(
            request,
            "audit.html",
            session,
            entries=page.entries,
            next_cursor=next_cursor,
            first=not cursor,
            kind=kind,
            kinds=list(EntryType),
        )

    @routes.get("/api/v1/audit", dependencies=[needs(Scope.AUDIT_READ)])
    async def listing(
        session: Admin,
        cursor: Cursor = "",
        kind: Kind = "",
        size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE,
    ) -> PageView:
        """A page of the audit log, newest first."""
        page = await page_of(session, cursor, kind, size)
        return PageView(
            entries=[_view(entry) for entry in page.entries], next_cursor=page.next.cursor() if page.next else None
        )

    return routes


def _view(entry: Entry) -> EntryView:
    return EntryView(
        id=str(entry.id),
        type=entry.type,
        occurred_at=entry.occurred_at.isoformat(),
        actor=ActorView(kind=entry.actor_kind, id=entry.actor_id, email=entry.actor_email),
        source=entry.source,
        target={"kind": entry.target_kind, "id": entry.target_id},
        diff={change.field: Diff(before=change.before, after=change.after) for change in entry.diff},
    )
