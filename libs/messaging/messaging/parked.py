"""Parked messages of one service: list, look, replay, drop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from core.errors import Conflict, NotFound
from core.log import logger
from database import Database
from messaging import store
from messaging.agreement import incoming_disagreement, outgoing_disagreement
from messaging.consumer import Consumer
from messaging.ports import Delivery
from messaging.store import ParkedMessage

log = logger("messaging.parked")

STATES: Final = ("parked", "replayed", "dropped")

# Higher than any id: the newest page.
_NEWEST = 2**63 - 1


def shown(message: ParkedMessage) -> dict[str, str | int | None]:
    """What an operator sees of a message: ids, type, size, times, and why it is parked.

    Not its body, nor its attributes and its ordering key: they may hold what somebody wrote, or name a person.
    """
    return {
        "id": message.id,
        "direction": message.direction,
        "workspace_id": message.workspace_id,
        "source": message.source,
        "event_id": message.event_id,
        "type": message.type,
        "reason": message.reason,
        "size": message.size,
        "parked_at": message.parked_at.isoformat(),
        "state": message.state,
    }


class Parked:
    """`consumers` are this service's own, by subscription; a replay goes through the one the message was meant for."""

    def __init__(self, db: Database, consumers: Mapping[str, Consumer] | None = None) -> None:
        self._db = db
        self._consumers = consumers or {}

    async def list(self, state: str = "parked", before: int | None = None, limit: int = 100) -> list[ParkedMessage]:
        """At most `limit` messages in `state`, newest first; `before` is the last id of the page before."""
        async with self._db.sweep() as tx:
            return await store.parked_page(tx, state, before or _NEWEST, limit)

    async def show(self, message_id: int) -> ParkedMessage:
        """All that is known of one message but its body, which nobody is shown. Raises NotFound."""
        return (await self._find(message_id))[0]

    async def replay(self, message_id: int) -> None:
        """Process an incoming message again, or put an outgoing one back into the outbox. Harmless when done twice.

        Raises NotFound, Conflict when it is not parked any more or cannot be processed still, Transient when it may be tried again.
        """
        message, body = await self._find(message_id)
        if message.state != "parked":
            raise Conflict(f"message {message_id} is {message.state} already")
        if disagreement := _disagreement(message, body):
            raise Conflict(f"message {message_id} still cannot be processed: {disagreement}")
        if message.direction == "out":
            await self._republish(message_id)
        else:
            await self._process_again(message, body)
        log.info("parked message replayed", id=message_id, type=message.type)

    async def drop(self, message_id: int) -> None:
        """Throw a message away. Raises NotFound, and Conflict when it is not parked any more."""
        message = await self.show(message_id)
        async with self._db.sweep() as tx:
            if not await store.drop(tx, message_id):
                raise Conflict(f"message {message_id} is {message.state} already")
        log.info("parked message dropped", id=message_id, type=message.type)

    async def _find(self, message_id: int) -> tuple[ParkedMessage, bytes]:
        async with self._db.sweep() as tx:
            found = await store.parked_by_id(tx, message_id)
        if found is None:
            raise NotFound(f"no message is parked under {message_id}: see `parked list`")
        return found

    async def _republish(self, message_id: int) -> None:
        async with self._db.sweep() as tx:
            if not await store.republish(tx, message_id):
                raise Conflict(f"message {message_id} was replayed or dropped a moment ago")

    async def _process_again(self, message: ParkedMessage, body: bytes) -> None:
        consumer = self._consumers.get(message.source)
        if consumer is None:
            raise Conflict(f"no consumer here takes messages of {message.source}: replay it in the service that does")
        failure = await consumer.replay(
            Delivery(f"replay-{message.id}", body, message.attributes, message.ordering_key, 1, message.source)
        )
        if failure:
            raise Conflict(f"message {message.id} still cannot be processed: {failure}")
        async with self._db.sweep() as tx:
            await store.mark_replayed(tx, message.id)


def _disagreement(message: ParkedMessage, body: bytes) -> str:
    """What speaks against a replay whatever has been repaired since."""
    if message.direction == "in":
        return incoming_disagreement(message.workspace_id, message.event_id, body, message.attributes)
    return outgoing_disagreement(
        message.workspace_id or "", message.event_id, message.source, message.ordering_key, body, message.attributes
    )
