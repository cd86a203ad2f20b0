"""Objects: calls and transcripts, written once, read back only if they are what was written.

calls = store.workspace(workspace_id)
stored = await calls.put("calls/01/7782.json", body)     # name, SHA-256 and size travel in the message
body = await calls.get(stored.name, stored.sha256)
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol

import google_crc32c
from isal import igzip
from msgspec import Struct

from cloud.batch import Version, deletions, not_deleted
from cloud.endpoint import Endpoint
from cloud.names import full_name, prefix_of
from cloud.storage import ATTEMPT_SECONDS, Exists, StorageClient, asked
from core.errors import CallmineError, Conflict, NotFound, Permanent
from core.ids import WorkspaceId

# An hour-long transcript is about 200 KB of JSON. 64 MiB is far above it and keeps a swapped object from filling memory.
LARGEST_OBJECT = 64 * 1024 * 1024

# Of ISA-L, which makes the same gzip as zlib does in a tenth of the time; level 2 leaves a transcript about 10 % longer than zlib's 6.
# Any reader of gzip unpacks it.
_GZIP_LEVEL = 2

# Below this, handing the work to a thread costs more than packing takes; it takes half a millisecond.
_PACKED_AT_ONCE = 128 * 1024


class StoredObject(Struct, frozen=True):
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

    def stream(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        """The same content piece by piece, the whole of it never in memory unpacked. Raises what `get` raises, before the first piece."""
        ...

    async def delete(self, name: str) -> None:
        """Remove `name`; no error if it is gone already."""
        ...


class WorkspaceFolder(WorkspaceObjects, Protocol):
    """All objects of one workspace, to be erased as well."""

    async def clear(self, most: int, below: str = "") -> int:
        """Delete at most `most` versions of objects, earlier ones too, whatever their names; how many there were. Raises Transient.

        `below`: only in this folder of it, as `exports/…`.
        """
        ...


class ObjectStore(Protocol):
    """All objects; every use goes through one workspace."""

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceObjects:
        """The objects of `workspace_id`."""
        ...


class GoogleObjects:
    """A Cloud Storage bucket."""

    def __init__(self, *, bucket: str, endpoint: Endpoint | None = None) -> None:
        """`endpoint` None means Google with the process's own identity (found on first use of the network)."""
        self._client = StorageClient(endpoint)
        self._bucket = bucket

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceFolder:
        """The objects of `workspace_id`. Raises InvalidInput for an id that is not one."""
        return _BucketFolder(self._client, self._bucket, prefix_of(workspace_id))

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        await self._client.close()


