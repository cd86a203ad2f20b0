"""A collector on this machine: takes what the services send as OTLP over TLS, and keeps it."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from local.tls import Authority

# Spans leave every two seconds, metrics every second; the machine may be busy.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """A span, and who told of it."""

    service: str
    name: str
    kind: str
    trace: str
    span: str
    parent: str
    links: tuple[str, ...]
    attributes: Mapping[str, str]


@dataclass(slots=True)
class Told:
    """Open with `Told.listening`. `settings` are what a service needs to know of it."""

    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    metrics: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    labels: dict[str, set[tuple[tuple[str, str], ...]]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    @contextmanager
    def listening(cls, directory: Path) -> Iterator[Told]:
        """A server with a certificate of the authority in `directory`/tls."""
        told = cls(directory)
        certificate = Authority.open(directory / "tls").server("collector")
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(told))
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        told.settings = {"telemetry_endpoint": f"https://127.0.0.1:{server.server_address[1]}"}
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.settings["telemetry_endpoint"].rsplit(":", 1)[1])

    def trace(self, trace: str) -> list[Part]:
        """Everything of one trace that has been told so far."""
        return [part for part in list(self.parts) if part.trace == trace]

    async def until(self, done: Callable[[], bool]) -> bool:
        """Wait for `done` for as long as our patience lasts; whether it came about."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while not done():  # noqa: ASYNC110 - a thread of the server tells
                    await asyncio.sleep(0.2)
        except TimeoutError:
            return False
        return True

    def take(self, path: str, body: bytes) -> None:
        """One request. Raises DecodeError for what is no OTLP."""
        if path == "/v1/traces":
            self._take_spans(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            self._take_metrics(ExportMetricsServiceRequest.FromString(body))
        else:
            raise ValueError(path)

    def _take_spans(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            service = _plain(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.parts += [_part(service, span) for span in scope.spans]

    def _take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            service = _plain(resource.resource.attributes)["service.name"]
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.metrics[metric.name].add(service)
                    data = getattr(metric, str(metric.WhichOneof("data")))
                    self.labels[metric.name] |= {tuple(sorted(_plain(p.attributes).items())) for p in data.data_points}


def _part(service: str, span: Span) -> Part:
    return Part(
        service,
        span.name,
        Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(link.trace_id.hex() for link in span.links),
        _plain(span.attributes),
    )


def _plain(attributes: object) -> dict[str, str]:
    return {one.key: _text(one.value) for one in attributes}  # type: ignore[attr-defined]


def _text(value: AnyValue) -> str:
    return str(getattr(value, str(value.WhichOneof("value"))))


def _handler(told: Told) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.take(self.path, gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Nothing on standard error."""

    return Handler
