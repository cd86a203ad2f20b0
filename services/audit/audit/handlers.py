"""Use case: record what was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from audit import store
from audit.domain import Entry
from audit.log.keys import Salts
from audit.log.making import leaves_of, subjects_of
from database import Tx


async def record(tx: Tx, entries: Sequence[Entry], salts: Salts) -> None:
    """Add entries to the log of the transaction's workspace."""
    keys = await salts.keys(tx, subjects_of(entries))
    recorded_at = datetime.now(UTC)
    await store.add(tx, entries, recorded_at, leaves_of(tx.workspace_id, entries, recorded_at, keys), keys.epoch)
