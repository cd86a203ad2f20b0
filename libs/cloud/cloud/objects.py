"""Objects: calls and transcripts, written once, read back only if they are what was written.

calls = store.workspace(workspace_id)
stored = await calls.put("calls/01/7782.json", body)     # name, SHA-256 and size travel in the message
body = await calls.get(stored.name, stored.sha256)
"""

from __future__ import annotations

import asyncio
import contextvars
import gzip
import hashlib
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.cloud.storage import Bucket
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import exceptions as requests_errors

from cloud.endpoint import Endpoint
from cloud.names import full_name, prefix_of
from cloud.storage_session import CONNECTIONS, storage_client
from core.errors import Conflict, NotFound, Permanent, Transient
from core.ids import WorkspaceId

P = ParamSpec("P")
T = TypeVar("T")

# Connect and read, in seconds, of one attempt; all attempts together end after RETRY_SECONDS.
ATTEMPT_SECONDS = (5.0, 30.0)
RETRY_SECONDS = 60.0

# An hour-long transcript is about 200 KB of JSON. 64 MiB is far above it and keeps a swapped object from filling memory.
LARGEST_OBJECT = 64 * 1024 * 1024

# Level 6 is zlib's own default; higher levels gain 1-2 % on text for twice the time.
_GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was written: its whole name, the SHA-256 (hex) and length in bytes of its content before gzip."""

    name: str
    sha256: str
    size: int


class WorkspaceObjects(Protocol):
    """The objects of one workspace; no name reaches another's."""

    async def put(self, name: str, content: bytes) -> StoredObject:
        """Write `content` under `name` once. The same content again is fine; other content raises Conflict."""
        ...

    async def get(self, name: str, sha256: str) -> bytes:
        """The content of `name`. Raises NotFound, Permanent where the content is not the one named by `sha256`, Transient."""
        ...

    async def delete(self, name: str) -> None:
        """Remove `name`; no error if it is gone already."""
        ...


class ObjectStore(Protocol):
    """All objects; every use goes through one workspace."""

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceObjects:
        """The objects of `workspace_id`."""
        ...


class GoogleObjects:
    """A Cloud Storage bucket."""

    def __init__(self, *, project: str, bucket: str, endpoint: Endpoint | None = None) -> None:
        """`endpoint` None means Google with the process's own identity (found on first use of the network)."""
        self._client = storage_client(project, endpoint)
        self._bucket = self._client.bucket(bucket)
        # asyncio's own pool has as few as five threads on a small machine; these wait, they do not compute.
        self._threads = ThreadPoolExecutor(CONNECTIONS, "objects")

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceObjects:
        """The objects of `workspace_id`. Raises InvalidInput for an id that is not one."""
        return _BucketFolder(self._bucket, self._threads, prefix_of(workspace_id))

    def close(self) -> None:
        """Close all connections, once what is under way has ended."""
        self._threads.shutdown()
        self._client.close()


class _BucketFolder:
    """One workspace's folder. Google's client blocks, so each call runs on a thread."""

    def __init__(self, bucket: Bucket, threads: ThreadPoolExecutor, prefix: str) -> None:
        self._bucket = bucket
        self._threads = threads
        self._prefix = prefix

    async def put(self, name: str, content: bytes) -> StoredObject:
        if len(content) > LARGEST_OBJECT:
            raise Permanent(f"an object may hold at most {LARGEST_OBJECT} bytes")
        whole = full_name(self._prefix, name)
        return await self._on_thread(self._write, whole, content)

    async def get(self, name: str, sha256: str) -> bytes:
        return await self._on_thread(self._read, full_name(self._prefix, name), sha256)

    async def delete(self, name: str) -> None:
        await self._on_thread(self._remove, full_name(self._prefix, name))

    async def _on_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        call = partial(contextvars.copy_context().run, function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _write(self, name: str, content: bytes) -> StoredObject:
        stored = StoredObject(name, hashlib.sha256(content).hexdigest(), len(content))
        blob = self._bucket.blob(name)
        blob.metadata = {"sha256": stored.sha256}
        # Not marked `Content-Encoding: gzip`: servers would then unpack it on the way, each in its own way.
        packed = gzip.compress(content, _GZIP_LEVEL, mtime=0)
        try:
            blob.upload_from_string(
                packed, "application/gzip", if_generation_match=0, timeout=ATTEMPT_SECONDS, retry=_retry()
            )
        except google_errors.PreconditionFailed:
            self._same_or_conflict(name, stored.sha256)
        except _NETWORK_ERRORS as error:
            raise _translated(error) from error
        return stored

    def _same_or_conflict(self, name: str, sha256: str) -> None:
        """A second put: fine if the first wrote the same."""
        blob = self._bucket.blob(name)
        try:
            blob.reload(timeout=ATTEMPT_SECONDS, retry=_retry())
        except _NETWORK_ERRORS as error:
            raise _translated(error) from error
        if (blob.metadata or {}).get("sha256") != sha256:
            raise Conflict("an object of this name exists already, with other content; objects are written once")

    def _read(self, name: str, sha256: str) -> bytes:
        try:
            packed: bytes = self._bucket.blob(name).download_as_bytes(
                raw_download=True, timeout=ATTEMPT_SECONDS, retry=_retry()
            )
        except _NETWORK_ERRORS as error:
            raise _translated(error) from error
        content = _unpacked(packed)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Permanent("the stored object is not the one that was written: its SHA-256 differs")
        return content

    def _remove(self, name: str) -> None:
        try:
            self._bucket.blob(name).delete(timeout=ATTEMPT_SECONDS, retry=_retry())
        except google_errors.NotFound:
            return
        except _NETWORK_ERRORS as error:
            raise _translated(error) from error


_NETWORK_ERRORS = (
    google_errors.GoogleAPICallError,
    google_errors.RetryError,
    auth_errors.GoogleAuthError,
    requests_errors.RequestException,
)


def _retry() -> object:
    return DEFAULT_RETRY.with_timeout(RETRY_SECONDS)


def _translated(error: Exception) -> Permanent | Transient:
    """Google's error in our words; its own text may hold names and addresses, so only its kind is told."""
    if isinstance(error, google_errors.NotFound):
        return NotFound("the object, or its bucket, does not exist")
    refused = isinstance(error, google_errors.ClientError) and not isinstance(error, google_errors.TooManyRequests)
    if refused:
        return Permanent(f"object storage refused the request ({type(error).__name__}): check bucket and permissions")
    return Transient(f"object storage is not available ({type(error).__name__})")


def _unpacked(packed: bytes) -> bytes:
    """The content of a gzip stream, bounded. Raises Permanent for anything else."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(packed, LARGEST_OBJECT)
    except zlib.error as error:
        raise Permanent("the stored object is not readable: it is not gzip") from error
    if not stream.eof or stream.unused_data:
        raise Permanent("the stored object is not readable: it is cut short, too long, or has something after its end")
    return content
