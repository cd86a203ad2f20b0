"""`Idempotency-Key`: a request that makes something makes it once, however often it is sent.

    @router.post("/api/v1/runs")
    async def start(..., request_id: Annotated[uuid.UUID | None, Depends(idempotent)]) -> Response: ...

The first request with a key claims it and its answer is kept; the same request gets the same answer for 24 hours. While the first is under
way the second is told so (409), and the key with another request is refused (422). Only what succeeded is kept: after an error the request
may simply be sent again.

A process may die between the effect and keeping the answer. Then the claim runs out, the request is carried out anew, and `request_id`,
which follows from the key, is what makes that harmless: a use case gives the same thing for the same id, in the effect's own transaction.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from fastapi import Depends, Header, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import core.log
from core.errors import Conflict, InvalidInput, Permanent, Transient
from core.faultpoints import reach
from core.ids import WorkspaceId
from web.access import member
from web.claims import Kept, Known
from web.session import Session
from web.state import web_of

LONGEST_KEY = 255

# An answer that is longer is not kept: the same id then leads to the same thing all the same.
LARGEST_ANSWER = 256 * 1024

REPLAYED_HEADER = "idempotency-replayed"

_IN_SCOPE = "callmine.idempotency"
_KEPT_HEADERS = ("content-type", "content-disposition", "location")
_log = core.log.logger("web.idempotency")

_NAMESPACE = uuid.UUID("6f1c1c0e-6a0a-4a6e-9d3a-4f6f1d3b7c55")


class UnderWay(Conflict):
    """The same request is being carried out right now."""

    problem = "request-under-way"
    title = "The first request with this Idempotency-Key is still under way"


class AnotherRequest(Permanent):
    """The key was used for another request."""

    problem: ClassVar[str] = "idempotency-key-reused"
    title = "This Idempotency-Key belongs to another request"


class Replay(Exception):
    """The request was carried out before; `answer` is what came of it."""

    def __init__(self, answer: Kept) -> None:
        super().__init__("an answer that was given before")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key: by whom and where it was asked with it."""

    workspace_id: WorkspaceId
    id: bytes
    key: str = field(repr=False)

    def digest(self, *parts: str) -> bytes:
        """What is kept of the request: an HMAC by its key, which is not kept. A request may hold what nobody should be able to try out."""
        return hmac.digest(self.key.encode(), "\x00".join(parts).encode(), "sha256")

    @property
    def request_id(self) -> uuid.UUID:
        """The id that the thing to be made is made by."""
        return uuid.uuid5(_NAMESPACE, f"{self.workspace_id} {self.id.hex()}")


async def asked_with_key(
    request: Request,
    session: Annotated[Session, Depends(member)],
    idempotency_key: Annotated[
        str | None, Header(description="Any text of your own: the same request with it is carried out once in 24 hours")
    ] = None,
) -> Asked | None:
    """The request by its key, without claiming it: for what makes a secret, which no answer may keep. Raises InvalidInput."""
    if idempotency_key is None:
        return None
    if not 0 < len(idempotency_key) <= LONGEST_KEY or not idempotency_key.isprintable():
        raise InvalidInput(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters.")
    route = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
    who = f"key {session.key.key_id}" if session.key else f"user {session.user_id}"
    return Asked(session.workspace_id, _digest(who, route, idempotency_key), idempotency_key)


async def idempotent(request: Request, asked: Annotated[Asked | None, Depends(asked_with_key)]) -> uuid.UUID | None:
    """The id that the thing to be made is made by; None where the request has no key.

    Raises InvalidInput, UnderWay, AnotherRequest, and Replay.
    """
    requests = web_of(request).requests
    if asked is None or requests is None:
        return None
    sent = asked.digest(request.url.path, request.url.query, (await request.body()).hex())
    found = await requests.claim(asked.workspace_id, asked.id, sent)
    if isinstance(found, Known):
        raise _known(found, sent)
    request.scope[_IN_SCOPE] = (requests, found)
    reach("idempotency.claimed")
    return asked.request_id


def _known(found: Known, sent: bytes) -> Exception:
    if found.request != sent:
        return AnotherRequest(
            "This Idempotency-Key was used for another request. Use a new one for each thing to be made."
        )
    if found.answer is None:
        return UnderWay(
            "The first request with this Idempotency-Key is still under way. Send it again in a few seconds."
        )
    return Replay(found.answer)


async def on_replay(_request: Request, found: Exception) -> Response:
    """The answer once more."""
    if not isinstance(found, Replay):
        raise found
    answer = found.answer
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED_HEADER: "true"})


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\x00".join(parts).encode()).digest()


class KeepingAnswers:
    """Keeps the answer to a request that was claimed, before it goes out: what a client has seen is what it will see again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            await self._app(scope, receive, answer.take)
        finally:
            await answer.let_go()


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def take(self, message: Message) -> None:
        """Hold the answer to a claimed request until it is whole; let everything else pass."""
        if _IN_SCOPE not in self._scope:
            await self._send(message)
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        await self._keep()
        if self._start is not None:
            await self._send(self._start)
        await self._send({**message, "body": self._body})

    async def _keep(self) -> None:
        requests, claim = self._scope.pop(_IN_SCOPE)
        start = self._start or {"status": 500, "headers": []}
        if not 200 <= start["status"] < 300 or len(self._body) > LARGEST_ANSWER:
            await requests.release(claim)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        reach("idempotency.before_keeping")
        await requests.keep(claim, Kept(start["status"], kept, self._body))

    async def let_go(self) -> None:
        """Give back what was claimed and came to no answer: an error that nobody foresaw, or the asker has gone.

        Not when the process dies: then the claim runs out.
        """
        if _IN_SCOPE in self._scope:
            requests, claim = self._scope.pop(_IN_SCOPE)
            try:
                await requests.release(claim)
            except Transient as error:
                _log.warning("a claim was not given back: it runs out by itself", cause=type(error).__name__)
