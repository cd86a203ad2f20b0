"""The outbox: what a service has to say, written in the transaction that makes it true."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from google.protobuf.message import Message
from msgspec import Struct, field

from contracts import Actor, Event, attributes_of, ordering_key_of, pack, publishers_of, topic_for
from core.clock import Clock, SystemClock
from core.context import current
from core.errors import InvalidInput
from core.faultpoints import reach
from database import Tx
from messaging import store
from telemetry.traceparent import trace_of

# Pub/Sub's limit on ordering keys, in bytes (cloud.google.com/pubsub/quotas).
LONGEST_ORDERING_KEY = 1024


class Draft(Struct, frozen=True, kw_only=True):
    """An event to be: what happened, to which aggregate, and why.

    `sequence` rises within the aggregate; consumers let the highest one win. `cause` is the event that is being handled. `requester`
    names the service at the other end of a credential topic.
    """

    payload: Message
    aggregate_id: str
    sequence: int
    actor: Actor = field(default_factory=Actor)
    cause: Event[Message] | None = None
    requester: str | None = None


class Outbox:
    """Writes events of one service. `wake` is called after each commit that added some: a hint for the relay, nothing depends on it."""

    def __init__(self, producer: str, wake: Callable[[], None] | None = None, clock: Clock | None = None) -> None:
        self._producer = producer
        self._wake = wake
        self._clock = clock or SystemClock()
        self._buffers: WeakKeyDictionary[Tx, list[store.OutboxRow]] = WeakKeyDictionary()

    async def add(
        self,
        tx: Tx,
        payload: Message,
        *,
        aggregate_id: str,
        sequence: int,
        actor: Actor | None = None,
        cause: Event[Message] | None = None,
        requester: str | None = None,
    ) -> uuid.UUID:
        """Publish `payload` if and when `tx` commits; the event's id.

        Raises ValueError for a message that this service may not publish, InvalidInput for an aggregate id that is empty or too long.
        """
        draft = Draft(
            payload=payload,
            aggregate_id=aggregate_id,
            sequence=sequence,
            actor=actor or Actor(),
            cause=cause,
            requester=requester,
        )
        return (await self.add_many(tx, [draft]))[0]

    async def add_many(self, tx: Tx, drafts: Sequence[Draft]) -> list[uuid.UUID]:
        """The same for several events, in this order; their ids."""
        rows = [self._row(tx, draft) for draft in drafts]
        self._buffer_of(tx).extend(rows)
        return [row.event_id for row in rows]

    def _buffer_of(self, tx: Tx) -> list[store.OutboxRow]:
        buffer = self._buffers.get(tx)
        if buffer is None:
            buffer = self._buffers[tx] = []
            tx.before_commit(lambda: self._flush(tx))
            if self._wake is not None:
                tx.on_commit(self._wake)
        return buffer

    def _row(self, tx: Tx, draft: Draft) -> store.OutboxRow:
        topic = topic_for(draft.payload, draft.requester)
        if self._producer not in publishers_of(topic):
            raise ValueError(f"{self._producer} may not publish to {topic}: see contracts.registry")
        ordering_key = ordering_key_of(tx.workspace_id, draft.aggregate_id)
        if not draft.aggregate_id or len(ordering_key.encode()) > LONGEST_ORDERING_KEY:
            raise InvalidInput(
                f"aggregate_id is part of the ordering key: it may not be empty, and both have at most {LONGEST_ORDERING_KEY} bytes"
            )
        event = self._event(tx, draft)
        return store.OutboxRow(event.event_id, topic, ordering_key, pack(event), attributes_of(event))

    def _event(self, tx: Tx, draft: Draft) -> Event[Message]:
        context = current()
        cause = draft.cause
        return Event(
            workspace_id=tx.workspace_id,
            payload=draft.payload,
            producer=self._producer,
            aggregate_id=draft.aggregate_id,
            sequence=draft.sequence,
            occurred_at=self._clock.now(),
            causation_id=str(cause.event_id) if cause else "",
            correlation_id=(cause.correlation_id if cause else "") or context.correlation_id,
            actor=draft.actor,
            traceparent=_traceparent(context.traceparent, cause.traceparent if cause else ""),
        )

    async def _flush(self, tx: Tx) -> None:
        """Write what was added, as one statement: as late as possible, so that rows of one key get their numbers in commit order."""
        await store.insert_outbox(tx, self._buffers.pop(tx))
        reach("outbox.before_commit")


def _traceparent(here: str, cause: str) -> str:
    """The context's where that is in the cause's trace; the cause's own where several traces are worked on at once."""
    return here if not cause or trace_of(here) == trace_of(cause) else cause
