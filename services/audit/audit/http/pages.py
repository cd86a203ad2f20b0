"""The page `/audit`, and the part of it that says how much is new."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from audit.domain import wording
from audit.domain.entry import Entry
from audit.domain.reading import Filters, Mark
from audit.http.inputs import PAGE_SIZE, Admin, Asking, Cursor
from audit.reader import Reader, Shown
from audit.store.reading import MOST_COUNTED
from web import Pages
from web.routes import new_router

# Entries that came in later than this after they happened say so.
_LATE = timedelta(minutes=5)


class PageRoutes:
    """The log for people."""

    def __init__(self, reader: Reader, pages: Pages) -> None:
        self._reader = reader
        self._pages = pages

    def router(self) -> APIRouter:
        """The routes."""
        router = new_router(include_in_schema=False)
        router.add_api_route("/audit", self.log, methods=["GET"])
        router.add_api_route("/audit/new", self.news, methods=["GET"])
        return router

    async def log(self, request: Request, session: Admin, filters: Asking, cursor: Cursor = "") -> Response:
        """A page of the log."""
        shown = await self._reader.shown(session.workspace_id, filters, cursor, PAGE_SIZE)
        next_page = shown.page.next
        return self._pages.render(
            request,
            "audit.html",
            session,
            rows=[_row(entry, shown) for entry in shown.page.entries],
            filters=filters,
            chosen=_chosen(filters, shown),
            older=filters.query(cursor=next_page.cursor()) if next_page else "",
            first=not cursor,
            mark=str(shown.mark) if shown.mark else "",
            zone=shown.zone,
            actors=shown.actors,
            types=wording.TYPES,
            sources=wording.SOURCES,
        )

    async def news(
        self, request: Request, session: Admin, filters: Asking, mark: Annotated[str, Query(max_length=60)]
    ) -> Response:
        """How many entries have come in since the page was shown: the part that the page asks for by itself."""
        found = await self._reader.news(session.workspace_id, filters, Mark.parse(mark))
        return self._pages.render(
            request, "news.html", session, new=found, most=MOST_COUNTED, filters=filters, mark=mark
        )


def _row(entry: Entry, shown: Shown) -> dict[str, object]:
    """What the template shows of an entry."""
    recorded = entry.recorded_at or entry.occurred_at
    return {
        "entry": entry,
        "actor": wording.actor_words(entry),
        "line": wording.line(entry, shown.names),
        "type": wording.TYPES[entry.type],
        "target": wording.target_words(entry, shown.names),
        "late": recorded - entry.occurred_at > _LATE,
        "changes": [
            (
                wording.field_words(one.field),
                None if one.before is None else wording.value_words(one.before),
                None if one.after is None else wording.value_words(one.after),
            )
            for one in entry.diff
        ],
    }


def _chosen(filters: Filters, shown: Shown) -> list[tuple[str, str]]:
    """The filters in words, each with the address of the page without it."""
    names = dict(shown.actors)
    told = [
        ("type", wording.TYPES[filters.type] if filters.type else ""),
        ("actor", f"by {names.get(filters.actor, filters.actor)}" if filters.actor else ""),
        ("source", f"from {wording.SOURCES[filters.source]}" if filters.source else ""),
        ("target", f"about {filters.target}" if filters.target else ""),
        ("text", f"with “{filters.text}”" if filters.text else ""),
        ("first_day", f"since {filters.first_day:%-d %b %Y}" if filters.first_day else ""),
        ("last_day", f"until {filters.last_day:%-d %b %Y}" if filters.last_day else ""),
    ]
    return [(words, f"/audit{filters.without(name).query()}") for name, words in told if words]
