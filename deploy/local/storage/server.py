"""Runs the emulator's own request handler in a threaded HTTPS server.

The wheel's server is single-threaded plain HTTP and puts `http://` into the links it returns; the first would make one
slow client hold up all, the second would break resumable uploads behind TLS. Its handler and storage are used as they
are.
"""

import io
import json
import logging
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import BinaryIO, Self

from gcp_storage_emulator import server as emulator
from gcp_storage_emulator.handlers import buckets
from gcp_storage_emulator.settings import STORAGE_DIR as OBJECT_DIRECTORY
from gcp_storage_emulator.storage import Storage, _FileStore

from local.tls import ServerCertificate

log = logging.getLogger(__name__)

Connection = socket | tuple[bytes, socket]

IDLE_SECONDS = 60.0
"""A kept-alive connection without a request is closed after this long, as is a handshake that does not go on."""
STOP_SECONDS = 5.0
POLL_SECONDS = 0.05
"""How soon a stop is noticed."""


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Objects live under `directory`; `buckets` are created if missing; port 0 takes a free one."""

    directory: Path
    certificate: ServerCertificate
    buckets: tuple[str, ...] = ()
    port: int = 0


class _HttpsRequest(emulator.Request):  # type: ignore[misc]  # the wheel has no types
    """The emulator's view of a request, with links that lead back over TLS."""

    def __init__(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        super().__init__(handler, method)
        self._base_url: str = self._base_url.replace("http://", "https://", 1)
        self._full_url: str = self._base_url + self._path


class _DurableFiles(_FileStore):  # type: ignore[misc]  # the wheel has no types
    """Replaces files as a whole: a killed process leaves the old index or the new one, never half of one."""

    def write_bytes(self, rel: str, content: bytes) -> None:
        path: Path = self._disk_path(rel)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name[:200]}.partial")
        partial.write_bytes(content)
        partial.replace(path)


class _DurableStorage(Storage):  # type: ignore[misc]  # the wheel has no types
    """The emulator's storage over those files.

    The emulator writes its whole index anew with each object, which takes longer the more there are. Here a new object is a line of a
    journal beside the index; whatever else changes writes the index and drops the journal. A line whose object is not there is not
    heeded: it was deleted, and the process killed before the journal was dropped.
    """

    objects: dict[str, dict[str, object]]

    def __init__(self, directory: Path) -> None:
        root = directory.resolve() / OBJECT_DIRECTORY
        self._journal = root / ".journal"
        self._new: tuple[str, str] | None = None
        super().__init__(data_dir=str(directory.resolve()))
        self._store = _DurableFiles(use_memory=False, root=root)

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: dict[str, object], file_id: str | None = None
    ) -> None:
        self._new = (bucket_name, file_name) if file_id is None else None
        try:
            super().create_file(bucket_name, file_name, content, file_obj, file_id)
        finally:
            self._new = None

    def _write_config_to_file(self) -> None:
        if self._new is None:
            super()._write_config_to_file()
            self._journal.unlink(missing_ok=True)
            return
        bucket, name = self._new
        line = json.dumps([bucket, name, self.objects[bucket][name]])
        with self._journal.open("ab") as journal:
            journal.write(line.encode() + b"\n")

    def _read_config_from_file(self) -> None:
        super()._read_config_from_file()
        lines = self._journal.read_bytes().splitlines(keepends=True) if self._journal.exists() else []
        for line in lines:
            if not line.endswith(b"\n"):  # killed while writing: nobody was told that the object is there
                continue
            bucket, name, found = json.loads(line)
            if self._store.exists_file(self._object_path(bucket, name)):
                self.objects.setdefault(bucket, {})[name] = found


class _Handler(emulator.RequestHandler):  # type: ignore[misc]  # the wheel has no types
    """Requests and answers are buffered, and one at a time reaches the storage, which has no locks of its own."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    turn = threading.Lock()
    rfile: BinaryIO
    wfile: BinaryIO

    def answer(self) -> None:
        if self.path.startswith("/wipe"):  # the emulator's own addition: one GET that deletes everything
            self.send_error(404)
            return
        connection_in, connection_out = self.rfile, self.wfile
        if length := self.headers.get("Content-Length"):
            self.rfile = io.BytesIO(connection_in.read(int(length)))
        self.wfile = answered = io.BytesIO()
        try:
            with self.turn:
                emulator.Router(self).handle(self.command)
            connection_out.write(answered.getvalue())
        finally:
            self.rfile, self.wfile = connection_in, connection_out

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of http.server


class _Connection(ssl.SSLSocket):
    """One that is closed when the client has reset it before the handshake: Python's own stays open until it is collected."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ConnectionError:
            self.close()
            raise


class _TlsServer(ThreadingHTTPServer):
    """TLS per connection, with the handshake in the connection's own thread so that nobody can hold up the others."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler], context: ssl.SSLContext
    ) -> None:
        super().__init__(address, handler)
        context.sslsocket_class = _Connection
        self._context = context

    def finish_request(self, request: Connection, client_address: object) -> None:
        if not isinstance(request, socket):
            return
        request.settimeout(IDLE_SECONDS)
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Connection, client_address: object) -> None:
        # A client that left or did not trust us is no news; anything else is, without the request's content.
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("a storage request failed with %s", type(error).__name__)


class StorageServer:
    """A running server; `endpoint` is its https URL. The directory outlives it."""

    def __init__(self, settings: StorageSettings) -> None:
        storage = _DurableStorage(settings.directory)
        for bucket in settings.buckets:
            if storage.get_bucket(bucket) is None:
                buckets.create_bucket(bucket, storage)
        # The emulator's router looks the class up in its module; there is no other way in.
        emulator.Request = _HttpsRequest
        address = ("127.0.0.1", settings.port)
        self._server = _TlsServer(address, partial(_Handler, storage), settings.certificate.context())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="storage", daemon=True
        )
        self.endpoint = f"https://127.0.0.1:{self._server.server_address[1]}"

    @classmethod
    def start(cls, settings: StorageSettings) -> Self:
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
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(STOP_SECONDS)
