"""What wraps every request: its context and access line, the security headers, the limit on its size."""

from __future__ import annotations

import re
import secrets

from msgspec import Struct
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import core.log
from core.clock import Clock
from core.context import current, working_for
from core.ids import uuid7
from telemetry import Kind, Span, span
from telemetry.instruments import HTTP_REQUEST_SECONDS
from web import problems
from web.access import WORKSPACE_IN_SCOPE
from web.health import HEALTH_PATHS
from web.state import web_of

CORRELATION_HEADER = "x-correlation-id"

_CORRELATION = re.compile(r"[A-Za-z0-9_-]{8,64}")

# A message has a trace of its own, which the consumer goes on with.
_MESSAGES = "/events/"

# RFC 9111, 5.2.2: `no-store` forbids every cache, `private` the shared ones that honour nothing else.
_NOBODY_KEEPS = "private, no-store"
_TOLD_APART_BY = "Accept, Authorization, Cookie, HX-Request"

_log = core.log.logger("web.access")


class _Answer(Struct):
    """What was sent so far."""

    status: int = 0


class Observed:
    """Sets the request's context, writes one access line, and answers what nobody caught."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        correlation_id = _matching(_CORRELATION, headers.get(CORRELATION_HEADER)) or str(uuid7())
        # A caller's own traceparent is not read: it would decide for us what is recorded, and put requests of strangers into one trace.
        begins = scope["path"] not in HEALTH_PATHS and not scope["path"].startswith(_MESSAGES)
        with (
            working_for(workspace_id="", correlation_id=correlation_id, traceparent=_new_traceparent()),
            span("request", Kind.SERVER, root=begins, method=scope["method"]) as made,
        ):
            await self._serve(scope, receive, send, made)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        started, sent, correlation_id = self._clock.monotonic(), _Answer(), current().correlation_id

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[CORRELATION_HEADER] = correlation_id
                if web_of(HTTPConnection(scope)).stopping.is_set():
                    headers["connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception as error:
            _log.error("request failed unexpectedly", error=error)
            if sent.status:
                raise  # too late for another answer: the server breaks the connection off
            request = Request(scope)
            await problems.answer(request, problems.unexpected())(scope, receive, observed)
        finally:
            self._record(scope, sent.status, started, span)

    def _record(self, scope: Scope, status: int, started: float, span: Span) -> None:
        if scope["path"] in HEALTH_PATHS and status == 200:
            return
        seconds, route, workspace_id = (
            self._clock.monotonic() - started,
            _route(scope),
            scope.get(WORKSPACE_IN_SCOPE, ""),
        )
        HTTP_REQUEST_SECONDS.record(seconds, status=f"{status // 100}xx")
        span.rename(f"{scope['method']} {route}")
        span.note(route=route, status=status, workspace_id=workspace_id)
        if status >= 500 or not status:
            span.fail(str(status))
        with working_for(workspace_id=workspace_id):
            _log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000))


def _route(scope: Scope) -> str:
    """The route's template: the path itself holds ids, and for what matched no route, anything."""
    return str(getattr(scope.get("route"), "path", "(none)"))


def _matching(pattern: re.Pattern[str], text: str | None) -> str:
    return text if text and pattern.fullmatch(text) else ""


def _new_traceparent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


class SecurityHeaders:
    """Adds the security headers.

    An answer that says nothing of caches is somebody's own: no cache may keep it, and one that does all the same must tell the people,
    and the forms of an answer, apart. A route that sets Cache-Control (assets) answers everybody alike.
    """

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if "cache-control" not in headers:
                    headers["cache-control"] = _NOBODY_KEEPS
                    headers["vary"] = _TOLD_APART_BY
            await send(message)

        await self._app(scope, receive, secured if scope["type"] == "http" else send)


class BodyLimit:
    """Refuses bodies longer than `largest` bytes, announced or not."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._largest:
            await problems.answer(Request(scope), problems.http_problem(413))(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._largest:
                raise HTTPException(413)
            return message

        await self._app(scope, limited, send)