class _BucketFolder:
    """One workspace's folder."""

    def __init__(self, client: StorageClient, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    async def put(self, name: str, content: bytes) -> StoredObject:
        if len(content) > LARGEST_OBJECT:
            raise Permanent(f"an object may hold at most {LARGEST_OBJECT} bytes")
        whole = full_name(self._prefix, name)
        if len(content) < _PACKED_AT_ONCE:
            stored, packed = _packed(whole, content)
        else:
            stored, packed = await asyncio.to_thread(_packed, whole, content)
        await self._write(stored, packed)
        return stored

    async def get(self, name: str, sha256: str) -> bytes:
        whole = full_name(self._prefix, name)
        packed = await asked(lambda: self._read(whole))
        if len(packed) < _PACKED_AT_ONCE:
            return _checked(packed, sha256)
        return await asyncio.to_thread(_checked, packed, sha256)

    async def stream(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        whole = full_name(self._prefix, name)
        # All that is kept of it is fetched first: who reads slowly would hold one of few connections, and nothing unchecked is handed on.
        packed = await asked(lambda: self._read(whole))
        await asyncio.to_thread(_check, packed, sha256)
        for piece in _pieces(packed):
            yield piece

    async def delete(self, name: str) -> None:
        whole = full_name(self._prefix, name)
        try:
            await asked(lambda: self._client().delete(self._bucket, whole, timeout=ATTEMPT_SECONDS))
        except NotFound:
            return

    async def clear(self, most: int, below: str = "") -> int:
        # The prefix ends with a slash: no other folder begins with it.
        prefix = f"{full_name(self._prefix, below)}/" if below else self._prefix
        parameters = {"prefix": prefix, "versions": "true", "maxResults": str(most), "fields": _LISTED}
        page = await asked(
            lambda: self._client().list_objects(self._bucket, params=dict(parameters), timeout=ATTEMPT_SECONDS)
        )
        found = [Version(one["name"], str(one.get("generation", ""))) for one in page.get("items", ())[:most]]
        waiting = asyncio.Semaphore(_DELETED_SIDE_BY_SIDE)
        try:
            async with asyncio.TaskGroup() as group:
                for first in range(0, len(found), _DELETED_AT_ONCE):
                    group.create_task(self._delete_versions(found[first : first + _DELETED_AT_ONCE], waiting))
        except* CallmineError as failed:
            raise failed.exceptions[0] from failed
        return len(found)

    async def _delete_versions(self, versions: Sequence[Version], waiting: asyncio.Semaphore) -> None:
        """In one request; one by one, with the attempts of each, where its answer does not say of all that they are gone."""
        kind, content = deletions(self._bucket, versions)
        async with waiting:
            for version in not_deleted(versions, *await asked(lambda: self._client.batch(kind, content))):
                await self._delete_version(version)

    async def _delete_version(self, version: Version) -> None:
        parameters = {"generation": version.generation} if version.generation else {}
        try:
            await asked(
                lambda: self._client().delete(
                    self._bucket, version.name, params=dict(parameters), timeout=ATTEMPT_SECONDS
                )
            )
        except NotFound:
            return

    async def _write(self, stored: StoredObject, packed: bytes) -> None:
        # Cloud Storage refuses content that has another CRC32C than what it was sent with.
        crc32c = base64.b64encode(google_crc32c.value(packed).to_bytes(4, "big")).decode()
        metadata = {"metadata": {"sha256": stored.sha256}, "crc32c": crc32c}
        try:
            # Not marked `Content-Encoding: gzip`: servers would then unpack it on the way, each in its own way.
            await asked(
                lambda: self._client().upload(
                    self._bucket,
                    stored.name,
                    packed,
                    content_type="application/gzip",
                    # Nothing of the answer is read, which would otherwise describe the object in a kilobyte.
                    parameters={"ifGenerationMatch": "0", "fields": "generation"},
                    metadata=metadata,
                    # One request, whatever the size.
                    force_resumable_upload=False,
                    timeout=ATTEMPT_SECONDS,
                )
            )
        except Exists:
            await self._same_or_conflict(stored)

    async def _same_or_conflict(self, stored: StoredObject) -> None:
        """A second put: fine if the first wrote the same."""
        about = await asked(
            lambda: self._client().download_metadata(self._bucket, stored.name, timeout=ATTEMPT_SECONDS)
        )
        if about.get("metadata", {}).get("sha256") != stored.sha256:
            raise Conflict("an object of this name exists already, with other content; objects are written once")

    async def _read(self, name: str) -> bytes:
        """The object as it is kept, or as much of it as proves that it is too large."""
        stream = await self._client().download_stream(self._bucket, name, timeout=ATTEMPT_SECONDS)
        async with stream:
            parts, size = [], 0
            while size <= LARGEST_OBJECT and (part := await stream.read(_READ_AT_ONCE)):
                parts.append(part)
                size += len(part)
        return b"".join(parts)


_READ_AT_ONCE = 1024 * 1024

# All that is read of a list of objects.
_LISTED = "items(name,generation),nextPageToken"

# A few connections are left to those who read and write meanwhile.
_DELETED_SIDE_BY_SIDE = 16

# In one request, of the hundred that it may hold: a bucket that carries them out one after the other answers within seconds.
_DELETED_AT_ONCE = 25

# Of a stream: unpacked in about a millisecond.
_PIECE = 256 * 1024


def _packed(name: str, content: bytes) -> tuple[StoredObject, bytes]:
    """What is told of an object, and what is kept: the same bytes for the same content."""
    stored = StoredObject(name, hashlib.sha256(content).hexdigest(), len(content))
    return stored, igzip.compress(content, _GZIP_LEVEL, mtime=0)


def _checked(packed: bytes, sha256: str) -> bytes:
    """The content. Raises Permanent where it is not the one named by `sha256`."""
    content = _unpacked(packed)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Permanent("the stored object is not the one that was written: its SHA-256 differs")
    return content


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


def _check(packed: bytes, sha256: str) -> None:
    """Raise Permanent where the content is not the one named by `sha256`."""
    digest = hashlib.sha256()
    for piece in _pieces(packed):
        digest.update(piece)
    if digest.hexdigest() != sha256:
        raise Permanent("the stored object is not the one that was written: its SHA-256 differs")


def _pieces(packed: bytes) -> Iterator[bytes]:
    """The content of a gzip stream, bounded. Raises Permanent for anything else."""
    stream, size, rest = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), 0, packed
    try:
        while not stream.eof and (piece := stream.decompress(rest, _PIECE)):
            rest, size = stream.unconsumed_tail, size + len(piece)
            if size > LARGEST_OBJECT:
                break
            yield piece
    except zlib.error as error:
        raise Permanent("the stored object is not readable: it is not gzip") from error
    if not stream.eof or stream.unused_data:
        raise Permanent("the stored object is not readable: it is cut short, too long, or has something after its end")
