"""The transport for httpx: its own, with connections made by a Dialler."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

import httpcore
import httpx

from egress.dialling import Dialler

_FAILURES = (httpcore.ConnectError, httpcore.ConnectTimeout)


class DialledBackend(httpcore.AsyncNetworkBackend):
    """How httpx opens connections. There is no other way: a Unix socket is refused."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to an address that was judged. Raises AddressRefused, or httpcore's ConnectError or ConnectTimeout."""

        async def open_one(address: str, seconds: float | None) -> httpcore.AsyncNetworkStream:
            return await self._network.connect_tcp(address, port, seconds, local_address, socket_options)

        try:
            return await self._dialler.connect(host, port, timeout, open_one, _FAILURES)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError from error

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await self._network.sleep(seconds)


class DialledTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a pool whose connections `dialler` makes; no proxy, nothing from the environment."""

    def __init__(self, tls: ssl.SSLContext, limits: httpx.Limits, dialler: Dialler) -> None:
        super().__init__(verify=tls, trust_env=False)
        # httpx takes no backend, so its pool is replaced. Should a release keep it elsewhere, nothing must go out past the dialler.
        if not isinstance(self._pool, httpcore.AsyncConnectionPool):
            raise TypeError("this httpx keeps its pool elsewhere: egress has to learn where")
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=DialledBackend(dialler),
        )
