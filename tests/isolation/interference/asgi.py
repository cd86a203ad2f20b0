"""Asking an app directly: a client library between would cost as much as the app itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `route` is the template of the route that answered, empty where none did."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    route: str

    def header(self, name: str) -> str:
        """The value of a header, empty where it is missing."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name.encode()), "")


async def ask(app: ASGIApp, method: str, target: str, headers: Headers, body: bytes) -> Answer:
    """The app's whole answer. Raises what the app raises."""
    scope = _scope(method, target, headers, body)
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    whole = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(start["status"], tuple(start["headers"]), whole, str(getattr(scope.get("route"), "path", "")))


def _scope(method: str, target: str, headers: Headers, body: bytes) -> Scope:
    path, _, query = target.partition("?")
    lines = [("host", "127.0.0.1:8080"), *headers]
    lines += [("content-length", str(len(body)))] if body else []
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in lines],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
    }
