"""Dead letters: a message tried too often moves to the dead-letter topic, marked as Pub/Sub marks it."""

import logging

from local.broker import schema
from local.broker.catalog import Catalog
from local.broker.clock import Clock
from local.broker.message import Delivery
from local.broker.names import project_of
from local.broker.publishing import time_field
from local.broker.subscription import Subscription

log = logging.getLogger(__name__)

PREFIX = "CloudPubSubDeadLetterSource"
"""Attribute names: cloud.google.com/pubsub/docs/dead-letter-topics, "Forwarded messages"."""


class DeadLetters:
    """Forwards deliveries that used up their attempts."""

    __slots__ = ("_catalog", "_clock", "_warned")

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._warned: set[str] = set()

    def forward(self, source: Subscription, delivery: Delivery) -> bool:
        """Returns False, and leaves the delivery to be retried, when the dead-letter topic does not exist."""
        topic = self._catalog.topics.get(source.config.dead_letter_policy.dead_letter_topic)
        if topic is None:
            self._warn(source.name)
            return False
        message = schema.PubsubMessage.FromString(delivery.message.data)
        message.attributes.update(_marks(source, delivery, message.publish_time.ToJsonString()))
        message.ClearField("message_id")
        message.ClearField("publish_time")
        body = message.SerializeToString() + time_field(self._clock.now())
        self._catalog.forward(topic, message.ordering_key, body, source, delivery.message.number)
        source.finish_forwarded(delivery)
        return True

    def _warn(self, name: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            log.warning("the dead-letter topic of %s does not exist; its messages are retried without end", name)


def _marks(source: Subscription, delivery: Delivery, published: str) -> dict[str, str]:
    return {
        f"{PREFIX}DeliveryCount": str(delivery.attempt),
        f"{PREFIX}Subscription": source.name.rsplit("/", 1)[-1],
        f"{PREFIX}SubscriptionProject": project_of(source.name),
        f"{PREFIX}TopicPublishTime": published,
    }
