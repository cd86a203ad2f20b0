"""Rewrapping: every data key moves to the primary key of the keyset, and all it encrypted is encrypted anew with a fresh data key.

One transaction for each workspace, so that nobody reads the old with the new or the new with the old:

1. the data key's row is locked; while somebody reads or writes credentials there, the workspace is come back to later;
2. its ciphertexts are locked; if one is being changed right now, nothing is done, and the workspace is come back to later;
3. they are decrypted and encrypted for the very same slots, and put in the place of the same versions;
4. the new data key is put in the place of the generation it was made from.

Whatever is interrupted leaves no trace, and the next run goes on with what another key still wraps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from core.clock import Clock, SystemClock
from core.errors import Transient
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.encryption.keyring import CannotDecrypt, Keyring
from credential_vault.encryption.keyset import wrapping_key_of
from credential_vault.store import keys as store
from database import Database, Tx

log = logger("credential_vault.rewrapping")

# Workspaces that are looked up at a time, and how many of them are worked on side by side: requests keep the other connections.
BATCH: Final = 200
SIDE_BY_SIDE: Final = 3

# Before what was in use is tried again.
_AGAIN_SECONDS: Final = 0.2
# A workspace that is in use, or a database that is away, for so many rounds on end is reported, not waited for.
_ROUNDS_WITHOUT_PROGRESS: Final = 100

Progress = Callable[[int, int], None]
"""Called with how many data keys are done, and how many there are to do."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a run has done. `broken` are data keys or ciphertexts that did not open; they stay as they were."""

    data_keys: int = 0
    fields: int = 0
    broken: tuple[WorkspaceId, ...] = ()
    busy: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is left."""
        return not self.broken and not self.busy


class Rewrapping(Struct):
    """One run. Several may run at once: each workspace is moved by one of them."""

    db: Database
    keyring: Keyring
    progress: Progress = lambda done, total: None
    clock: Clock | None = None
    _data_keys: int = 0
    _fields: int = 0

    async def run(self) -> Rewrapped:
        """Move everything to the keyring's primary key. Raises Transient when the database stays away."""
        clock = self.clock or SystemClock()
        total = await store.left_to_move(self.db, self.keyring.primary)
        broken: set[WorkspaceId] = set()
        idle = 0
        while True:
            before = self._data_keys
            busy = await self._round(broken, total)
            idle = 0 if self._data_keys > before else idle + 1
            if not busy or idle > _ROUNDS_WITHOUT_PROGRESS:
                break
            await clock.sleep(_AGAIN_SECONDS)
        result = Rewrapped(self._data_keys, self._fields, tuple(sorted(broken)), busy)
        log.info("rewrapped", data_keys=result.data_keys, fields=result.fields, broken=len(broken), busy=busy)
        return result

    async def _round(self, broken: set[WorkspaceId], total: int) -> int:
        """Go through all workspaces once; how many were in use."""
        after, busy = "", 0
        while batch := await store.workspaces_to_move(self.db, self.keyring.primary, after, BATCH):
            after = batch[-1]
            busy += await self._batch([one for one in batch if one not in broken], broken)
            self.progress(self._data_keys, total)
        return busy

    async def _batch(self, workspaces: Sequence[WorkspaceId], broken: set[WorkspaceId]) -> int:
        waiting = iter(workspaces)
        busy = 0

        async def work() -> None:
            nonlocal busy
            for workspace_id in waiting:
                try:
                    # In two steps: in one, the number would be read before the wait, and what others counted meanwhile be lost.
                    moved = await self.move(workspace_id)
                    busy += not moved
                except CannotDecrypt:
                    broken.add(workspace_id)
                    log.error("a workspace's ciphertexts do not open and stay as they are")

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(SIDE_BY_SIDE):
                    group.create_task(work())
        except ExceptionGroup as failures:
            # The first is what went wrong; the others were in the middle of the same.
            raise failures.exceptions[0] from None
        return busy

    async def move(self, workspace_id: WorkspaceId) -> bool:
        """Move one workspace; False when it is in use. Raises CannotDecrypt when its data key, or what that encrypted, does not open."""
        try:
            async with self.db.workspace(workspace_id) as tx:
                moved = await self._moved(tx)
        except Transient:
            return False
        if moved is None:
            return False
        self._data_keys += 1
        self._fields += moved
        return True

    async def _moved(self, tx: Tx) -> int | None:
        found = await store.to_move(tx, self.keyring.primary)
        if found is None:
            return None
        await self.keyring.follow(wrapping_key_of(found.wrapped))
        new_key = self.keyring.renewed_data_key(found.wrapped, tx.workspace_id)
        old = await store.ciphertexts(tx)
        new = [self._reencrypted(one, found.wrapped, new_key) for one in old]
        reach("rewrap.before_ciphertexts")
        if await store.replace_ciphertexts(tx, new) != len(old):
            raise Transient("a credential was changed while it was encrypted anew")
        reach("rewrap.before_data_key")
        if not await store.move(tx, found.generation, new_key):
            raise Transient("a data key was changed while it was moved")
        reach("rewrap.before_commit")
        return sum(len(one.fields) for one in old)

    def _reencrypted(self, held: store.Ciphertexts, old_key: bytes, new_key: bytes) -> store.Ciphertexts:
        """Each field decrypted and encrypted for the same slot."""
        fields = {
            slot.field: self.keyring.encrypt(new_key, slot, self.keyring.decrypt(old_key, slot, ciphertext))
            for slot, ciphertext in held.placed()
        }
        return replace(held, fields=fields)
