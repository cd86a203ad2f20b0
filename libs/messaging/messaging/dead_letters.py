"""The consumer of dead-letter subscriptions: parks all it is given, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

from contracts import unpack
from core.errors import InvalidInput, Transient
from core.ids import WorkspaceId
from core.log import logger
from database import Database
from messaging import store
from messaging.ports import Delivery, Verdict
from messaging.store import Rejected

log = logger("messaging.dead_letters")

# Attributes that Pub/Sub adds when it forwards to a dead-letter topic (cloud.google.com/pubsub/docs/handling-failures).
_COUNT = "CloudPubSubDeadLetterSourceDeliveryCount"
_SOURCE = "CloudPubSubDeadLetterSourceSubscription"


class DeadLetters:
    """Parks what the broker has given up on, under the subscription it could not be delivered to: there a replay finds its consumer."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @property
    def halted(self) -> str:
        """Never: parking is all it does."""
        return ""

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        """ACK for all once they are parked."""
        try:
            async with self._db.sweep() as tx:
                await store.park_incoming(tx, [_rejected(delivery) for delivery in deliveries])
        except Transient:
            return [Verdict.RETRY] * len(deliveries)
        log.error("dead letters parked: see `parked list`", messages=len(deliveries))
        return [Verdict.ACK] * len(deliveries)


def _rejected(delivery: Delivery) -> Rejected:
    attempts = delivery.attributes.get(_COUNT, "too many")
    source = delivery.attributes.get(_SOURCE, "").rsplit("/", 1)[-1] or delivery.subscription.removesuffix(".dead")
    attributes = {name: value for name, value in delivery.attributes.items() if not name.startswith("CloudPubSub")}
    original = Delivery(delivery.id, delivery.body, attributes, delivery.ordering_key, 1, source)
    return Rejected(original, f"dead-lettered after {attempts} attempts", _workspace(original))


def _workspace(delivery: Delivery) -> WorkspaceId | None:
    try:
        return unpack(delivery.body, delivery.attributes).workspace_id
    except InvalidInput:
        return None
