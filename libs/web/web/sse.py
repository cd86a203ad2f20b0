"""Server-sent events: an answer that goes on, and everything that ends it.

    async def events(self, request: Request, session: Member, run_id: str) -> EventStream:
        return EventStream(request, session, self._following(run_id))

HTML Living Standard, 9.2, https://html.spec.whatwg.org/multipage/server-sent-events.html. A client goes on from the id of the last event
that it has heard (`Last-Event-ID`); what that means is the feed's business.

A stream begins with an event `begin`, so that a page can tell a proxy that holds events back from a thing that does not change, and says
something every `heartbeat` seconds. It holds one event at most: the next one is asked for when the one before has been sent, so that a
client which reads slowly hears less often, and costs no more. It ends, whatever the client does:

- when the feed has no more; a client that knows so already is answered 204, which tells a browser not to connect again;
- when the client goes away, or takes nothing for `stalled` seconds;
- when the session ends or the person is removed: the route's own check is made again every `recheck` seconds;
- after `longest` seconds: platforms cut long answers off, and a client then goes on elsewhere;
- when the process is told to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Protocol

from fastapi import Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from msgspec import Struct
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import CallmineError
from web.access import member
from web.session import Session
from web.state import web_of

MEDIA_TYPE = "text/event-stream"

# The session of a request, checked as the route checks it.
_signed_in = asynccontextmanager(member)

# What is left to say at the end fits into any buffer, unless the client takes nothing at all.
_GOODBYE_SECONDS = 1.0


class StreamLimits(Struct, frozen=True):
    """All in seconds.

    `heartbeat`: proxies and load balancers close a connection on which nothing was said for a while, many after 60.
    `longest`: Cloud Run ends a request after 300 unless it is set otherwise, https://cloud.google.com/run/docs/configuring/request-timeout.
    `retry`: how long a browser waits before it connects again. `recheck`: how soon a removed member hears no more.
    """

    heartbeat: float = 15.0
    longest: float = 290.0
    retry: float = 2.0
    recheck: float = 5.0
    stalled: float = 30.0


class Feed(Protocol):
    """Where the events of one client come from."""

    @property
    def exhausted(self) -> bool:
        """Whether the client has heard everything, and there will be no more."""
        ...

    async def next(self) -> bytes | None:
        """The next event as `format_sse_event` writes it, once there is one; None when there are no more.

        Cancelled while it waits, it loses nothing.
        """
        ...


class EventStream(Response):
    """An answer that goes on for as long as `feed` has events. What opening the feed raises is answered like any other error."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        request: Request,
        session: Session,
        feed: AbstractAsyncContextManager[Feed],
        limits: StreamLimits | None = None,
    ) -> None:
        """`session` is the request's, as `member` or `admin` gave it; `feed` is open for as long as the stream is."""
        self._request = request
        self._whose = (session.workspace_id, session.user_id)
        self._feed = feed
        self._limits = limits or StreamLimits()
        self.status_code = 200
        self.background = None
        # nginx, and proxies that follow it, hold nothing back then. https://nginx.org/en/docs/http/ngx_http_proxy_module.html
        self.init_headers({"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until something ends it."""
        async with self._feed as feed:
            if feed.exhausted:
                await Response(status_code=204)(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._write(
                send, format_sse_event(event="begin", data_str="{}", retry=round(self._limits.retry * 1000))
            )
            await _first_of(
                partial(self._tell, feed, send),
                partial(_gone, receive),
                self._refused,
                partial(asyncio.sleep, self._limits.longest),
                web_of(self._request).stopping.wait,
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, feed: Feed, send: Send) -> None:
        """Until the feed has no more, or the client takes nothing."""
        while True:
            event: bytes | None = KEEPALIVE_COMMENT
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.heartbeat):
                    event = await feed.next()
            if event is None:
                return
            try:
                await self._write(send, event)
            except TimeoutError:
                return

    async def _write(self, send: Send, event: bytes) -> None:
        async with asyncio.timeout(self._limits.stalled):
            await send({"type": "http.response.body", "body": event, "more_body": True})

    async def _refused(self) -> None:
        """Until the person would not be let in any more, or nobody can tell."""
        while True:
            await asyncio.sleep(self._limits.recheck)
            try:
                async with _signed_in(self._request) as session:
                    if (session.workspace_id, session.user_id) != self._whose:
                        return
            except CallmineError:
                return


async def _gone(receive: Receive) -> None:
    """Until the client is."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _first_of(*works: Callable[[], Awaitable[object]]) -> None:
    """Run all until the first one ends, in the order given; the others are cancelled then. Raises what one of them raises."""
    try:
        async with asyncio.TaskGroup() as group:

            async def until(work: Callable[[], Awaitable[object]]) -> None:
                await work()
                for task in tasks:
                    task.cancel()

            tasks = [group.create_task(until(work), name="web.sse") for work in works]
    except* Exception as errors:  # noqa: BLE001 - raised again, by itself
        raise errors.exceptions[0] from None
