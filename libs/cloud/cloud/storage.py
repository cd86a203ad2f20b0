"""The asyncio client of Cloud Storage, with Google's own credentials, our authorities, and nothing taken from the environment.

Google's own client blocks a thread for each request and takes about twice the processor time: `make bench B=ingest` shows both.
"""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import google.auth
import requests
from gcloud.aio.storage import Storage
from google.auth.credentials import Credentials, TokenState
from google.auth.transport.requests import Request

from cloud.endpoint import Endpoint

_GOOGLE = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

# Connections at once: a request that finds none waits for one.
CONNECTIONS = 32

_REDIRECTS = frozenset([301, 302, 303, 307, 308])

# Of one attempt, in seconds, from asking for a connection to the last byte.
ATTEMPT_SECONDS = 30


class StorageClient:
    """Opened by the first use, in the event loop that uses it."""

    def __init__(self, endpoint: Endpoint | None) -> None:
        """`endpoint` None means Google with the process's own identity. Raises ValueError for an endpoint without TLS."""
        if endpoint is not None and not endpoint.address.startswith("https://"):
            raise ValueError("the storage endpoint must start with https://")
        self._endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None
        self._storage: Storage | None = None

    def __call__(self) -> Storage:
        """The client. Raises GoogleAuthError where the process has no identity."""
        if self._storage is None:
            self._storage = self._opened()
        return self._storage

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> Storage:
        ca_file = self._endpoint.ca_file if self._endpoint else None
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context)
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=False, middlewares=(_stay,), cookie_jar=aiohttp.DummyCookieJar()
        )
        address = self._endpoint.address if self._endpoint else _GOOGLE
        token = FixedToken(self._endpoint.token) if self._endpoint else GoogleToken(_SCOPE)
        # `api_is_dev` would send no token and look at no certificate.
        return Storage(session=self._session, api_root=address, api_is_dev=False, token=token)  # type: ignore[arg-type]


async def _stay(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Follow no redirect: aiohttp would send a transcript again to wherever it leads."""
    response = await send(request)
    if response.status in _REDIRECTS:
        response.release()
        raise aiohttp.ClientResponseError(response.request_info, (), status=response.status, message="redirected")
    return response


class FixedToken:
    """The token of a stand-in."""

    def __init__(self, token: str) -> None:
        self._token = token or "none"

    async def get(self) -> str:
        """The token."""
        return self._token


class GoogleToken:
    """The process's own identity, renewed before it is over."""

    def __init__(self, scope: str) -> None:
        self._credentials: Credentials = google.auth.default(scopes=[scope])[0]
        self._renewing = asyncio.Lock()

    async def get(self) -> str:
        """A token that is good for some minutes. Raises GoogleAuthError."""
        async with self._renewing:
            if self._credentials.token_state is not TokenState.FRESH:
                await asyncio.to_thread(self._renew)
        return str(self._credentials.token)

    def _renew(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            self._credentials.refresh(Request(session))  # type: ignore[no-untyped-call] # Google's
