"""A client of server-sent events that asks an app directly: it can read slowly, stop reading, and go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Scope

_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One event, or one comment."""

    event: str = ""
    id: str = ""
    data: str = ""
    comment: str = ""


def parsed(text: str) -> list[Heard]:
    """The events of a stream that has ended; lines as HTML's "parsing an event stream" has them."""
    return [_block(block) for block in text.split("\n\n") if block]


def _block(block: str) -> Heard:
    fields: dict[str, list[str]] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name or "comment", []).append(value.removeprefix(" "))
    assert fields.keys() <= {"event", "id", "data", "comment", "retry"}, f"no line of an event stream: {block!r}"
    return Heard(*("\n".join(fields.get(name, [])) for name in ("event", "id", "data", "comment")))


@dataclass(slots=True)
class Listener:
    """One stream. While `reading` is not set, nothing that the app sends is taken."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    _left: asyncio.Event = field(default_factory=asyncio.Event)
    _events: asyncio.Queue[Heard | None] = field(default_factory=asyncio.Queue)
    _rest: str = ""
    _begun: bool = False

    async def next(self) -> Heard | None:
        """The next event, comments passed over; None when the stream has ended."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while (heard := await self._events.get()) and (heard.comment or heard.event == "begin"):
                continue
        return heard

    async def rest(self) -> list[Heard]:
        """All events up to the end of the stream."""
        found = []
        while (heard := await self.next()) is not None:
            found.append(heard)
        return found

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()

    async def receive(self) -> Message:
        """What the app is told of the client."""
        if not self._begun:
            self._begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """What the app sends; waits, as a server does whose buffer is full, while nothing is read."""
        await self.reading.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        self.body += message.get("body", b"")
        *blocks, self._rest = (self._rest + message.get("body", b"").decode()).split("\n\n")
        for block in blocks:
            self._events.put_nowait(_block(block))
        if not message.get("more_body", False):
            self.complete = True

    def end(self) -> None:
        """Nothing more comes."""
        self._events.put_nowait(None)


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(
    app: ASGIApp, target: str, headers: Mapping[str, str] | None = None, *, reading: bool = True
) -> AsyncIterator[Listener]:
    """A stream of `app`, left at the end of the block; the app has let go of it then."""
    listener = Listener()
    if reading:
        listener.reading.set()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_serve(app, _scope(target, headers or {}), listener))
        yield listener
        listener.leave()
        listener.reading.set()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await task


async def _serve(app: ASGIApp, scope: Scope, listener: Listener) -> None:
    try:
        await app(scope, listener.receive, listener.send)
    finally:
        listener.end()


def _scope(target: str, headers: Mapping[str, str]) -> Scope:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"app"), *((name.encode(), value.encode()) for name, value in headers.items())],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 443),
    }
