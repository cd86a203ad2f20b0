"""The API `/api/v1/audit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from audit.domain.entry import Entry
from audit.domain.reading import Mark
from audit.http.inputs import LARGEST_PAGE, PAGE_SIZE, Admin, Asking, Cursor
from audit.reader import Reader
from audit.store.reading import MOST_COUNTED
from web import Scope, needs
from web.routes import new_router


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
    """An entry as a client reads it. `recorded_at` is when it came into the log, mostly within a second of `occurred_at`."""

    id: str
    type: str
    occurred_at: str
    recorded_at: str
    actor: ActorView
    source: str
    target: dict[str, str]
    diff: dict[str, Diff]


class PageView(BaseModel):
    """A page, and the cursor of the next one; null on the last. `mark`, on the first page, is what /api/v1/audit/new is asked with."""

    entries: list[EntryView]
    next_cursor: str | None
    mark: str | None


class NewsView(BaseModel):
    """How many entries have come in since the mark; `more` when there are more than that."""

    entries: int
    more: bool


class ApiRoutes:
    """Reading the log by program."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def router(self) -> APIRouter:
        """The routes."""
        router = new_router(prefix="/api/v1/audit")
        router.add_api_route("", self.listing, methods=["GET"], dependencies=[needs(Scope.AUDIT_READ)])
        router.add_api_route("/new", self.news, methods=["GET"], dependencies=[needs(Scope.AUDIT_READ)])
        return router

    async def listing(
        self,
        session: Admin,
        filters: Asking,
        cursor: Cursor = "",
        size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE_SIZE,
    ) -> PageView:
        """A page of the entries that the filters ask for, newest first."""
        page, mark, names = await self._reader.listed(session.workspace_id, filters, cursor, size)
        return PageView(
            entries=[view(entry, names) for entry in page.entries],
            next_cursor=page.next.cursor() if page.next else None,
            mark=str(mark) if mark else None,
        )

    async def news(self, session: Admin, filters: Asking, mark: Annotated[str, Query(max_length=60)]) -> NewsView:
        """How many entries have come in since `mark`, wherever their places are."""
        found = await self._reader.news(session.workspace_id, filters, Mark.parse(mark))
        return NewsView(entries=min(found, MOST_COUNTED - 1), more=found >= MOST_COUNTED)


def view(entry: Entry, names: Mapping[tuple[str, str], str]) -> EntryView:
    """The entry as a client reads it; the target's name is there where it is known."""
    target = {"kind": entry.target_kind, "id": entry.target_id}
    if name := names.get((entry.target_kind, entry.target_id)):
        target["name"] = name
    return EntryView(
        id=str(entry.id),
        type=entry.type,
        occurred_at=entry.occurred_at.isoformat(),
        recorded_at=entry.recorded_at.isoformat() if entry.recorded_at else "",
        actor=ActorView(kind=entry.actor_kind, id=entry.actor_id, email=entry.actor_email),
        source=entry.source,
        target=target,
        diff={change.field: Diff(before=change.before, after=change.after) for change in entry.diff},
    )
