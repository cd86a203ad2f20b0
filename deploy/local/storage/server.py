"""The emulator's own request handlers behind an asyncio HTTPS server.

The wheel's server is single-threaded plain HTTP and puts `http://` into the links it returns; the first would make one slow client hold
up all, the second would break resumable uploads behind TLS. Its router, handlers and storage are used as they are: a request that has
come whole is handed to them, one at a time, for the storage has no locks of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
import uvloop
from gcp_storage_emulator import server as emulator
from gcp_storage_emulator.handlers import buckets
from python_multipart.multipart import parse_options_header
from starlette.types import Receive, Scope, Send

from local.storage import batches
from local.storage.files import DurableStorage
from local.storage.pages import answered
from local.tls import ServerCertificate

log = logging.getLogger(__name__)

IDLE_SECONDS = 60
"""A kept-alive connection without a request is closed after this long."""
START_SECONDS = 30.0
STOP_SECONDS = 5.0
SETTLE_SECONDS = 0.1
"""After a deletion the index still names what was deleted for this long, or longer where it is large."""


# As deploy/terraform/storage.tf has it: what is deleted is not kept for a week more, as Google's own buckets and the emulator's keep it.
_SOFT_DELETION, _NONE = "softDeletePolicy", {"retentionDurationSeconds": "0"}


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Objects live under `directory`; `buckets` are created if missing; port 0 takes a free one."""

    directory: Path
    certificate: ServerCertificate
    buckets: tuple[str, ...] = ()
    port: int = 0


class _HttpsRequest(emulator.Request):  # type: ignore[misc]  # the wheel has no types
    """The emulator's view of a request, with links that lead back over TLS."""

    _data: object

    def __init__(self, handler: object, method: str) -> None:
        super().__init__(handler, method)
        self._base_url: str = self._base_url.replace("http://", "https://", 1)
        self._full_url: str = self._base_url + self._path

    @property
    def data(self) -> object:
        """The content. An upload in one request is taken apart here: the emulator reads it as if it were an e-mail, line by line."""
        if self._data is emulator._UNSET:  # noqa: SLF001 - the wheel has no other way in
            uploaded = _uploaded(self._request_handler)
            self._data = super().data if uploaded is None else uploaded
        return self._data


class _Response(emulator.Response):  # type: ignore[misc]  # the wheel has no types
    """The emulator's answer, of lists only a page, and of all only the fields that were asked for."""

    def json(self, obj: object) -> None:
        """Answer `obj`."""
        super().json(answered(obj, self._handler.path.partition("?")[2]))


