"""Gong's webhooks: a call is there. Noted by its id, so that people see that there is something new to ask about."""

from __future__ import annotations

from database import Tx
from ingest.domain.webhooks import NoticedCall
from ingest.store import webhooks


async def note_call(tx: Tx, call: NoticedCall) -> bool:
    """Note the call; False if it was noted before. What is fetched, and when, Gong's own list decides: a notice is a hint."""
    return await webhooks.note_call(tx, call.call_id, call.started_at)
