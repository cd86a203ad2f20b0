"""Every statement of this package, as functions that take a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from msgspec import Struct

from core.ids import WorkspaceId
from database import Batch, Row, Tx
from messaging.ports import Delivery


class OutboxRow(NamedTuple):
    """An event on its way into the outbox."""

    event_id: uuid.UUID
    topic: str
    ordering_key: str
    body: bytes
    attributes: Mapping[str, str]


class ClaimedRow(NamedTuple):
    """An event that a relay is about to publish; `attempts` have failed so far."""

    id: int
    workspace_id: str
    topic: str
    ordering_key: str
    body: bytes
    attributes: Mapping[str, str]
    attempts: int
    event_id: uuid.UUID


class Hold(Struct, frozen=True):
    """A lease on an outbox: its name and the fence it was taken with."""

    name: str
    fence: int


class Backlog(Struct, frozen=True):
    """How many events wait in the outbox, and how long the oldest has."""

    events: int
    oldest_seconds: float


async def insert_outbox(tx: Tx, rows: Sequence[OutboxRow]) -> None:
    """Write `rows` in their order."""
    if rows:
        await tx.execute(
            "outbox_insert",
            event_ids=[row.event_id for row in rows],
            topics=[row.topic for row in rows],
            ordering_keys=[row.ordering_key for row in rows],
            bodies=[row.body for row in rows],
            attributes=[dict(row.attributes) for row in rows],
        )


async def acquire_lease(tx: Tx, name: str, holder: str, seconds: float) -> Hold | None:
    """Take the lease called `name`; None when somebody else holds it."""
    fence = await tx.fetch_value("lease_acquire", lease=name, holder=holder, seconds=seconds)
    return Hold(name, cast(int, fence)) if fence is not None else None


async def renew_lease(tx: Tx, hold: Hold, seconds: float) -> bool:
    """Extend the lease from now; False when it is over or another relay's."""
    return await tx.execute("lease_renew", lease=hold.name, fence=hold.fence, seconds=seconds) == 1


async def release_lease(tx: Tx, hold: Hold) -> None:
    """Give the lease back if it is still ours."""
    await tx.execute("lease_release", lease=hold.name, fence=hold.fence)


async def claim_outbox(tx: Tx, hold: Hold, events: int, size: int) -> list[ClaimedRow]:
    """The oldest events that are due, at most `events` of them and about `size` bytes; none when the lease is lost."""
    rows = await tx.fetch("outbox_claim", lease=hold.name, fence=hold.fence, events=events, bytes=size)
    return [ClaimedRow._make(row) for row in rows]


async def delete_published(tx: Tx, hold: Hold, ids: Collection[int]) -> int:
    """Remove what has been published; how many rows went, none when the lease is lost."""
    return await tx.execute("outbox_delete", lease=hold.name, fence=hold.fence, ids=list(ids))


async def record_failures(tx: Tx, hold: Hold, delays: Mapping[int, float]) -> int:
    """Count a failed attempt for each id and hold its key back for so many seconds."""
    return await tx.execute(
        "outbox_failed", lease=hold.name, fence=hold.fence, ids=list(delays), seconds=list(delays.values())
    )


async def park_outgoing(tx: Tx, hold: Hold, reasons: Mapping[int, str]) -> int:
    """Move hopeless events aside, each with its reason."""
    return await tx.execute(
        "outbox_park", lease=hold.name, fence=hold.fence, ids=list(reasons), reasons=list(reasons.values())
    )


async def outbox_backlog(tx: Tx) -> Backlog:
    """What waits in the outbox."""
    row = await tx.fetch_one("outbox_backlog")
    assert row is not None, "an aggregate always has a row"  # noqa: S101
    return Backlog(row["events"], row["oldest_seconds"])


async def enter_and_hear(
    batch: Batch, workspace_id: WorkspaceId, consumer: str, event_ids: Sequence[uuid.UUID]
) -> tuple[Tx, set[uuid.UUID]]:
    """Enter a workspace and note events as heard there by `consumer`; those that had not been."""
    tx, rows = await batch.enter_with(workspace_id, "inbox_enter", consumer=consumer, event_ids=event_ids)
    return tx, {row["event_id"] for row in rows}


