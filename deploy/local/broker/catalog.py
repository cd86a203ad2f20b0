"""Which topics and subscriptions exist, and which messages are alive; the state that the log describes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from google.pubsub_v1 import types

from local.broker import names, schema, wire
from local.broker.faults import Faults
from local.broker.journal import Journal
from local.broker.message import Message
from local.broker.records import Snapshot, SubscriptionEntry, TopicEntry
from local.broker.recovery import Recovered
from local.broker.subscription import Subscription, Surroundings
from local.rpc import Refused


@dataclass(slots=True, eq=False)
class Topic:
    """A topic and who gets its messages."""

    uid: int
    config: types.Topic
    subscriptions: list[Subscription] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.config.name


class Catalog:
    """All state in memory. Every change of a topic or subscription is written down before the call returns."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.messages: dict[int, Message] = {}
        self.next_message = 1
        self._next_uid = 1
        self._faults = Faults()
        self._by_uid: dict[int, Subscription] = {}
        self.on_change: Callable[[Subscription], None] = lambda subscription: None

    def settle_in(self, journal: Journal, around: Surroundings) -> None:
        self._journal = journal
        self._around = around

    # -- looking up

    def topic(self, name: str) -> Topic:
        found = self.topics.get(name)
        if found is None:
            raise Refused.missing(name)
        return found

    def subscription(self, name: str) -> Subscription:
        found = self.subscriptions.get(name)
        if found is None:
            raise Refused.missing(name)
        return found

    def topic_name(self, subscription: Subscription) -> str:
        return next((t.name for t in self.topics.values() if t.uid == subscription.topic), names.DELETED_TOPIC)

    def holders(self, number: int) -> list[int]:
        """Numbers of the subscriptions that still wait for a message."""
        return [s.uid for s in self.subscriptions.values() if number in s.holding]

    def forget(self, message: Message) -> None:
        self.messages.pop(message.number, None)

    # -- topics and subscriptions

    def create_topic(self, config: types.Topic) -> Topic:
        names.check_topic_name(config.name)
        if config.name in self.topics:
            raise Refused.exists(config.name)
        topic = Topic(self._uid(), config)
        self.topics[config.name] = topic
        self._journal.configure()
        return topic

    def delete_topic(self, name: str) -> None:
        """Its subscriptions stay and deliver what they hold, as in Pub/Sub."""
        topic = self.topic(name)
        del self.topics[name]
        for subscription in topic.subscriptions:
            subscription.topic = 0
            subscription.config.topic = names.DELETED_TOPIC
        self._journal.configure()

    def create_subscription(self, config: types.Subscription) -> Subscription:
        names.check_subscription_name(config.name)
        if config.name in self.subscriptions:
            raise Refused.exists(config.name)
        topic = self.topic(config.topic)
        _complete(config)
        names.check_subscription(config)
        subscription = self._install(self._uid(), topic, config)
        self._journal.configure()
        self.on_change(subscription)
        return subscription

    def change_subscription(self, name: str, change: Callable[[types.Subscription], None]) -> Subscription:
        """Applies `change` to a copy of the settings and keeps it if it is valid."""
        subscription = self.subscription(name)
        config = schema.Subscription()
        config.CopyFrom(subscription.config)
        change(config)
        _complete(config)
        names.check_subscription(config)
        subscription.config = config
        self._journal.configure()
        self.on_change(subscription)
        return subscription

    def delete_subscription(self, name: str) -> None:
        subscription = self.subscription(name)
        del self.subscriptions[name]
        for topic in self.topics.values():
            if subscription in topic.subscriptions:
                topic.subscriptions.remove(subscription)
        subscription.close()
        self._journal.configure()
        self._journal.reclaim()
        self.on_change(subscription)

    # -- messages

    def publish(self, topic: Topic, bodies: list[tuple[str, bytes]]) -> int:
        """Takes in (ordering key, PubsubMessage without its id) and returns the first message number."""
        first = self._number(len(bodies))
        if not topic.subscriptions:
            return first
        stamped = [body + wire.message_id_field(number) for number, (_, body) in enumerate(bodies, first)]
        segment = self._journal.publish(topic.uid, first, stamped)
        messages = [
            Message(number, key, data, wire.message_field(data), segment)
            for number, ((key, _), data) in enumerate(zip(bodies, stamped, strict=True), first)
        ]
        self._spread(messages, topic.subscriptions)
        return first

    def forward(self, topic: Topic, key: str, body: bytes, source: Subscription, original: int) -> None:
        """Publishes a dead letter and settles the original, in one write."""
        number = self._number(1)
        data = body + wire.message_id_field(number)
        segment = self._journal.forward(topic.uid, number, data, source.uid, original)
        self._spread([Message(number, key, data, wire.message_field(data), segment)], topic.subscriptions)

    def disturb(self, faults: Faults) -> None:
        """Sets the faults of all subscriptions, present and future; each starts its stream anew."""
        self._faults = faults
        for subscription in self.subscriptions.values():
            self._apply_faults(subscription)

    # -- the log

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.next_message,
            self._next_uid,
            tuple(TopicEntry(t.uid, _bytes(t.config)) for t in self.topics.values()),
            tuple(SubscriptionEntry(s.uid, s.topic, _bytes(s.config)) for s in self.subscriptions.values()),
        )

    def restore(self, recovered: Recovered) -> None:
        """Puts back what the log says was alive."""
        snapshot = recovered.snapshot
        self.next_message, self._next_uid = snapshot.next_message, snapshot.next_uid
        topics = {0: Topic(0, schema.Topic())}
        for entry in snapshot.topics:
            config = schema.Topic.FromString(entry.config)
            topics[entry.uid] = self.topics[config.name] = Topic(entry.uid, config)
        for kept in snapshot.subscriptions:
            self._install(kept.uid, topics[kept.topic], schema.Subscription.FromString(kept.config))
        for survivor in recovered.ordered():
            key = schema.PubsubMessage.FromString(survivor.data).ordering_key
            message = Message(survivor.number, key, survivor.data, wire.message_field(survivor.data), survivor.segment)
            self._spread([message], [self._by_uid[uid] for uid in sorted(survivor.waiting)])

    def _install(self, uid: int, topic: Topic, config: types.Subscription) -> Subscription:
        subscription = Subscription(uid, topic.uid, config, self._around)
        self.subscriptions[config.name] = self._by_uid[uid] = subscription
        topic.subscriptions.append(subscription)
        self._apply_faults(subscription)
        return subscription

    def _apply_faults(self, subscription: Subscription) -> None:
        subscription.disturb(self._faults.stream(subscription.name) if self._faults.active else None)

    def _spread(self, messages: list[Message], subscriptions: Iterable[Subscription]) -> None:
        alive = self.messages
        targets = list(subscriptions)
        if not targets:
            return
        for message in messages:
            alive[message.number] = message
            message.segment.keep(message.number, len(message.data))
        for subscription in targets:
            subscription.enqueue(messages)

    def _number(self, count: int) -> int:
        first = self.next_message
        self.next_message += count
        return first

    def _uid(self) -> int:
        uid = self._next_uid
        self._next_uid += 1
        return uid


def _complete(config: types.Subscription) -> None:
    """Fills in the defaults Google shows in its answers."""
    if not config.ack_deadline_seconds:
        config.ack_deadline_seconds = names.DEFAULT_ACK_DEADLINE_SECONDS
    policy = config.dead_letter_policy
    if policy.dead_letter_topic and not policy.max_delivery_attempts:
        policy.max_delivery_attempts = names.DELIVERY_ATTEMPTS.start
    if not config.message_retention_duration.seconds:
        config.message_retention_duration.seconds = 7 * 24 * 3600
    config.state = schema.Subscription.State.ACTIVE


def _bytes(config: Any) -> bytes:
    serialised: bytes = config.SerializeToString()
    return serialised
