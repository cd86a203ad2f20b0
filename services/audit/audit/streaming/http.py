"""`/audit/streaming` and `/api/v1/audit/streaming`: where the log is sent. `/api/v1/audit/stream`: the log, to be pulled. For admins.

Only a person says where the log goes: a key that could would read the log by it, whatever its scopes are.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field, JsonValue

from audit.http.inputs import Admin
from audit.streaming.address import LONGEST
from audit.streaming.setup import Setup
from audit.streaming.stream import MOST_ENTRIES, Attempt, Stream
from core.errors import CallmineError, InvalidInput
from web import Pages, Scope, Session, needs, people_only
from web.routes import new_router

PAGE = "/audit/streaming"
API = "/api/v1/audit/streaming"

# Of one answer to a pull: entries, and bytes of JSON unless a single entry has more.
MOST_PULLED: Final = 500
LARGEST_PULLED: Final = 1024 * 1024

# What PostgreSQL's bigint holds, and what a log never has.
_HIGHEST = 2**62

Version = Annotated[int, Field(ge=0, le=_HIGHEST)]
FormVersion = Annotated[int, Form(ge=0, le=_HIGHEST)]


class AttemptView(BaseModel):
    """How a request to the endpoint ended. `status` is 0 where there was no answer; the answer's body is not kept."""

    delivered: bool
    status: int
    reason: str
    milliseconds: int


class StreamView(BaseModel):
    """The stream. `next_position` is the first that was not delivered, `behind` how many of the log's there are from it on."""

    url: str = ""
    state: str = "off"
    version: int = 0
    next_position: int = 0
    behind: int = 0
    attempts: int = 0
    failing_since: datetime | None = None
    next_attempt_at: datetime | None = None
    waiting_for_secret: bool = False
    delivered_at: datetime | None = None
    last_status: int | None = None
    last_reason: str = ""


class NewStream(BaseModel):
    """Where the log is sent. `version` is that of the stream as it was read, 0 where there is none.

    With `everything` a new stream begins with all that is in the log, otherwise with what comes.
    """

    url: str = Field(max_length=LONGEST, json_schema_extra={"examples": ["https://siem.example.com/callmine"]})
    version: Version = 0
    everything: bool = False


class SeenStream(BaseModel):
    """The version of the stream as it was read."""

    version: Version


class PulledView(BaseModel):
    """Entries in the log's own order, which has no gap. `cursor` asks for what comes after them; `more`: there is something already."""

    entries: list[dict[str, JsonValue]]
    cursor: str
    more: bool


def streaming_router(setup: Setup) -> APIRouter:
    """The routes."""
    routes = new_router()
    _add_pages(routes, _Shower(setup, Pages("audit")))
    _add_api(routes, setup)
    _add_pull(routes, setup)
    return routes


class _Shower:
    """The page, with what was done or went wrong."""

    def __init__(self, setup: Setup, pages: Pages) -> None:
        self.setup = setup
        self._pages = pages

    async def page(
        self,
        request: Request,
        session: Session,
        *,
        problem: CallmineError | None = None,
        tested: Attempt | None = None,
        url: str | None = None,
    ) -> Response:
        """The page as it is now; `url` is what was in the form."""
        shown = await self.setup.shown(session.workspace_id)
        return self._pages.render(
            request,
            "streaming.html",
            session,
            status_code=problem.status if problem else 200,
            stream=shown.stream,
            denied=shown.denied,
            problem=problem,
            tested=tested,
            url=url if url is not None else shown.stream.url if shown.stream else "",
            longest=LONGEST,
        )

    async def after(
        self, request: Request, session: Session, change: Awaitable[object], url: str | None = None
    ) -> Response:
        """Make a change, then the page anew; what was wrong with it is shown there."""
        try:
            await change
        except CallmineError as error:
            return await self.page(request, session, problem=error, url=url)
        return RedirectResponse(PAGE, status_code=303)


