"""The same rules as a transport for the providers' SDKs, which bring their own client library (httpx2)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable

import httpcore2
import httpx2

import core.log
from core.clock import Clock
from egress.cookies import no_cookies
from egress.destination import Destination
from egress.dialling import AddressRefused, Dialler
from egress.errors import DestinationRefused, RedirectRefused, ResponseTooLarge
from egress.metrics import Ledger, tell_exchange
from telemetry.instruments import EGRESS_REFUSED

CONNECT_SECONDS = 5.0

# As many as one process asks a model at once at most: a connection that is closed after each answer costs a handshake with the next.
_LIMITS = httpx2.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=60)

_FAILURES = (httpcore2.ConnectError, httpcore2.ConnectTimeout)

_log = core.log.logger("egress")


def guarded_client(
    destination: Destination, inner: httpx2.AsyncBaseTransport, ledger: Ledger, clock: Clock, timeout: float
) -> httpx2.AsyncClient:
    """A client that can reach `destination` only, through `inner`; `timeout` is in seconds, for one read or write."""
    return httpx2.AsyncClient(
        transport=GuardedTransport(destination, inner, ledger, clock),
        trust_env=False,
        follow_redirects=False,
        cookies=no_cookies(),
        timeout=httpx2.Timeout(timeout, connect=CONNECT_SECONDS),
    )


def dialled_transport(tls: ssl.SSLContext, dialler: Dialler) -> httpx2.AsyncHTTPTransport:
    """httpx2's own transport with connections that `dialler` makes."""
    return _DialledTransport(tls, dialler)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Checks each request's address, refuses redirects, bounds and counts what comes back."""

    def __init__(
        self, destination: Destination, inner: httpx2.AsyncBaseTransport, ledger: Ledger, clock: Clock
    ) -> None:
        self._destination = destination
        self._inner = inner
        self._ledger = ledger
        self._clock = clock

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send `request`; raises DestinationRefused, RedirectRefused or httpx2's own errors."""
        started = self._clock.monotonic()
        # Bytes are counted as they arrive. A packed answer could hold a thousand times as many, so none is asked for or taken.
        request.headers["accept-encoding"] = "identity"
        try:
            self._destination.check_request(request)
        except DestinationRefused:
            self._refused()
            raise
        try:
            response = await self._inner.handle_async_request(request)
        except AddressRefused as error:
            self._refused()
            raise DestinationRefused(self._destination.name, str(error)) from error
        except BaseException:
            self._record(request.method, 0, 0, started)
            raise
        if 300 <= response.status_code < 400:
            await response.aclose()
            self._record(request.method, response.status_code, 0, started)
            raise RedirectRefused(self._destination.name, response.status_code)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            self._record(request.method, response.status_code, 0, started)
            raise httpx2.DecodingError("the answer is packed, which was not asked for")
        response.stream = _BoundedStream(response, self, request.method, started)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    @property
    def destination(self) -> Destination:
        """Where this transport leads."""
        return self._destination

    def finished(self, method: str, status: int, received: int, started: float) -> None:
        """The answer was read to its end, or given up."""
        self._record(method, status, received, started)

    def _refused(self) -> None:
        self._ledger.refusal(self._destination.name)
        EGRESS_REFUSED.add(recipient=self._destination.recipient)
        _log.warning("outbound request refused", destination=self._destination.name)

    def _record(self, method: str, status: int, received: int, started: float) -> None:
        name, seconds = self._destination.name, self._clock.monotonic() - started
        self._ledger.attempt(name, status=status, received=received, seconds=seconds)
        tell_exchange(self._destination, method, status, seconds)
        _log.info(
            "outbound request",
            destination=name,
            method=method,
            status=status,
            ms=round(seconds * 1000),
            bytes=received,
        )


class _BoundedStream(httpx2.AsyncByteStream):
    """Passes an answer's bytes on until there are too many of them; says once how many there were."""

    def __init__(self, response: httpx2.Response, transport: GuardedTransport, method: str, started: float) -> None:
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise TypeError("the inner transport must be asynchronous")
        self._stream = response.stream
        self._status = response.status_code
        self._transport = transport
        self._method = method
        self._started = started
        self._received = 0
        self._told = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        destination = self._transport.destination
        async for part in self._stream:
            self._received += len(part)
            if self._received > destination.largest_response:
                raise ResponseTooLarge(destination.name, destination.largest_response)
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
        if not self._told:
            self._told = True
            self._transport.finished(self._method, self._status, self._received, self._started)


class _DialledBackend(httpcore2.AsyncNetworkBackend):
    """How httpx2 opens connections; see `egress.transport`, which does the same for httpx."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to an address that was judged. Raises AddressRefused, or httpcore2's ConnectError or ConnectTimeout."""

        async def open_one(address: str, seconds: float | None) -> httpcore2.AsyncNetworkStream:
            return await self._network.connect_tcp(address, port, seconds, local_address, socket_options)

        try:
            return await self._dialler.connect(host, port, timeout, open_one, _FAILURES)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError from error

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await self._network.sleep(seconds)


class _DialledTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, tls: ssl.SSLContext, dialler: Dialler) -> None:
        super().__init__(verify=tls, trust_env=False)
        if not isinstance(self._pool, httpcore2.AsyncConnectionPool):
            raise TypeError("this httpx2 keeps its pool elsewhere: egress has to learn where")
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=_LIMITS.max_connections,
            max_keepalive_connections=_LIMITS.max_keepalive_connections,
            keepalive_expiry=_LIMITS.keepalive_expiry,
            network_backend=_DialledBackend(dialler),
        )
