"""The inbox forgets what is old, and nothing else."""

from __future__ import annotations

from chaos.effects import effect_routes
from database import Database
from integration.messaging.memory import count, delivery, event
from messaging import Consumer
from messaging.upkeep import KEPT_DAYS, forget_heard


async def test_only_events_heard_long_ago_are_forgotten(db: Database) -> None:
    consumer = Consumer("analysis", db, effect_routes())
    await consumer.process([delivery(event()), delivery(event("run-2"))])
    assert await forget_heard(db) == 0
    await _hear_long_ago(db)
    assert await count(db, "inbox") == 3
    assert await forget_heard(db) == 1
    assert await count(db, "inbox") == 2


async def _hear_long_ago(db: Database) -> None:
    async with db.workspace(event().workspace_id) as tx:
        await tx.execute("inbox_heard_long_ago", days=KEPT_DAYS + 1)
