"""Broken versions of the real parts: each leaves out one thing that delivery rests on. A proof that lets one pass proves nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence

import pytest

from core.ids import WorkspaceId
from database import Batch, Tx
from messaging import Relay, store
from messaging.lease import Lease
from messaging.relay import _Outcome
from messaging.store import ClaimedRow, Hold

Mutation = Callable[[pytest.MonkeyPatch], None]


def no_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every delivery counts as new."""

    async def all_fresh(
        batch: Batch, workspace_id: WorkspaceId, consumer: str, event_ids: Sequence[uuid.UUID]
    ) -> tuple[Tx, set[uuid.UUID]]:
        del consumer
        return await batch.enter(workspace_id), set(event_ids)

    monkeypatch.setattr(store, "enter_and_hear", all_fresh)


def delete_before_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events leave the outbox before the broker has them."""
    publish_all = Relay._publish_all

    async def delete_first(relay: Relay, rows: list[ClaimedRow], outcome: _Outcome) -> None:
        async with relay._db.sweep() as tx:
            await store.delete_published(tx, relay._lease.hold, [row.id for row in rows])
        await publish_all(relay, rows, outcome)

    monkeypatch.setattr(Relay, "_publish_all", delete_first)


def no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every relay believes that it holds the lease, for ever."""
    forever = 1e9

    async def shared(tx: Tx, name: str, holder: str, seconds: float) -> Hold:
        await tx.fetch_value("lease_acquire", lease=name, holder=holder, seconds=seconds * forever)
        return Hold(name, int(str(await tx.fetch_value("fence_of", lease=name))))

    async def always(lease: Lease, needed: float) -> float:
        del lease
        return needed

    monkeypatch.setattr(store, "acquire_lease", shared)
    monkeypatch.setattr(Lease, "keep", always)


def cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay goes on behind the highest id it has published: what commits late is behind it."""
    claim, delete = store.claim_outbox, store.delete_published
    highest = 0

    async def claim_behind(tx: Tx, hold: Hold, events: int, size: int) -> list[ClaimedRow]:
        return [row for row in await claim(tx, hold, events, size) if row.id > highest]

    async def delete_and_remember(tx: Tx, hold: Hold, ids: Collection[int]) -> int:
        nonlocal highest
        highest = max([highest, *ids])
        return await delete(tx, hold, ids)

    monkeypatch.setattr(store, "claim_outbox", claim_behind)
    monkeypatch.setattr(store, "delete_published", delete_and_remember)


MUTANTS: dict[str, Mutation] = {
    "no inbox": no_inbox,
    "delete before publish": delete_before_publish,
    "no fence": no_fence,
    "cursor": cursor,
}
