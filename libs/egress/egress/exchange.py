"""One exchange with httpx: the connections, a request, its answer read to the end. Loaded with the first request, or before it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import cast

import httpx

from egress.attempts import Broken, Json, Primitive, Progress
from egress.cookies import no_cookies
from egress.destination import Destination
from egress.dialling import Dialler
from egress.errors import ResponseTooLarge
from egress.transport import DialledTransport

CONNECT_SECONDS = 5.0

# Keeps idle connections for a minute, twice the usual pause between two polls of one provider.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60)

# Describe the bytes on the wire, which were decoded and joined while reading.
_WIRE_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Exchange:
    """The connections of one client."""

    def __init__(self, tls: ssl.SSLContext, dialler: Dialler) -> None:
        # The environment's proxies and certificate variables would be a way round the register: trust_env is off.
        self._client = httpx.AsyncClient(
            transport=DialledTransport(tls, _LIMITS, dialler),
            trust_env=False,
            follow_redirects=False,
            timeout=CONNECT_SECONDS,
            cookies=no_cookies(),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def request(
        self,
        method: str,
        url: httpx.URL,
        *,
        params: Mapping[str, Primitive | list[str]] | None,
        headers: Mapping[str, str] | None,
        json: Json | None,
        data: Mapping[str, str] | None,
        content: bytes | None,
    ) -> httpx.Request:
        """A request, not sent yet."""
        return self._client.build_request(
            method, url, params=params, headers=headers, json=json, data=data, content=content
        )

    async def send(
        self,
        destination: Destination,
        request: httpx.Request,
        auth: tuple[str, str] | None,
        progress: Progress,
        seconds: float,
    ) -> httpx.Response:
        """The answer, read to its end; what arrives is noted in `progress`. Raises Broken, and ResponseTooLarge."""
        request.extensions["timeout"] = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)).as_dict()
        try:
            return await self._sent(destination, request, httpx.BasicAuth(*auth) if auth else None, progress)
        except httpx.HTTPError as error:
            raise _broken(destination, error) from error

    async def _sent(
        self, destination: Destination, request: httpx.Request, auth: httpx.BasicAuth | None, progress: Progress
    ) -> httpx.Response:
        streamed = await self._client.send(request, stream=True, auth=auth, follow_redirects=False)
        try:
            progress.status = streamed.status_code
            body = await _read(destination, streamed, progress)
        finally:
            await streamed.aclose()
            # It refers back to the answer, and so would keep the request with its credentials until the garbage is collected, which
            # in an idle process may be never.
            streamed.stream = httpx.ByteStream(b"")
        headers = [(k, v) for k, v in streamed.headers.multi_items() if k not in _WIRE_HEADERS]
        return httpx.Response(streamed.status_code, headers=headers, content=body, request=request)


def _broken(destination: Destination, error: httpx.HTTPError) -> Broken:
    return Broken(
        destination.name,
        type(error).__name__,
        untrusted=_caused_by(error, ssl.SSLError),
        never_sent=isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout),
    )


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _read(destination: Destination, response: httpx.Response, progress: Progress) -> bytes:
    """The decoded body; raises ResponseTooLarge as soon as it is longer than allowed."""
    # It is a generator, whatever its type says: closed here, or the loop closes it some time later.
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_bytes())) as parts:
        async for part in parts:
            progress.received += len(part)
            if progress.received > destination.largest_response:
                raise ResponseTooLarge(destination.name, destination.largest_response)
            progress.parts.append(part)
    return b"".join(progress.parts)
