"""Google's Secret Manager by its own client: the requests that are made, and what its errors mean. Loaded by `cloud.secrets`."""

from __future__ import annotations

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
from core.errors import NotFound, Permanent, Transient

READ_SECONDS = 10.0
RETRY_SECONDS = 20.0

_REPEATABLE = (google_errors.ServiceUnavailable, google_errors.DeadlineExceeded, google_errors.InternalServerError)


class SecretManager:
    """The secrets of one project. Made and used on one event loop."""

    def __init__(self, project: str, endpoint: Endpoint | None) -> None:
        """`endpoint` None means Google with the process's own identity (found on first use)."""
        self._project = project
        self._endpoint = endpoint
        self._client: secretmanager_v1.SecretManagerServiceAsyncClient | None = None

    async def access(self, name: str) -> bytes:
        """The latest version of `name`. Raises NotFound, Permanent, Transient."""
        resource = f"projects/{self._project}/secrets/{name}/versions/latest"
        try:
            answer = await self._connected().access_secret_version(name=resource, retry=_retry(), timeout=READ_SECONDS)
        except (google_errors.GoogleAPICallError, google_errors.RetryError, auth_errors.GoogleAuthError) as error:
            raise _translated(name, error) from error
        return _checked(name, answer.payload)

    async def add(self, name: str, value: bytes) -> None:
        """Make `value` the latest version of `name`. Raises NotFound, Permanent, Transient."""
        payload = secretmanager_v1.SecretPayload(data=value, data_crc32c=google_crc32c.value(value))
        parent = f"projects/{self._project}/secrets/{name}"
        try:
            await self._connected().add_secret_version(
                parent=parent, payload=payload, retry=_retry(), timeout=READ_SECONDS
            )
        except (google_errors.GoogleAPICallError, google_errors.RetryError, auth_errors.GoogleAuthError) as error:
            raise _not_added(name, error) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.transport.close()  # type: ignore[no-untyped-call] # Google's
            self._client = None

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
