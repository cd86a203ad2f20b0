"""Object storage in memory, with the product's own rule for names; one bucket a world, as in production."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from cloud.names import full_name, prefix_of
from cloud.objects import StoredObject, WorkspaceObjects
from core.errors import Conflict, NotFound, Permanent
from core.ids import WorkspaceId


@dataclass(slots=True)
class Bucket:
    """Objects by their whole name, written once."""

    held: dict[str, bytes] = field(default_factory=dict)

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceObjects:
        """The objects of `workspace_id`."""
        return _Folder(self.held, prefix_of(workspace_id))

    async def close(self) -> None:
        """Nothing to close."""


@dataclass(slots=True)
class _Folder:
    held: dict[str, bytes]
    prefix: str

    async def put(self, name: str, content: bytes) -> StoredObject:
        whole = full_name(self.prefix, name)
        if self.held.setdefault(whole, content) != content:
            raise Conflict("an object of this name exists already, with other content; objects are written once")
        return StoredObject(whole, hashlib.sha256(content).hexdigest(), len(content))

    async def get(self, name: str, sha256: str) -> bytes:
        content = self.held.get(full_name(self.prefix, name))
        if content is None:
            raise NotFound("the object, or its bucket, does not exist")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Permanent("the stored object is not the one that was written: its SHA-256 differs")
        return content

    async def stream(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        yield await self.get(name, sha256)

    async def delete(self, name: str) -> None:
        self.held.pop(full_name(self.prefix, name), None)
