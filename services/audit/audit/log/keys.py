"""The keys that salts are derived from, remembered between batches so that recording an entry asks the database for nothing."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys by subject, and the epoch in which they hold."""

    epoch: int
    of: Mapping[str, bytes]


@dataclass(slots=True)
class _Kept:
    epoch: int
    since: float
    keys: dict[str, bytes]


class Salts:
    """The keys of all workspaces that are at work."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._kept: OrderedDict[WorkspaceId, _Kept] = OrderedDict()

    async def keys(self, tx: Tx, subjects: Collection[str]) -> Keys:
        """The keys of `subjects` in the transaction's workspace, made where there are none. Raises Transient."""
        kept = self._known(tx.workspace_id)
        if kept is not None:
            if kept.keys.keys() >= set(subjects):
                return Keys(kept.epoch, kept.keys)
            missing = set(subjects) - kept.keys.keys()
            found, epoch = await _taken(tx, missing)
            if epoch == kept.epoch:
                return self._keep(tx, Keys(epoch, {**kept.keys, **found}), kept.since)
        found, epoch = await _taken(tx, set(subjects))
        return self._keep(tx, Keys(epoch, found), self._clock.monotonic())

    def _known(self, workspace_id: WorkspaceId) -> _Kept | None:
        kept = self._kept.get(workspace_id)
        if kept is not None and (
            self._clock.monotonic() - kept.since > _SECONDS or len(kept.keys) > _SUBJECTS
        ):
            del self._kept[workspace_id]
            return None
        return kept

    def _keep(self, tx: Tx, keys: Keys, since: float) -> Keys:
        """Remember the keys once they are committed."""
        workspace_id = tx.workspace_id

        def remember() -> None:
            self._kept[workspace_id] = _Kept(keys.epoch, since, dict(keys.of))
            self._kept.move_to_end(workspace_id)
            if len(self._kept) > _WORKSPACES:
                self._kept.popitem(last=False)

        tx.on_commit(remember)
        return keys


async def _taken(tx: Tx, subjects: Collection[str]) -> tuple[dict[str, bytes], int]:
    fresh = {subject: secrets.token_bytes(KEY_BYTES) for subject in sorted(subjects)}
    for _ in range(_TRIES):
        found, epoch = await store.take_keys(tx, fresh)
        if found.keys() == fresh.keys():
            return found, epoch
    raise Transient("the keys of an audit entry are being made elsewhere; it will be tried again")
