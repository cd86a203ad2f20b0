"""The same rules as a transport for the providers' SDKs, which bring their own client library (httpx2)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpx2

import core.log
from core.clock import Clock
from egress.cookies import no_cookies
from egress.destination import Destination
from egress.errors import RedirectRefused, ResponseTooLarge
from egress.metrics import Ledger

CONNECT_SECONDS = 5.0

_log = core.log.logger("egress")


def guarded_client(
    destination: Destination, tls: ssl.SSLContext, ledger: Ledger, clock: Clock, timeout: float
) -> httpx2.AsyncClient:
    """A client that can reach `destination` only; `timeout` is in seconds, for one read or write."""
    transport = GuardedTransport(destination, httpx2.AsyncHTTPTransport(verify=tls, trust_env=False), ledger, clock)
    return httpx2.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        cookies=no_cookies(),
        timeout=httpx2.Timeout(timeout, connect=CONNECT_SECONDS),
    )


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
        try:
            self._destination.check(request.url)
        except Exception:
            self._ledger.refusal(self._destination.name)
            raise
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException:
            self._record(request.method, 0, 0, started)
            raise
        if 300 <= response.status_code < 400:
            await response.aclose()
            self._record(request.method, response.status_code, 0, started)
            raise RedirectRefused(self._destination.name, response.status_code)
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

    def _record(self, method: str, status: int, received: int, started: float) -> None:
        name, seconds = self._destination.name, self._clock.monotonic() - started
        self._ledger.attempt(name, status=status, received=received, seconds=seconds)
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
