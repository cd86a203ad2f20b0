"""Use case: record what was done."""

from __future__ import annotations

from collections.abc import Sequence

from audit import store
from audit.domain import Entry
from database import Tx


async def record(tx: Tx, entries: Sequence[Entry]) -> None:
    """Add entries to the log of the transaction's workspace."""
    await store.add(tx, entries)
