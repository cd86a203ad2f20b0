"""The switchboard: which provider misbehaves next, how, how often. Armed by tests over ``POST /_faults``."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Literal, Self

import anyio
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.sandbox.vendors import Provider, error_response

FAULT_KEY = "sandbox.fault"
"""Where the middleware leaves a fault of the answer itself for the route to act on."""
LONGEST_BODY = 4 * 1024 * 1024
"""Characters of a reply that a test makes up."""
LONGEST_DELAY = 120.0
"""Seconds; longer than any client's time-out in the project, and no test waits for it by accident."""


class AnswerFault(StrEnum):
    """What a language model can do wrong in an otherwise good response."""

    WRONG_QUOTES = "wrong_quotes"
    REFUSAL = "refusal"
    NOT_JSON = "not_json"
    CUT_SHORT = "cut_short"


class PagingFault(StrEnum):
    """What Gong can do wrong from page to page."""

    AGAIN = "again"
    ENDLESS = "endless"


class Fault(BaseModel):
    """One kind of misbehaviour.

    Matches requests of ``provider`` whose path (below the provider's base) starts with ``path`` and whose body or query
    contains ``contains``. ``count`` is how often it strikes (``None``: until disarmed), ``probability`` how likely each time,
    drawn from ``seed``. ``delay`` in seconds comes first; then one of: ``status`` (with ``retry_after`` in seconds, and with
    HubSpot's ``policy`` of a 429),
    ``html`` (a page instead of an answer, with ``status`` or 200), ``malformed`` (a body that is no JSON), ``body`` (exactly
    this, as JSON), ``redirect`` (307 to that address), ``hang`` (no answer until the client goes), ``truncate`` (the
    connection ends half-way through the body), ``answer``, ``paging`` (``again``: the page before once more, and the one asked
    for after it; ``endless``: after the last page the first) or ``withhold`` (this call is left out of an answer of Gong's).

    ``after`` lets the request take effect first, and spoils its reply only: the client cannot tell the two apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider
    path: str = ""
    contains: str = ""
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    retry_after: Annotated[int, Field(ge=0)] | None = None
    policy: Literal["", "SECONDLY", "TEN_SECONDLY_ROLLING", "DAILY"] = ""
    delay: float = Field(default=0.0, ge=0.0, le=LONGEST_DELAY)
    html: bool = False
    malformed: bool = False
    body: str | None = Field(default=None, max_length=LONGEST_BODY)
    redirect: str | None = Field(default=None, pattern=r"^https?://")
    hang: bool = False
    truncate: bool = False
    after: bool = False
    answer: AnswerFault | None = None
    paging: PagingFault | None = None
    withhold: str = ""
    count: Annotated[int, Field(ge=1)] | None = None
    probability: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int = 1

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        ends = [
            self.status is not None or self.html,
            self.malformed,
            self.body is not None,
            self.redirect is not None,
            self.hang,
            self.truncate,
            self.answer is not None,
            self.paging is not None,
            bool(self.withhold),
        ]
        if sum(ends) > 1 or not (any(ends) or self.delay):
            raise ValueError(
                "give a delay and at most one of status (or html), malformed, body, redirect, hang, truncate, answer, paging "
                "and withhold"
            )
        if self.after and (any(ends) and not self.replaces_answer):
            raise ValueError(
                "after does not go with truncate, answer, paging and withhold: those come after the effect"
            )
        return self

    @property
    def replaces_answer(self) -> bool:
        """Whether the client gets something else than the provider's own answer, or nothing."""
        return bool(self.status or self.html or self.malformed or self.body is not None or self.redirect or self.hang)

    def matches(self, provider: Provider, path: str, body: bytes) -> bool:
        """Whether this request is one it was armed for; ``body`` has the query in front."""
        return self.provider is provider and path.startswith(self.path) and self.contains.encode() in body


@dataclass(slots=True)
class _Armed:
    fault: Fault
    dice: random.Random
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.count is not None and self.struck >= self.fault.count


