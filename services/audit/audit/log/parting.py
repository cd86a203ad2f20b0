"""The log's part in the erasure of a workspace: it comes last, and what proves it stays."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from audit.log import store
from audit.log.erasure import Seal, erase
from core.ids import WorkspaceId
from database import Database
from messaging.erasure import Tombstone

# Those who write entries; retention's own part is no service's to wait for.
BEFORE = frozenset({"ingest", "analysis", "credential-vault"})


class LogPart(Struct, frozen=True):
    """`seal` gives everything that has arrived its place in the log."""

    db: Database
    seal: Seal

    async def may_close(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> bool:
        """Once the others have erased."""
        del workspace_id
        return set(tombstone.others) >= BEFORE

    async def erase_first(self, workspace_id: WorkspaceId, tombstone: Tombstone) -> Mapping[str, int]:
        """Entries and salts, in one transaction with the leaf that says which were erased; once for each erasure.

        What is there after that, though nothing can be, is erased like anything else.
        """
        async with self.db.workspace(workspace_id) as tx:
            before = await store.count_entries(tx)
        await erase(self.db, self.seal, workspace_id, tombstone.erasure_id)
        async with self.db.workspace(workspace_id) as tx:
            await store.delete_entries(tx)
            await store.forget_all_keys(tx)
        return {"entries": before} if before else {}
