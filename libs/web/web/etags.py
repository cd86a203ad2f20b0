"""Entity tags (RFC 9110, 8.8.3): what has not changed is not sent again, and what has changed is not overwritten unseen.

Each JSON answer of the API to a GET carries a strong tag of its body. `If-None-Match` with it gets 304. A change or removal that says
`If-Match` is refused with 412 where the thing is another one by now: routes ask `check_match` with what a GET would answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Permanent

API = "/api/v1/"


class Changed(Permanent):
    """The thing is not what `If-Match` says any more."""

    status = 412
    problem = "precondition-failed"
    title = "This has changed since you read it"


def etag_of(body: bytes) -> str:
    """The strong tag of a body."""
    return f'"{base64.urlsafe_b64encode(hashlib.sha256(body).digest())[:32].decode()}"'


def check_match(request: Request, document: object) -> bool:
    """Whether the request says `If-Match`. Raises Changed where a GET, which would answer `document`, gives another tag."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return False
    # As Starlette's and FastAPI's JSONResponse write it.
    body = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=None, separators=(",", ":")).encode()
    if wanted.strip() != "*" and etag_of(body) not in _tags(wanted):
        raise Changed(
            "It has changed since you read it. Nothing was done: read it again, and repeat the change if you still want it."
        )
    return True


def _tags(header: str) -> Sequence[str]:
    """Weak tags never match strongly (RFC 9110, 8.8.3.2): they stay as they are, with their W/."""
    return [tag.strip() for tag in header.split(",")]


class EntityTags:
    """Adds the tag to answers of the API, and leaves out a body that the asker has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        wanted = [tag.removeprefix("W/") for tag in _tags(Headers(scope=scope).get("if-none-match", ""))]
        started: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and _is_document(message):
                started = message
                return
            if started is not None:
                start, started = started, None
                message = _finished(start, message, wanted)
                await send(start)
            await send(message)

        await self._app(scope, receive, tagged)


def _is_document(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type") == "application/json"


def _finished(start: Message, message: Message, wanted: Sequence[str]) -> Message:
    """Tag an answer that comes in one piece, and empty it where its tag is among `wanted`; what is sent piece by piece passes as it is."""
    if message.get("more_body"):
        return message
    tag, headers = etag_of(message.get("body", b"")), MutableHeaders(scope=start)
    headers["etag"] = tag
    if tag in wanted or "*" in wanted:
        start["status"] = 304
        del headers["content-length"], headers["content-type"]
        return {**message, "body": b""}
    return message