@dataclass(slots=True)
class Switchboard:
    """The armed faults in the order they were armed; the first that matches strikes."""

    _armed: list[_Armed] = field(default_factory=list)

    def arm(self, fault: Fault) -> None:
        """Adds a fault behind those already armed."""
        self._armed.append(_Armed(fault, random.Random(fault.seed)))

    def disarm(self) -> None:
        """All providers behave again."""
        self._armed.clear()

    def report(self) -> list[dict[str, object]]:
        """Each armed fault and how often it has struck."""
        return [{**armed.fault.model_dump(mode="json"), "struck": armed.struck} for armed in self._armed]

    def concerns(self, provider: Provider) -> bool:
        """Whether any fault that may still strike is armed for the provider."""
        return any(armed.fault.provider is provider and not armed.spent for armed in self._armed)

    def draw(self, provider: Provider, path: str, body: bytes) -> Fault | None:
        """The fault that strikes this request, counted; ``None`` when it is served in peace."""
        for armed in self._armed:
            if armed.spent or not armed.fault.matches(provider, path, body):
                continue
            if armed.dice.random() < armed.fault.probability:
                armed.struck += 1
                return armed.fault
        return None


Spoiled = Callable[[str, bytes, bytes], None]
"""Told of a request that a fault keeps from taking effect: path, query and body."""


class FaultyProvider:
    """Stands before one provider's routes and lets the switchboard spoil what they do."""

    def __init__(
        self, app: ASGIApp, provider: Provider, switchboard: Switchboard, spoiled: Spoiled | None = None
    ) -> None:
        self._app = app
        self._provider = provider
        self._switchboard = switchboard
        self._spoiled = spoiled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._switchboard.concerns(self._provider):
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        query = bytes(scope["query_string"])
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        fault = self._switchboard.draw(self._provider, path, query + b"\n" + body)
        if fault is None:
            await self._app(scope, _replay(body, receive), send)
            return
        if fault.after:
            await self._app(
                scope, _replay(body, receive), _swallow if fault.replaces_answer else _late(send, fault.delay)
            )
        elif fault.replaces_answer and self._spoiled:
            self._spoiled(path, query, body)
        if fault.replaces_answer or not fault.after:
            await anyio.sleep(fault.delay)
            await self._strike(fault, scope, _replay(body, receive), send)

    async def _strike(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.hang:
            await _until_gone(receive)
        elif fault.replaces_answer:
            path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
            await _made_up(self._provider, fault, path)(scope, receive, send)
        else:
            scope[FAULT_KEY] = fault
            await self._app(scope, receive, _half(send) if fault.truncate else send)


def _made_up(provider: Provider, fault: Fault, path: str) -> Response:
    """What the client gets instead of the provider's answer."""
    if fault.html:
        page = "<!doctype html><title>Gateway</title><h1>The page you are looking for is being moved</h1>"
        return HTMLResponse(page, fault.status or HTTPStatus.OK)
    if fault.status is not None:
        return error_response(provider, fault.status, fault.retry_after, path, fault.policy)
    if fault.redirect is not None:
        return RedirectResponse(fault.redirect, HTTPStatus.TEMPORARY_REDIRECT)
    text = '{"requestId": "broken", "records": {' if fault.body is None else fault.body
    return Response(text, HTTPStatus.OK, media_type="application/json")


async def _until_gone(receive: Receive) -> None:
    """Says nothing until the client hangs up, and not for ever."""
    with anyio.move_on_after(LONGEST_DELAY):
        while (await receive())["type"] != "http.disconnect":
            pass


async def _swallow(_message: Message) -> None:
    """The reply that never arrives."""


def _late(send: Send, seconds: float) -> Send:
    """Passes everything on, the beginning so much later."""

    async def delayed(message: Message) -> None:
        if message["type"] == "http.response.start":
            await anyio.sleep(seconds)
        await send(message)

    return delayed


async def _whole_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


def _half(send: Send) -> Send:
    """Passes on half of the first body chunk and nothing after: the server then drops the connection."""
    cut = False

    async def halved(message: Message) -> None:
        nonlocal cut
        if cut:
            return
        if message["type"] == "http.response.body":
            cut = True
            body: bytes = message.get("body", b"")
            message = {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        await send(message)

    return halved