async def hear_each(
    batch: Batch, consumer: str, heard: Mapping[WorkspaceId, Sequence[uuid.UUID]]
) -> dict[WorkspaceId, set[uuid.UUID]]:
    """The same in several workspaces and one round trip: note events as heard, and answer with those that had not been, by workspace."""
    rows = await batch.enter_each(
        "inbox_enter", list(heard), consumer=[consumer] * len(heard), event_ids=list(heard.values())
    )
    fresh: dict[WorkspaceId, set[uuid.UUID]] = {}
    for row in rows:
        fresh.setdefault(WorkspaceId(row["workspace_id"]), set()).add(row["event_id"])
    return fresh


async def purge_inbox(tx: Tx, days: int, events: int) -> int:
    """Forget at most `events` events heard more than `days` days ago; how many were forgotten."""
    return await tx.execute("inbox_purge", days=days, events=events)


class Rejected(Struct, frozen=True):
    """A delivery to be parked and why; the workspace where it could be read."""

    delivery: Delivery
    reason: str
    workspace_id: WorkspaceId | None = None

    @property
    def event_id(self) -> str:
        """The event's id; of a message that could not be read the broker's, for its attributes may say anything, the same of two."""
        told = self.delivery.attributes.get("ce-id") if self.workspace_id is not None else None
        return told or f"message:{self.delivery.id}"


async def park_incoming(tx: Tx, rejected: Sequence[Rejected]) -> None:
    """Park deliveries; parking one twice changes nothing."""
    once = {(one.workspace_id, one.delivery.subscription, one.event_id): one for one in rejected}
    messages = list(once.values())
    await tx.execute(
        "parked_insert",
        workspace_ids=[one.workspace_id for one in messages],
        sources=[one.delivery.subscription or "-" for one in messages],
        event_ids=[one.event_id for one in messages],
        types=[one.delivery.attributes.get("ce-type", "") for one in messages],
        reasons=[one.reason for one in messages],
        bodies=[one.delivery.body for one in messages],
        attributes=[dict(one.delivery.attributes) for one in messages],
        ordering_keys=[one.delivery.ordering_key for one in messages],
    )


async def parked_waiting(tx: Tx) -> int:
    """How many messages are parked."""
    return cast(int, await tx.fetch_value("parked_waiting"))


class ParkedMessage(Struct, frozen=True):
    """A parked message without its body. `source` is the subscription it came by, or the topic it could not be published to."""

    id: int
    direction: str
    workspace_id: str | None
    source: str
    event_id: str
    type: str
    reason: str
    attributes: Mapping[str, str]
    ordering_key: str
    size: int
    parked_at: datetime
    state: str


async def parked_page(tx: Tx, state: str, before: int, messages: int) -> list[ParkedMessage]:
    """Parked messages in `state` with ids below `before`, newest first."""
    rows = await tx.fetch("parked_page", state=state, before=before, messages=messages)
    return [_parked(row) for row in rows]


async def parked_by_id(tx: Tx, message_id: int) -> tuple[ParkedMessage, bytes] | None:
    """A parked message and its body."""
    row = await tx.fetch_one("parked_by_id", id=message_id)
    return (_parked(row), row["body"]) if row is not None else None


async def republish(tx: Tx, message_id: int) -> bool:
    """Put an outgoing parked message back into the outbox; False when it is not parked any more."""
    return await tx.execute("parked_republish", id=message_id) == 1


async def mark_replayed(tx: Tx, message_id: int) -> bool:
    """Note that an incoming parked message was processed after all."""
    return await tx.execute("parked_replayed", id=message_id) == 1


async def drop(tx: Tx, message_id: int) -> bool:
    """Throw a parked message's body away; False when it is not parked any more."""
    return await tx.execute("parked_drop", id=message_id) == 1


def _parked(row: Row) -> ParkedMessage:
    return ParkedMessage(*(row[name] for name in ParkedMessage.__struct_fields__))