def _uploaded(exchange: Exchange) -> dict[str, object] | None:
    """Metadata and content of an upload in one request (RFC 2387), as the emulator has them; None for all else, which is its to read."""
    kind, options = parse_options_header(exchange.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/related" or not boundary or "content-encoding" in exchange.headers:
        return None
    parts = (b"\r\n" + exchange.rfile.getvalue()).split(b"\r\n--" + boundary)
    if len(parts) != _PARTS or parts[0] or parts[3].strip() != b"--":
        return None
    about, content = (part.partition(b"\r\n\r\n") for part in parts[1:3])
    named = dict(line.lower().split(b":", 1) for line in content[0].strip().split(b"\r\n") if b":" in line)
    if b"content-transfer-encoding" in named:
        return None
    content_type = parse_options_header(named.get(b"content-type", b"text/plain"))[0]
    return {"meta": json.loads(about[2]), "content": content[2], "content-type": content_type.decode("latin-1")}


# Nothing before the first boundary, metadata, content, and the two dashes behind the last one.
_PARTS = 4


class _Headers(dict[str, str]):
    """Headers by their names in lower case, as HTTP has them; the emulator asks in its own spelling."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)


@dataclass(slots=True)
class Exchange:
    """A request and its answer, with the names of http.server that the emulator's router uses."""

    storage: DurableStorage
    server: StorageServer
    path: str
    headers: _Headers
    rfile: io.BytesIO
    wfile: io.BytesIO = field(default_factory=io.BytesIO)
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    answered: list[tuple[bytes, bytes]] = field(default_factory=list)

    def send_response(self, status: int, phrase: str = "") -> None:
        """The phrase is for HTTP/1.0's readers."""
        del phrase
        self.status = status

    def send_header(self, name: str, value: object) -> None:
        self.answered.append((name.lower().encode("latin-1"), str(value).encode("latin-1")))

    def end_headers(self) -> None:
        """They are sent with the content."""


class _Server(uvicorn.Server):
    """Leaves signals to the process it runs in, and waits for no client that has asked for nothing."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is None or cycle.response_complete:
                # Closing it in good order would wait for the client to do the same.
                connection.transport.abort()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class StorageServer:
    """A running server; `endpoint` is its https URL. The directory outlives it."""

    def __init__(self, settings: StorageSettings) -> None:
        self._storage = DurableStorage(settings.directory)
        for bucket in settings.buckets:
            found = self._storage.get_bucket(bucket) or buckets.create_bucket(bucket, self._storage)
            if found.get(_SOFT_DELETION) != _NONE:
                self._storage.create_bucket(bucket, {**found, _SOFT_DELETION: _NONE})
        self._storage.settle()
        self._settling, self._settled_in = False, 0.0
        # The emulator's router looks the classes up in its module; there is no other way in.
        emulator.Request, emulator.Response = _HttpsRequest, _Response
        self._listener = socket.create_server(("127.0.0.1", settings.port))
        self.server_address: tuple[str, int] = self._listener.getsockname()
        self.endpoint = f"https://127.0.0.1:{self.server_address[1]}"
        self._server = _Server(self._config(settings.certificate))
        self._thread = threading.Thread(target=self._serve, name="storage", daemon=True)

    def _config(self, certificate: ServerCertificate) -> uvicorn.Config:
        return uvicorn.Config(
            self._answer,
            ssl_certfile=certificate.chain,
            ssl_keyfile=certificate.key,
            ws="none",
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=int(STOP_SECONDS),
        )

    @classmethod
    def start(cls, settings: StorageSettings) -> Self:
        """Serve from a thread of its own. Raises OSError for a port that is taken."""
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        server = cls(settings)
        server._thread.start()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer what is under way, then let go of the port."""
        self._server.should_exit = True
        self._thread.join(START_SECONDS + STOP_SECONDS)
        self._listener.close()
        self._storage.close()

    def _serve(self) -> None:
        # Connections that come before the loop listens wait in the socket's queue.
        uvloop.run(self._server.serve(sockets=[self._listener]))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI brings it."""
        exchange = self._exchange(scope, await _whole(receive))
        if exchange.path == batches.PATH:
            await self._answer_each(exchange)
        else:
            await self.answer_one(exchange, scope["method"])
        self._settle_later()
        await send({"type": "http.response.start", "status": exchange.status, "headers": exchange.answered})
        await send({"type": "http.response.body", "body": exchange.wfile.getvalue()})

    async def _answer_each(self, exchange: Exchange) -> None:
        """A batch: one after the other, as if each had come alone with the headers of all."""
        try:
            requests = batches.parts(exchange.headers.get("content-type"), exchange.rfile.getvalue())
        except ValueError as error:
            exchange.status = HTTPStatus.BAD_REQUEST
            exchange.wfile.write(str(error).encode())
            return
        answers = [await self._answer_part(exchange, request) for request in requests]
        kind, content = batches.answer(requests, answers)
        exchange.status = HTTPStatus.OK
        exchange.send_header("content-type", kind)
        exchange.wfile.write(content)

    async def _answer_part(self, whole: Exchange, request: batches.Part) -> batches.Answer:
        headers = _Headers({name: value for name, value in whole.headers.items() if not name.startswith("content-")})
        headers["content-length"] = str(len(request.body))
        part = Exchange(self._storage, self, request.path, headers, io.BytesIO(request.body))
        await self.answer_one(part, request.method)
        return batches.Answer(part.status, part.answered, part.wfile.getvalue())

    async def answer_one(self, exchange: Exchange, method: str) -> None:
        """Have the emulator answer one request."""
        # The emulator's own addition: one GET that deletes everything.
        if exchange.path.startswith("/wipe"):
            exchange.send_response(HTTPStatus.NOT_FOUND)
            return
        try:
            emulator.Router(exchange).handle(method)
        except Exception as error:  # noqa: BLE001 - a request the emulator stumbles over must not end the server
            # Told without the request's content.
            log.error("a storage request failed with %s", type(error).__name__)
            exchange.status, exchange.answered, exchange.wfile = HTTPStatus.INTERNAL_SERVER_ERROR, [], io.BytesIO()

    def _settle_later(self) -> None:
        """Have the index written soon after a deletion, and no more often than for a twentieth of the time."""
        if not self._storage.unsettled or self._settling:
            return
        self._settling = True
        asyncio.get_running_loop().call_later(max(SETTLE_SECONDS, 20 * self._settled_in), self._settle)

    def _settle(self) -> None:
        began = time.monotonic()
        self._storage.settle()
        self._settling, self._settled_in = False, time.monotonic() - began

    def _exchange(self, scope: Scope, body: bytes) -> Exchange:
        headers = _Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        headers.pop("transfer-encoding", None)
        headers["content-length"] = str(len(body))
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        return Exchange(self._storage, self, path, headers, io.BytesIO(body))


async def _whole(receive: Receive) -> bytes:
    """The request's content."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
