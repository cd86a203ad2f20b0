"""Use case: record what was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from audit import store
from audit.domain import Entry
from audit.log.keys import Salts
from audit.log.making import UNMADE, leaves_of, subjects_of
from database import Tx


async def record(tx: Tx, entries: Sequence[Entry], salts: Salts) -> None:
    """Add entries to the log of the transaction's workspace. Where a person has no key yet, their leaves are made when they are sealed."""
    keys = await salts.known(tx, subjects_of(entries))
    recorded_at = datetime.now(UTC)
    if keys is None:
        await store.add(tx, entries, recorded_at, [b""] * len(entries), UNMADE)
    else:
        await store.add(tx, entries, recorded_at, leaves_of(tx.workspace_id, entries, recorded_at, keys), keys.epoch)