def _add_pages(routes: APIRouter, shower: _Shower) -> None:
    setup = shower.setup

    @routes.get(PAGE, include_in_schema=False)
    async def page(request: Request, session: Admin) -> Response:
        return await shower.page(request, session)

    @routes.post(PAGE, include_in_schema=False)
    async def save(
        request: Request,
        session: Admin,
        url: Annotated[str, Form(max_length=4 * LONGEST)] = "",
        version: FormVersion = 0,
        everything: Annotated[bool, Form()] = False,
    ) -> Response:
        wanted = setup.set(session.workspace_id, url, version, session.actor, everything=everything)
        return await shower.after(request, session, wanted, url)

    @routes.post(f"{PAGE}/pause", include_in_schema=False)
    async def pause(request: Request, session: Admin, version: FormVersion) -> Response:
        return await shower.after(request, session, setup.pause(session.workspace_id, version, session.actor))

    @routes.post(f"{PAGE}/resume", include_in_schema=False)
    async def resume(request: Request, session: Admin, version: FormVersion) -> Response:
        return await shower.after(request, session, setup.resume(session.workspace_id, version, session.actor))

    @routes.post(f"{PAGE}/remove", include_in_schema=False)
    async def remove(request: Request, session: Admin, version: FormVersion) -> Response:
        return await shower.after(request, session, setup.remove(session.workspace_id, version, session.actor))

    @routes.post(f"{PAGE}/test", include_in_schema=False)
    async def test(request: Request, session: Admin) -> Response:
        try:
            tested = await setup.test(session.workspace_id)
        except CallmineError as error:
            return await shower.page(request, session, problem=error)
        return await shower.page(request, session, tested=tested)


def _add_api(routes: APIRouter, setup: Setup) -> None:
    only_people = [people_only()]

    @routes.get(API, dependencies=[needs(Scope.AUDIT_READ)])
    async def read_audit_stream(session: Admin) -> StreamView:
        """Where the log is sent, and how that goes; `state` is off, and `version` 0, while nobody has said where to."""
        return _view((await setup.shown(session.workspace_id)).stream)

    @routes.put(API, dependencies=only_people, responses={409: {}})
    async def set_audit_stream(session: Admin, new: NewStream) -> StreamView:
        """Send the log to an address of yours, or to another one. Audited, with its host."""
        return _view(
            await setup.set(session.workspace_id, new.url, new.version, session.actor, everything=new.everything)
        )

    @routes.delete(API, status_code=204, dependencies=only_people, responses={404: {}, 409: {}})
    async def remove_audit_stream(session: Admin, version: Annotated[int, Query(ge=0, le=_HIGHEST)]) -> None:
        """Send the log nowhere any more, and forget how far it had come. Audited."""
        await setup.remove(session.workspace_id, version, session.actor)

    @routes.post(f"{API}/pause", dependencies=only_people, responses={404: {}, 409: {}})
    async def pause_audit_stream(session: Admin, seen: SeenStream) -> StreamView:
        """Send nothing more until it is resumed. Audited."""
        return _view(await setup.pause(session.workspace_id, seen.version, session.actor))

    @routes.post(f"{API}/resume", dependencies=only_people, responses={404: {}, 409: {}})
    async def resume_audit_stream(session: Admin, seen: SeenStream) -> StreamView:
        """Go on where it stopped, paused or given up: nothing is left out. Audited."""
        return _view(await setup.resume(session.workspace_id, seen.version, session.actor))

    @routes.post(f"{API}/test", dependencies=only_people, responses={404: {}, 409: {}})
    async def test_audit_stream(session: Admin) -> AttemptView:
        """Send a test event now, once, and say how that ended."""
        ended = await setup.test(session.workspace_id)
        return AttemptView(
            delivered=ended.delivered, status=ended.status, reason=ended.reason, milliseconds=ended.milliseconds
        )


def _add_pull(routes: APIRouter, setup: Setup) -> None:
    @routes.get("/api/v1/audit/stream", dependencies=[needs(Scope.AUDIT_READ)])
    async def pull_audit_stream(
        session: Admin,
        cursor: Annotated[str, Query(max_length=20)] = "",
        size: Annotated[int, Query(ge=1, le=MOST_PULLED)] = MOST_ENTRIES,
    ) -> PulledView:
        """The log in its own order, from a cursor on; without one from the beginning.

        The same cursor gives the same entries, whenever it is asked.
        """
        batch, whole = await setup.pulled(session.workspace_id, _position(cursor), size, LARGEST_PULLED)
        entries = [json.loads(item) for item in batch.items]
        return PulledView(entries=entries, cursor=str(batch.end), more=batch.end < whole)


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdecimal()) or int(cursor) > _HIGHEST:
        raise InvalidInput("The cursor is not one of ours: start again without one.")
    return int(cursor)


def _view(stream: Stream | None) -> StreamView:
    if stream is None:
        return StreamView()
    return StreamView(
        url=stream.url,
        state=stream.state,
        version=stream.version,
        next_position=stream.next_index,
        behind=stream.behind,
        attempts=stream.attempts,
        failing_since=stream.failing_since,
        next_attempt_at=stream.due_at if stream.attempts and stream.state == "active" else None,
        waiting_for_secret=stream.waiting,
        delivered_at=stream.delivered_at,
        last_status=stream.last.status if stream.last else None,
        last_reason=stream.last.reason if stream.last else "",
    )
