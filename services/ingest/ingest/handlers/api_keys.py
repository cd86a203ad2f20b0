"""API keys: made and taken back by admins, told to all services and audited, in one transaction; and when they were used last."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from msgspec import Struct

from contracts import Event
from core.clock import Clock
from core.errors import Conflict, Forbidden, NotFound
from core.faultpoints import reach
from core.ids import WorkspaceId, uuid7
from database import Database, Tx
from ingest import events
from ingest.domain.api_keys import MOST_USABLE, ApiKey, KeyState, KeyWish, created_diff
from ingest.domain.members import Role
from ingest.handlers.administering import Admin
from ingest.handlers.taking_back import take_back, tell
from ingest.store import api_keys, workspaces
from messaging import Outbox

Mint = Callable[[WorkspaceId, uuid.UUID], str]
"""Makes the text of a key."""

Digest = Callable[[str], bytes]
"""What is stored of a key's text."""


class Made(Struct, frozen=True):
    """A new key, and the only time that its text is there."""

    key: ApiKey
    text: str


class ApiKeys(Struct, frozen=True):
    """The use cases."""

    db: Database
    outbox: Outbox
    mint: Mint
    digest: Digest
    clock: Clock

    async def create(self, admin: Admin, wish: KeyWish, request_id: uuid.UUID | None) -> Made:
        """Make a key that acts for the admin. Raises Conflict when the same request has made one, or there are too many.

        The workspace's row is the lock: somebody who is being removed makes no key that outlives the removal.
        """
        key_id = uuid7()
        text = self.mint(admin.workspace_id, key_id)
        new = api_keys.NewKey(key_id, request_id or uuid7(), self.digest(text), self.clock.now())
        async with self.db.workspace(admin.workspace_id) as tx:
            if await workspaces.known(tx) is None:
                raise NotFound("Your workspace is still being set up. Try again in a moment.")
            await _check_admin(tx, admin)
            if await api_keys.usable(tx) >= MOST_USABLE:
                raise Conflict(
                    f"A workspace has at most {MOST_USABLE} API keys in use. Revoke one that nothing uses any more."
                )
            key = await api_keys.insert(tx, new, wish, admin.actor)
            if key is None:
                raise Conflict(
                    "This request has made its key already, and a key is shown once. If it did not reach you, revoke it and make another."
                )
            told = events.api_key_created(key, new.digest)
            await tell(tx, self.outbox, key, admin.actor, told, events.api_key_action(key, created_diff(key)))
            reach("api_keys.before_commit")
        return Made(key, text)

    async def page(self, workspace_id: WorkspaceId, before: uuid.UUID | None, size: int) -> list[ApiKey]:
        """So many keys, newest first."""
        async with self.db.workspace(workspace_id) as tx:
            return await api_keys.page(tx, before, size)

    async def read(self, workspace_id: WorkspaceId, key_id: uuid.UUID) -> ApiKey:
        """One key. Raises NotFound."""
        async with self.db.workspace(workspace_id) as tx:
            found = await api_keys.read(tx, key_id)
        if found is None:
            raise NotFound("There is no such API key.")
        return found

    async def revoke(self, admin: Admin, key_id: uuid.UUID) -> None:
        """Take a key back, whoever made it; of one that was taken back already nothing changes. Raises NotFound."""
        async with self.db.workspace(admin.workspace_id) as tx:
            if await workspaces.known(tx) is None or (known := await api_keys.read(tx, key_id)) is None:
                raise NotFound("There is no such API key.")
            if known.state is not KeyState.REVOKED:
                revoked = await api_keys.revoke(tx, key_id)
                await take_back(tx, self.outbox, [revoked] if revoked else [], admin.actor)


async def note_used(tx: Tx, event: Event[events.ApiKeyUsed]) -> None:
    """Another service says that a key is in use. Raises InvalidInput for one that names none."""
    key_id, used_at = events.key_use(event.payload)
    await api_keys.used(tx, key_id, used_at)


async def _check_admin(tx: Tx, admin: Admin) -> None:
    """Whom Clerk has not told of yet is an admin by the token alone."""
    stored = await workspaces.read_member(tx, admin.user_id)
    if stored is not None and (stored.membership.removed or stored.membership.role is not Role.ADMIN):
        raise Forbidden("Only admins of this workspace can make API keys.")
