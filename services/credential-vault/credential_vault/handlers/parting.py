"""The vault's part in the erasure of a workspace: access is ended at the providers and the data key destroyed before any row goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from core.ids import WorkspaceId
from credential_vault.handlers.erasing import DEADLINE, GRACE, forget
from credential_vault.store import erasures as store
from database import Database
from messaging.erasure import Tombstone
from messaging.erasure.store import note_providers


class VaultPart(Struct, frozen=True):
    """How long the data key is kept at least and at most: see handlers.erasing."""

    db: Database
    grace: timedelta = GRACE
    deadline: timedelta = DEADLINE

    async def may_close(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> bool:
        """Once every revocation has come to its outcome, or time is up, and the data key is destroyed."""
        async with self.db.workspace(workspace_id) as tx:
            if not await store.shredded_for(tx, tombstone.asked_at):
                # Nobody is told that integrations are disconnected: the others erase what they know of them.
                await store.ask(tx, self.grace, self.deadline)
                await forget(tx)
                return False
            await note_providers(tx, await store.outcomes(tx))
        return True

    async def erase_first(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> Mapping[str, int]:
        """Nothing: the key is destroyed."""
        del workspace_id, tombstone
        return {}
