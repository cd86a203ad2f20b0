"""Ingest's part in the erasure of a workspace: the organisation at Clerk is deleted, after which nobody can sign in to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database
from messaging.erasure import Tombstone
from messaging.erasure.store import note_providers

_GONE = "the organisation is deleted, with its members and invitations"


class Organisations(Protocol):
    """Where people sign in."""

    async def delete(self, workspace_id: WorkspaceId) -> None:
        """Delete a workspace's organisation. Again is fine. Raises Permanent, Transient."""


class ClerkPart(Struct, frozen=True):
    """Deletes the organisation once the workspace is frozen, so that what Clerk tells of it finds nobody."""

    db: Database
    organisations: Organisations

    async def may_close(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> bool:
        """Once the organisation is deleted. Raises Permanent and Transient, after which it is tried again."""
        del tombstone
        await self.organisations.delete(workspace_id)
        async with self.db.workspace(workspace_id) as tx:
            await note_providers(tx, {"clerk": _GONE})
        return True

    async def erase_first(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> Mapping[str, int]:
        """Nothing: everything goes row by row."""
        del workspace_id, tombstone
        return {}
