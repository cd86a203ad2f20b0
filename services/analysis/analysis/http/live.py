"""A run as it goes on, as server-sent events: for the run's page and for programs.

id: v1-5c1c…                       the state's version; a client goes on from the last one that it has (Last-Event-ID, or ?after=)
event: run
data: {"state": "running", …}      the whole state; on the page's route with the part of the page that shows it, as `html`

id: v1-5c1c….end
event: end                         that state was the last one; whoever comes back with this id is answered 204
data: {"state": "completed", …}
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import format_sse_event
from msgspec import Struct

from analysis.domain.live import Snapshot
from analysis.domain.request import RunId
from analysis.handlers.live import LiveRuns, Watch
from analysis.http.frame import Frame
from analysis.http.paths import id_in_path
from analysis.http.run_words import shown_of
from web import Scope, Session, member, needs
from web.routes import new_router
from web.sse import EventStream, Feed, StreamLimits

Member = Annotated[Session, Depends(member)]

# A version with its mark has 39 characters.
LastEvent = Annotated[str, Header(alias="last-event-id", max_length=100)]
# For clients that cannot set a header; a browser that connects again by itself sends the header, which is newer.
After = Annotated[str, Query(max_length=100)]

# For the API's description.
EVENTS: dict[int | str, dict[str, object]] = {
    200: {"description": "Server-sent events until the run is over"},
    204: {"description": "The client has heard everything, and there will be no more"},
    429: {},
}

Wording = Callable[[Snapshot], Mapping[str, object]]


class _RunFeed(Struct, frozen=True):
    """The events of one client. `more`: what is added to a state."""

    watch: Watch
    more: Wording

    @property
    def exhausted(self) -> bool:
        """Whether the client knows that the run is over."""
        return self.watch.exhausted

    async def next(self) -> bytes | None:
        """The next event."""
        told = await self.watch.next()
        if told is None:
            return None
        data: dict[str, object] = {"version": told.snapshot.version, **told.snapshot.document}
        if not told.last:
            data |= self.more(told.snapshot)
        return format_sse_event(
            event="end" if told.last else "run", id=told.id, data_str=json.dumps(data, ensure_ascii=False)
        )


class LiveRoutes:
    """The two routes."""

    def __init__(self, live: LiveRuns, frame: Frame, limits: StreamLimits | None = None) -> None:
        self._live = live
        self._frame = frame
        self._limits = limits

    def router(self) -> APIRouter:
        """Both routes."""
        router = new_router()
        router.add_api_route("/runs/{run_id}/events", self.page_events, methods=["GET"], include_in_schema=False)
        router.add_api_route(
            "/api/v1/runs/{run_id}/events",
            self.events,
            methods=["GET"],
            status_code=200,
            response_class=EventStream,
            responses=EVENTS,
            dependencies=[needs(Scope.RUNS_READ)],
        )
        return router

    async def events(
        self, request: Request, session: Member, run_id: str, last_event_id: LastEvent = "", after: After = ""
    ) -> EventStream:
        """The states of a run after the given one, from the present one on."""
        feed = self._following(session, RunId(id_in_path(run_id, "run")), last_event_id or after, lambda _: {})
        return EventStream(request, session, feed, self._limits)

    async def page_events(
        self, request: Request, session: Member, run_id: str, last_event_id: LastEvent = "", after: After = ""
    ) -> EventStream:
        """The same, each state with its part of the page."""
        found = RunId(id_in_path(run_id, "run"))
        zone = (await self._frame.desk.surroundings(session.workspace_id)).zone
        titles = self._frame.desk.offer.titles

        def drawn(snapshot: Snapshot) -> Mapping[str, object]:
            shown = shown_of(snapshot, titles)
            return {"html": self._frame.text(request, "run_part.html", session, zone=zone, **shown)}

        feed = self._following(session, found, last_event_id or after, drawn)
        return EventStream(request, session, feed, self._limits)

    @asynccontextmanager
    async def _following(self, session: Session, run_id: RunId, told: str, more: Wording) -> AsyncIterator[Feed]:
        async with self._live.watch(session.workspace_id, session.user_id, run_id, told) as watch:
            yield _RunFeed(watch, more)
