"""The worker that destroys the data key of a workspace that is being erased, once nothing has to be read with it any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from core.context import working_for
from core.errors import CallmineError
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.domain.connections import Disconnected
from credential_vault.handlers.erasing import forget
from credential_vault.store import erasures as store
from database import Database, Tx
from messaging.erasure.store import read as tombstone_of

log = logger("credential_vault.erasures")

Shred = Callable[[Tx], Awaitable[object]]
"""Destroys the workspace's data key when the transaction commits, and sees to it that a restored backup does not bring it back."""

TellGone = Callable[[Tx, Disconnected], Awaitable[None]]
"""Tells the other services and the audit log, if and when the transaction commits, that an integration was disconnected."""

_CUT_OFF = "The workspace was erased before the provider had confirmed it."


class Eraser(Struct, frozen=True):
    """Carries erasures on. `pause_seconds` is how long it leaves one alone that still waits for a provider."""

    db: Database
    shred: Shred
    tell: TellGone
    pause_seconds: float = 300.0
    at_once: int = 20

    async def once(self) -> bool:
        """Look at the erasures that are due; False when none could be carried on. Raises Transient when the database is away."""
        due = await store.due(self.db, self.at_once)
        return any([await self._looked_at(workspace_id) for workspace_id in due])

    async def _looked_at(self, workspace_id: WorkspaceId) -> bool:
        with working_for(workspace_id, ""):
            try:
                await self._carry_on(workspace_id)
            except CallmineError as error:
                # Nothing of it has been committed; one workspace's trouble does not stop the others.
                log.warning("erasure is interrupted and will be repeated", cause=type(error).__name__)
                return False
        return True

    async def _carry_on(self, workspace_id: WorkspaceId) -> None:
        async with self.db.workspace(workspace_id) as tx:
            overdue = await store.claim(tx, self.pause_seconds)
            if overdue is None:
                return
            # Somebody may have connected again meanwhile: the erasure means that too. Of a workspace that all services erase nobody tells.
            quiet = await tombstone_of(tx) is not None
            for gone in await forget(tx):
                if not quiet:
                    await self.tell(tx, gone)
            if await store.any_pending(tx) and not overdue:
                return
            # In this order: whoever revokes locks the revocation first, then the data key.
            cut_off = await store.cut_off(tx, _CUT_OFF)
            await self.shred(tx)
            await store.end(tx)
            reach("erasure.before_commit")
        log.info("workspace erased", revocations_cut_off=cut_off)
