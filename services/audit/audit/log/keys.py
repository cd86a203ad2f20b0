"""The keys that salts are derived from, remembered between batches so that recording an entry asks the database for nothing."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection, Mapping

from msgspec import Struct

from audit.log import store
from core.clock import Clock, SystemClock
from core.errors import Transient
from core.ids import WorkspaceId
from database import Tx

KEY_BYTES = 32

# What is kept of how many workspaces, and of how many people in each; for so long, after which the epoch is asked for again. A key that was
# deleted meanwhile does no harm: its leaves carry the old epoch and are made anew before they are sealed.
_WORKSPACES, _SUBJECTS, _SECONDS = 2_000, 2_000, 60.0

# A key that another transaction made at this moment is seen by the next statement.
_TRIES = 5


class Keys(Struct, frozen=True):
    """Keys by subject, and the epoch in which they hold."""

    epoch: int
    of: Mapping[str, bytes]


class _Kept(Struct):
    epoch: int
    since: float
    keys: dict[str, bytes]


class Salts:
    """The keys of all workspaces that are at work."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Nothing is known yet."""
        self._clock = clock or SystemClock()
        self._kept: OrderedDict[WorkspaceId, _Kept] = OrderedDict()

    def remembered(self, workspace_id: WorkspaceId, subjects: Collection[str]) -> Keys | None:
        """The keys of `subjects` without asking the database; None where it would have to be asked."""
        kept = self._recent(workspace_id)
        if kept is None or any(one not in kept.keys for one in subjects):
            return None
        return Keys(kept.epoch, kept.keys)

    async def known(self, tx: Tx, subjects: Collection[str]) -> Keys | None:
        """The keys of `subjects` in the transaction's workspace; None where one of them has none yet.

        Recording makes no keys: two transactions that make the same one would wait for each other. Sealing does.
        """
        kept = self._recent(tx.workspace_id)
        missing = [one for one in subjects if kept is None or one not in kept.keys]
        if missing:
            found, epoch = await store.read_keys(tx, missing)
            if kept is None or epoch != kept.epoch:
                kept = self._keep(tx.workspace_id, _Kept(epoch, self._clock.monotonic(), {}))
                found, epoch = await store.read_keys(tx, subjects)
            kept.keys |= found
            if epoch != kept.epoch or any(one not in kept.keys for one in subjects):
                return None
        assert kept is not None  # noqa: S101 - an entry always has subjects
        return Keys(kept.epoch, kept.keys)

    def _recent(self, workspace_id: WorkspaceId) -> _Kept | None:
        kept = self._kept.get(workspace_id)
        if kept is None or self._clock.monotonic() - kept.since > _SECONDS or len(kept.keys) > _SUBJECTS:
            return None
        return kept

    def _keep(self, workspace_id: WorkspaceId, kept: _Kept) -> _Kept:
        self._kept[workspace_id] = kept
        self._kept.move_to_end(workspace_id)
        if len(self._kept) > _WORKSPACES:
            self._kept.popitem(last=False)
        return kept


async def made(tx: Tx, subjects: Collection[str]) -> Keys:
    """The keys of `subjects`, made where there are none. Raises Transient."""
    fresh = {subject: secrets.token_bytes(KEY_BYTES) for subject in sorted(subjects)}
    for _ in range(_TRIES):
        found, epoch = await store.take_keys(tx, fresh)
        if found.keys() == fresh.keys():
            return Keys(epoch, found)
    raise Transient("the keys of an audit entry are being made elsewhere; it will be tried again")
