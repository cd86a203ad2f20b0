"""Streams of events: what is written, and everything that ends one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.sse import format_sse_event
from unit.web.issuer import settings

from core.errors import NotFound, Unauthenticated
from core.ids import UserId, WorkspaceId
from testkit.streams import Heard, Listener, listening, parsed, until
from web import Role, Session, create_app, member
from web.sse import EventStream, StreamLimits

MAYA = Session(UserId("user_maya1"), WorkspaceId("org_acme1"), "acme", Role.MEMBER, "", "sess_1")
QUICK = StreamLimits(heartbeat=0.02, longest=30, retry=1.5, recheck=0.02, stalled=0.2)


@dataclass(slots=True)
class Gate:
    """Lets Maya in, until somebody says otherwise."""

    session_now: Session | Exception = MAYA
    asked: int = 0

    async def session(self, token: str, *, from_cookie: bool) -> Session:
        self.asked += 1
        if isinstance(self.session_now, Exception):
            raise self.session_now
        return self.session_now


@dataclass
class Lines:
    """A feed of whatever a test puts in; None is its end."""

    waiting: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    exhausted: bool = False
    opened: int = 0
    closed: int = 0
    refusal: Exception | None = None

    async def next(self) -> bytes | None:
        return await self.waiting.get()

    def say(self, *words: str) -> None:
        for word in words:
            self.waiting.put_nowait(format_sse_event(event="said", id=word, data_str=word))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Lines]:
        self.opened += 1
        try:
            if self.refusal is not None:
                raise self.refusal
            yield self
        finally:
            self.closed += 1


@dataclass(slots=True)
class Stage:
    """An app with one stream."""

    app: FastAPI
    lines: Lines
    gate: Gate


def stage(limits: StreamLimits = QUICK) -> Stage:
    lines, gate, router = Lines(), Gate(), APIRouter()

    async def follow(request: Request, session: Annotated[Session, Depends(member)]) -> EventStream:
        return EventStream(request, session, lines.open(), limits)

    router.add_api_route("/follow", follow, methods=["GET"])
    app = create_app(service="noticeboard", settings=settings(), routers=[router], sessions=gate, package="web")
    return Stage(app, lines, gate)


async def test_events_are_written_as_the_standard_has_them() -> None:
    made = stage()
    made.lines.say("first", "second")
    made.lines.waiting.put_nowait(None)
    async with listening(made.app, "/follow") as listener:
        assert await listener.rest() == [Heard("said", "first", "first"), Heard("said", "second", "second")]
    assert listener.complete
    assert listener.body.startswith(b"event: begin\ndata: {}\nretry: 1500\n\nevent: said\n")
    assert listener.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert listener.headers["x-accel-buffering"] == "no"
    assert listener.headers["cache-control"] == "private, no-store"
    assert "content-length" not in listener.headers
    assert "content-encoding" not in listener.headers


async def test_something_is_said_while_nothing_happens() -> None:
    made = stage()
    async with listening(made.app, "/follow") as listener:
        await until(lambda: listener.body.count(b": ping\n\n") >= 3)
        made.lines.say("still here")
        assert await listener.next() == Heard("said", "still here", "still here")


async def test_who_has_heard_everything_is_told_not_to_come_back() -> None:
    made = stage()
    made.lines.exhausted = True
    async with listening(made.app, "/follow") as listener:
        assert await listener.rest() == []
    assert (listener.status, listener.body, made.lines.closed) == (204, b"", 1)


async def test_what_stands_in_the_way_is_answered_like_any_error() -> None:
    made = stage()
    made.lines.refusal = NotFound("there is no such thing")
    async with listening(made.app, "/follow", {"accept": "application/json"}) as listener:
        pass
    assert listener.status == 404
    assert listener.headers["content-type"] == "application/problem+json"
    assert made.lines.closed == 1


async def _ended(listener: Listener, made: Stage) -> None:
    assert await listener.next() is None
    assert listener.complete
    assert made.lines.closed == 1


async def test_a_client_that_goes_away_frees_everything_at_once() -> None:
    made = stage()
    async with listening(made.app, "/follow") as listener:
        made.lines.say("one")
        await listener.next()
        assert made.lines.closed == 0
        listener.leave()
        await _ended(listener, made)


async def test_a_session_that_ends_ends_the_stream() -> None:
    made = stage()
    async with listening(made.app, "/follow") as listener:
        made.lines.say("one")
        await listener.next()
        made.gate.session_now = Unauthenticated("Your session has ended.")
        await _ended(listener, made)


async def test_somebody_else_under_the_same_token_hears_nothing() -> None:
    made = stage()
    async with listening(made.app, "/follow") as listener:
        made.lines.say("one")
        await listener.next()
        made.gate.session_now = Session(MAYA.user_id, WorkspaceId("org_rival1"), "rival", Role.ADMIN, "", "sess_1")
        await _ended(listener, made)


async def test_as_long_as_the_session_lasts_so_does_the_stream() -> None:
    made = stage()
    async with listening(made.app, "/follow") as listener:
        await until(lambda: made.gate.asked >= 5)
        made.lines.say("one")
        assert await listener.next() == Heard("said", "one", "one")


async def test_a_stream_ends_in_time_for_the_platform() -> None:
    made = stage(StreamLimits(longest=0.05))
    async with listening(made.app, "/follow") as listener:
        await _ended(listener, made)


async def test_a_stream_ends_when_the_process_is_told_to_stop() -> None:
    made = stage()
    async with listening(made.app, "/follow") as listener:
        made.lines.say("one")
        await listener.next()
        made.app.state.web.stopping.set()
        await _ended(listener, made)


async def test_a_client_that_takes_nothing_is_left() -> None:
    made = stage()
    made.lines.say(*(str(number) for number in range(1000)))
    async with listening(made.app, "/follow") as listener:
        await listener.next()
        listener.reading.clear()
        await until(lambda: made.lines.closed)
        # The feed is asked for the next event when the one before has been taken.
        taken = listener.body.count(b"event: said")
        assert made.lines.waiting.qsize() >= 1000 - taken - 1


@pytest.mark.parametrize("ending", ["stop", "removed"])
async def test_a_client_that_takes_nothing_holds_nothing_up(ending: str) -> None:
    made = stage(StreamLimits(heartbeat=0.02, longest=30, recheck=0.02, stalled=30))
    async with listening(made.app, "/follow", reading=True) as listener:
        made.lines.say("one")
        await listener.next()
        listener.reading.clear()
        made.lines.say("two")
        if ending == "stop":
            made.app.state.web.stopping.set()
        else:
            made.gate.session_now = Unauthenticated("Your session has ended.")
        await until(lambda: made.lines.closed)


async def test_an_error_nobody_foresaw_breaks_the_stream_off_and_frees_everything() -> None:
    made = stage()

    async def broken() -> bytes | None:
        raise ValueError("password=hunter2")

    made.lines.next = broken  # type: ignore[method-assign]
    with pytest.raises(ExceptionGroup) as raised:
        async with listening(made.app, "/follow") as listener:
            await listener.rest()
    assert raised.group_contains(ValueError)
    assert (made.lines.closed, listener.complete) == (1, False)


def test_the_client_of_these_tests_reads_what_the_standard_says() -> None:
    text = ": hello\n\nevent: run\nid: 7\ndata: a\ndata: b\n\n"
    assert parsed(text) == [Heard(comment="hello"), Heard("run", "7", "a\nb")]
