"""The global log: it holds a commitment to each workspace's checkpoints, and its own head is public.

Who shows one workspace another history than another reader has to keep it up in the global log as well, in front of everybody. A leaf's
data is

    SHA-256("callmine-audit-anchor/v1" LF, blind of 32 random bytes, the signed checkpoint)

so that the public log does not say which workspaces there are, nor how much each does.
"""

from __future__ import annotations

import secrets
from hashlib import sha256

from audit.log.note import Checkpoint, Keyring
from audit.log.store import sweeps
from audit.log.store.sweeps import Anchoring
from audit.log.tree import leaf_hash, tiles_of
from core.errors import Transient
from core.faultpoints import reach
from database import Database

ANCHOR = b"callmine-audit-anchor/v1\n"

# Checkpoints in one transaction.
_MOST = 2_000


def origin_of(origin: str) -> str:
    """The name of the global log."""
    return f"{origin}/global"


def anchor_data(blind: bytes, checkpoint: str) -> bytes:
    """What a leaf of the global log holds."""
    return sha256(ANCHOR + blind + checkpoint.encode()).digest()


async def anchor(db: Database, keyring: Keyring, origin: str) -> int:
    """Put the checkpoints of logs that have grown into the global log; how many. Raises Transient."""
    async with db.sweep() as tx:
        # First, so that two sealers never wait for each other in a circle.
        old = (await sweeps.lock_global(tx)).range
        waiting = await sweeps.unanchored(tx, _MOST)
        if not waiting:
            return 0
        anchors = [
            Anchoring(workspace_id, size, checkpoint, secrets.token_bytes(32), old.size + place)
            for place, (workspace_id, size, checkpoint) in enumerate(waiting)
        ]
        new, tiled = old.extended([leaf_hash(anchor_data(one.blind, one.checkpoint)) for one in anchors])
        note = keyring.sign(Checkpoint(origin_of(origin), new.size, new.root).body)
        await sweeps.anchor(tx, anchors)
        if not await sweeps.write_global(tx, old, new, note, tiles_of(tiled)):
            raise Transient("the global log has grown meanwhile; it will be tried again")
        reach("audit.anchor.before_commit")
    reach("audit.anchor.after_commit")
    return len(anchors)
