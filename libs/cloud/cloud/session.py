"""The asyncio client of Cloud Storage, with Google's own credentials, our authorities, and nothing taken from the environment.

Google's own client blocks a thread for each request and takes about twice the processor time: `make bench B=ingest` shows both. Loaded with
the first use of `cloud.storage`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import google.auth
import requests
from gcloud.aio.storage import Storage
from google.api_core import exceptions as google_errors
from google.api_core.retry import AsyncRetry
from google.auth import exceptions as auth_errors
from google.auth.credentials import Credentials, TokenState
from google.auth.transport.requests import Request

from cloud.endpoint import Endpoint
from cloud.storage import GOOGLE, Exists
from core.errors import NotFound, Permanent, Transient

T = TypeVar("T")

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

# Connections at once: a request that finds none waits for one.
CONNECTIONS = 32

_REDIRECTS = frozenset([301, 302, 303, 307, 308])

# What Google says of a failure that may pass (cloud.google.com/storage/docs/retry-strategy).
_PASSING = frozenset([HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS])


def opened(endpoint: Endpoint | None) -> tuple[aiohttp.ClientSession, Storage]:
    """The client and its connections. Raises GoogleAuthError where the process has no identity."""
    ca_file = endpoint.ca_file if endpoint else None
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context)
    session = aiohttp.ClientSession(
        connector=connector, trust_env=False, middlewares=(_stay,), cookie_jar=aiohttp.DummyCookieJar()
    )
    address = endpoint.address if endpoint else GOOGLE
    token = FixedToken(endpoint.token) if endpoint else GoogleToken(_SCOPE)
    # `api_is_dev` would send no token and look at no certificate.
    return session, Storage(session=session, api_root=address, api_is_dev=False, token=token)  # type: ignore[arg-type]


async def attempts(ask: Callable[[], Awaitable[T]], seconds: float) -> T:
    """What `ask` gives, tried again for so many seconds where that may help. Raises NotFound, Exists, Permanent and Transient."""
    try:
        answer: T = await AsyncRetry(predicate=_passes, initial=0.5, maximum=20.0, timeout=seconds)(ask)()
    except google_errors.RetryError as error:
        raise _translated(error.cause or error) from error
    except (aiohttp.ClientError, TimeoutError, auth_errors.GoogleAuthError) as error:
        raise _translated(error) from error
    return answer


def _passes(error: BaseException) -> bool:
    """Whether another attempt may go better."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status in _PASSING or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, auth_errors.GoogleAuthError):
        return bool(error.retryable)
    return isinstance(error, aiohttp.ClientError | TimeoutError)


def _translated(error: BaseException) -> Exception:
    """The client's error in our words; its own text may hold names and addresses, so only its kind is told."""
    status = error.status if isinstance(error, aiohttp.ClientResponseError) else None
    if status == HTTPStatus.NOT_FOUND:
        return NotFound("the object, or its bucket, does not exist")
    if status == HTTPStatus.PRECONDITION_FAILED:
        return Exists()
    if status is not None and not _passes(error):
        return Permanent(f"object storage refused the request ({status}): check bucket and permissions")
    return Transient(f"object storage is not available ({status or type(error).__name__})")


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
