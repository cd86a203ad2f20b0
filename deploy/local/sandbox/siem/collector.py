"""The endpoint that messages are posted to. It believes nobody: whoever reads what it kept checks the signatures."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

KEPT = 1_000
"""Messages kept; older ones are dropped so that a long run does not grow the process."""
LARGEST = 2 * 1024 * 1024
"""Bytes of a message."""

_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came: where to, its three headers, and the body byte for byte."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]


class Collector:
    """Takes messages. Faults are armed for the provider ``siem``; one with ``after`` takes the message and spoils the answer only."""

    def __init__(self) -> None:
        self._kept: deque[Received] = deque(maxlen=KEPT)

    def router(self) -> Router:
        """The routes: any path below the base."""
        return Router([Route("/{path:path}", self._take, methods=["POST"])])

    def received(self, path: str = "") -> list[Received]:
        """What came to ``path``, or anywhere, oldest first."""
        return [one for one in self._kept if not path or one.path == path]

    def report(self) -> list[dict[str, object]]:
        """All messages as plain data."""
        return [asdict(one) for one in self._kept]

    def clear(self) -> None:
        """Forgets all messages."""
        self._kept.clear()

    async def _take(self, request: Request) -> Response:
        headers = {name: request.headers.get(name, "") for name in _HEADERS}
        body = await request.body()
        if not all(headers.values()):
            return JSONResponse({"error": "this is no Standard Webhook"}, HTTPStatus.BAD_REQUEST)
        if len(body) > LARGEST:
            return JSONResponse({"error": "too large"}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._kept.append(Received(f"/{request.path_params['path']}", headers, body.decode()))
        # What an endpoint says is nobody's business but its own: it must turn up nowhere.
        return JSONResponse({"said": "an answer that nobody reads"})
