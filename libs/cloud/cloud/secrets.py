"""Secrets, read from Secret Manager and kept for a few minutes.

secret = await secrets.read("clerk-webhook-secret")     # the latest version's bytes
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Protocol

import google_crc32c
from google.api_core import exceptions as google_errors
from google.api_core.retry_async import AsyncRetry
from google.auth import exceptions as auth_errors
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcAsyncIOTransport,
)

from cloud.channel import open_channel
from cloud.endpoint import Endpoint
from core.clock import Clock, SystemClock
from core.errors import InvalidInput, NotFound, Permanent, Transient

# A rotated secret is in use everywhere after this long; reads cost money and a round trip of some 50 ms.
KEPT_SECONDS = 300.0
READ_SECONDS = 10.0
RETRY_SECONDS = 20.0
# The largest payload, https://cloud.google.com/secret-manager/quotas
LARGEST_BYTES = 65_536

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")  # Secret Manager's own rule for secret ids
_REPEATABLE = (google_errors.ServiceUnavailable, google_errors.DeadlineExceeded, google_errors.InternalServerError)


class Secrets(Protocol):
    """Where secrets are read from."""

    async def read(self, name: str) -> bytes:
        """The latest version of `name`. Raises NotFound, Permanent (no access, damaged), Transient."""
        ...


class KeptSecrets(Secrets, Protocol):
    """Where secrets are read from that are kept for a while, and can be read anew before they are too old."""

    async def refresh(self, name: str) -> None:
        """Read `name` anew; whoever reads it meanwhile gets the one that is kept. Raises as `read`."""
        ...


class SecretVersions(Secrets, Protocol):
    """Where secrets are read from, and changed: each change is a new version, and earlier ones stay until somebody destroys them."""

    async def add_version(self, name: str, value: bytes) -> None:
        """Make `value` the latest version of `name`. Raises NotFound, Permanent (no access, too large), Transient."""
        ...


@dataclass(slots=True)
class _Kept:
    """One secret in memory. The lock lets one caller fetch while others wait for its result."""

    value: bytes = field(default=b"", repr=False)
    until: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class GoogleSecrets:
    """Google's Secret Manager. Create and use it on one event loop."""

    def __init__(
        self,
        *,
        project: str,
        endpoint: Endpoint | None = None,
        kept_seconds: float = KEPT_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        """`endpoint` None means Google with the process's own identity."""
        self._project = project
        self._endpoint = endpoint
        self._kept_seconds = kept_seconds
        self._clock = clock or SystemClock()
        self._client: secretmanager_v1.SecretManagerServiceAsyncClient | None = None
        self._kept: dict[str, _Kept] = {}

    async def read(self, name: str) -> bytes:
        """The latest version of `name`, at most `kept_seconds` old. Raises NotFound, Permanent, Transient."""
        if not _NAME.fullmatch(name):
            raise InvalidInput("a secret's name is 1 to 255 letters, digits, _ or -")
        kept = self._kept.setdefault(name, _Kept())
        async with kept.lock:
            if self._clock.monotonic() >= kept.until:
                kept.value = await self._fetch(name)
                kept.until = self._clock.monotonic() + self._kept_seconds
        return kept.value

    async def refresh(self, name: str) -> None:
        """Read `name` now, however old the one that is kept: it serves readers meanwhile. Raises as `read`, and then keeps what it had."""
        value = await self._fetch(name)
        kept = self._kept.setdefault(name, _Kept())
        kept.value, kept.until = value, self._clock.monotonic() + self._kept_seconds

    async def add_version(self, name: str, value: bytes) -> None:
        """Make `value` the latest version of `name`, which must exist; the next reading gets it. At most LARGEST_BYTES.

        Repeated only while Secret Manager says that it is not there: a version too many does no harm.
        """
        if not _NAME.fullmatch(name) or len(value) > LARGEST_BYTES:
            raise InvalidInput(
                f"a secret's name is 1 to 255 letters, digits, _ or -, its value at most {LARGEST_BYTES} bytes"
            )
        payload = secretmanager_v1.SecretPayload(data=value, data_crc32c=google_crc32c.value(value))
        parent = f"projects/{self._project}/secrets/{name}"
        client = self._connected()
        try:
            await client.add_secret_version(parent=parent, payload=payload, retry=_retry(), timeout=READ_SECONDS)
        except (google_errors.GoogleAPICallError, google_errors.RetryError, auth_errors.GoogleAuthError) as error:
            raise _not_added(name, error) from error
        self._kept.pop(name, None)

    async def close(self) -> None:
        """Close the connection and forget every secret."""
        self._kept.clear()
        if self._client is not None:
            await self._client.transport.close()  # type: ignore[no-untyped-call] # Google's
            self._client = None

    async def _fetch(self, name: str) -> bytes:
        resource = f"projects/{self._project}/secrets/{name}/versions/latest"
        try:
            answer = await self._connected().access_secret_version(name=resource, retry=_retry(), timeout=READ_SECONDS)
        except (google_errors.GoogleAPICallError, google_errors.RetryError, auth_errors.GoogleAuthError) as error:
            raise _translated(name, error) from error
        return _checked(name, answer.payload)

    def _connected(self) -> secretmanager_v1.SecretManagerServiceAsyncClient:
        if self._client is None:
            self._client = _client(self._endpoint)
        return self._client


def _client(endpoint: Endpoint | None) -> secretmanager_v1.SecretManagerServiceAsyncClient:
    if endpoint is None:
        return secretmanager_v1.SecretManagerServiceAsyncClient()
    transport = SecretManagerServiceGrpcAsyncIOTransport(channel=open_channel(endpoint))
    return secretmanager_v1.SecretManagerServiceAsyncClient(transport=transport)


def _checked(name: str, payload: secretmanager_v1.SecretPayload) -> bytes:
    """The payload's bytes, if they arrived as Secret Manager holds them."""
    value = bytes(payload.data)
    if "data_crc32c" not in payload or google_crc32c.value(value) != payload.data_crc32c:
        raise Transient(f"secret {name} was damaged on its way (CRC32C differs)")
    return value


def _retry() -> AsyncRetry:
    return AsyncRetry(predicate=lambda error: isinstance(error, _REPEATABLE), timeout=RETRY_SECONDS)


def _not_added(name: str, error: Exception) -> Permanent | Transient:
    if isinstance(error, google_errors.NotFound):
        return NotFound(f"secret {name} does not exist: create it first")
    if isinstance(error, google_errors.PermissionDenied | google_errors.Unauthenticated):
        return Permanent(
            f"secret {name} may not be changed by this identity: grant it the role of a secret version adder"
        )
    if isinstance(error, google_errors.InvalidArgument | google_errors.FailedPrecondition):
        return Permanent(f"secret {name} takes no new version: look at its state in Secret Manager")
    return Transient(f"secret {name} cannot be changed right now ({type(error).__name__})")


def _translated(name: str, error: Exception) -> Permanent | Transient:
    if isinstance(error, google_errors.NotFound):
        return NotFound(f"secret {name} does not exist or has no version: create it and start again")
    if isinstance(error, google_errors.PermissionDenied | google_errors.Unauthenticated):
        return Permanent(f"secret {name} may not be read by this service: grant it Secret Manager's accessor role")
    if isinstance(error, google_errors.FailedPrecondition | google_errors.InvalidArgument):
        return Permanent(f"secret {name} cannot be read: its latest version is disabled or destroyed")
    return Transient(f"secret {name} cannot be read right now ({type(error).__name__})")
