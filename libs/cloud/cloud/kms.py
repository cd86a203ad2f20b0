"""Cloud KMS: a key that never leaves Google encrypts and decrypts a few bytes.

    kms = GoogleKms()
    wrapped = await kms.encrypt("projects/p/locations/l/keyRings/r/cryptoKeys/k", b"...", b"what it is for")

For what is read once and kept, such as a keyset: each call is a round trip of some 30 ms and costs money. Needs the extra `cloud[kms]`.
"""

from __future__ import annotations

from typing import Protocol

import google_crc32c
from google.api_core import exceptions as google_errors
from google.api_core.retry_async import AsyncRetry
from google.auth import exceptions as auth_errors
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcAsyncIOTransport

from cloud.channel import open_channel
from cloud.endpoint import Endpoint
from core.errors import NotFound, Permanent, Transient

CALL_SECONDS = 10.0
RETRY_SECONDS = 20.0

_REPEATABLE = (google_errors.ServiceUnavailable, google_errors.DeadlineExceeded, google_errors.InternalServerError)


class Kms(Protocol):
    """A service that encrypts with a key it never shows. `associated` has to be the same for both; `key` is a resource name."""

    async def encrypt(self, key: str, plaintext: bytes, associated: bytes) -> bytes:
        """The ciphertext. Raises NotFound, Permanent, Transient."""
        ...

    async def decrypt(self, key: str, ciphertext: bytes, associated: bytes) -> bytes:
        """The plaintext. Raises NotFound, Permanent for another key's or another use's ciphertext, Transient."""
        ...


class GoogleKms:
    """Google's Cloud KMS. Create and use it on one event loop."""

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        """`endpoint` None means Google with the process's own identity."""
        self._endpoint = endpoint
        self._client: kms_v1.KeyManagementServiceAsyncClient | None = None

    async def encrypt(self, key: str, plaintext: bytes, associated: bytes) -> bytes:
        """The ciphertext; what is sent and what comes back is checked by CRC32C."""
        request = kms_v1.EncryptRequest(
            name=key,
            plaintext=plaintext,
            additional_authenticated_data=associated,
            plaintext_crc32c=google_crc32c.value(plaintext),
            additional_authenticated_data_crc32c=google_crc32c.value(associated),
        )
        try:
            answer = await self._connected().encrypt(request=request, retry=_retry(), timeout=CALL_SECONDS)
        except (google_errors.GoogleAPICallError, google_errors.RetryError, auth_errors.GoogleAuthError) as error:
            raise _translated(key, error) from error
        ciphertext = bytes(answer.ciphertext)
        arrived = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        if not arrived or google_crc32c.value(ciphertext) != answer.ciphertext_crc32c:
            raise _damaged()
        return ciphertext

    async def decrypt(self, key: str, ciphertext: bytes, associated: bytes) -> bytes:
        """The plaintext; what comes back is checked by CRC32C."""
        request = kms_v1.DecryptRequest(
            name=key,
            ciphertext=ciphertext,
            additional_authenticated_data=associated,
            ciphertext_crc32c=google_crc32c.value(ciphertext),
            additional_authenticated_data_crc32c=google_crc32c.value(associated),
        )
        try:
            answer = await self._connected().decrypt(request=request, retry=_retry(), timeout=CALL_SECONDS)
        except (google_errors.GoogleAPICallError, google_errors.RetryError, auth_errors.GoogleAuthError) as error:
            raise _translated(key, error) from error
        plaintext = bytes(answer.plaintext)
        if google_crc32c.value(plaintext) != answer.plaintext_crc32c:
            raise _damaged()
        return plaintext

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.transport.close()  # type: ignore[no-untyped-call] # Google's
            self._client = None

    def _connected(self) -> kms_v1.KeyManagementServiceAsyncClient:
        if self._client is None:
            self._client = _client(self._endpoint)
        return self._client


def _client(endpoint: Endpoint | None) -> kms_v1.KeyManagementServiceAsyncClient:
    if endpoint is None:
        return kms_v1.KeyManagementServiceAsyncClient()
    transport = KeyManagementServiceGrpcAsyncIOTransport(channel=open_channel(endpoint))
    return kms_v1.KeyManagementServiceAsyncClient(transport=transport)


def _retry() -> AsyncRetry:
    return AsyncRetry(predicate=lambda error: isinstance(error, _REPEATABLE), timeout=RETRY_SECONDS)


def _damaged() -> Transient:
    return Transient("what was sent to Cloud KMS or came back was damaged on its way (CRC32C differs)")


def _translated(key: str, error: Exception) -> Permanent | Transient:
    if isinstance(error, google_errors.NotFound):
        return NotFound(f"the key {key} does not exist in Cloud KMS: make it, or correct its name")
    if isinstance(error, google_errors.PermissionDenied | google_errors.Unauthenticated):
        return Permanent(
            f"the key {key} may not be used by this service: grant it Cloud KMS's encrypter/decrypter role"
        )
    if isinstance(error, google_errors.FailedPrecondition):
        return Permanent(f"the key {key} is disabled or destroyed in Cloud KMS: enable it")
    if isinstance(error, google_errors.InvalidArgument):
        return Permanent(f"the key {key} does not open this: it was made by another key, or for another use")
    return Transient(f"Cloud KMS does not answer right now ({type(error).__name__})")
