"""google.pubsub.v1.Subscriber: subscriptions, Pull, acknowledgements (streams are in streaming.py)."""

import asyncio
from collections.abc import Iterable

from google.pubsub_v1 import types

from local.broker import schema, wire
from local.broker.access import Guard
from local.broker.catalog import Catalog
from local.broker.consumer import BATCH_MESSAGES, Consumer
from local.broker.journal import Journal
from local.broker.message import Delivery
from local.broker.paging import page
from local.broker.publisher import raw
from local.broker.streaming import StreamingPull, consumable, frames
from local.broker.subscription import Subscription
from local.rpc import Call, Refused, stream_method, unary_method
from local.rpc.methods import Answer, Methods

PULL_WAIT_SECONDS = 20.0
"""How long an empty Pull is kept open at most; a shorter deadline of the caller wins."""
ANSWER_MARGIN_SECONDS = 0.05
"""An empty answer goes out this long before the caller would give up."""
MAX_ACK_DEADLINE_SECONDS = 600
CHANGEABLE = frozenset({
    "ack_deadline_seconds", "dead_letter_policy", "labels", "message_retention_duration", "push_config", "retry_policy",
})  # fmt: skip
"""Fields UpdateSubscription accepts; topic, name and ordering are fixed for good in Pub/Sub too."""


class Subscriber:
    """Each method takes the raw request and answers as Google's server does."""

    service = "google.pubsub.v1.Subscriber"

    def __init__(self, catalog: Catalog, journal: Journal, guard: Guard) -> None:
        self._catalog = catalog
        self._journal = journal
        self._guard = guard
        self._streams = StreamingPull(catalog, guard)

    def methods(self) -> Methods:
        return {
            "CreateSubscription": unary_method(self.create, schema.Subscription),
            "GetSubscription": unary_method(self.get, schema.GetSubscriptionRequest),
            "UpdateSubscription": unary_method(self.update, schema.UpdateSubscriptionRequest),
            "ListSubscriptions": unary_method(self.list_subscriptions, schema.ListSubscriptionsRequest),
            "DeleteSubscription": unary_method(self.delete, schema.DeleteSubscriptionRequest),
            "ModifyPushConfig": unary_method(self.modify_push_config, schema.ModifyPushConfigRequest),
            "Pull": unary_method(self.pull, schema.PullRequest),
            "Acknowledge": unary_method(self.acknowledge, schema.AcknowledgeRequest),
            "ModifyAckDeadline": unary_method(self.modify_ack_deadline, schema.ModifyAckDeadlineRequest),
            "StreamingPull": stream_method(self._streams.serve, schema.StreamingPullRequest),
        }

    async def create(self, request: types.Subscription, call: Call) -> Answer:
        self._guard.may_administer(call, request.name)
        subscription = self._catalog.create_subscription(request)
        await self._journal.settled()
        return raw(subscription.config)

    async def get(self, request: types.GetSubscriptionRequest, call: Call) -> Answer:
        self._guard.known(call)
        return raw(self._catalog.subscription(request.subscription).config)

    async def update(self, request: types.UpdateSubscriptionRequest, call: Call) -> Answer:
        wanted = request.subscription
        self._guard.may_administer(call, wanted.name)
        paths = {path.split(".")[0] for path in request.update_mask.paths}
        if not paths or paths - CHANGEABLE:
            raise Refused.invalid(f"update_mask may name {', '.join(sorted(CHANGEABLE))}; at least one of them.")

        subscription = self._catalog.change_subscription(wanted.name, lambda config: _replace(config, wanted, paths))
        await self._journal.settled()
        return raw(subscription.config)

    async def list_subscriptions(self, request: types.ListSubscriptionsRequest, call: Call) -> Answer:
        self._guard.known(call)
        inside = [
            s for name, s in sorted(self._catalog.subscriptions.items()) if name.startswith(f"{request.project}/")
        ]
        found, token = page(inside, request.page_size, request.page_token)
        return raw(schema.ListSubscriptionsResponse(subscriptions=[s.config for s in found], next_page_token=token))

    async def delete(self, request: types.DeleteSubscriptionRequest, call: Call) -> Answer:
        self._guard.may_administer(call, request.subscription)
        self._catalog.delete_subscription(request.subscription)
        await self._journal.settled()
        return schema.Empty()

    async def modify_push_config(self, request: types.ModifyPushConfigRequest, call: Call) -> Answer:
        self._guard.may_administer(call, request.subscription)
        self._catalog.change_subscription(
            request.subscription, lambda config: config.push_config.CopyFrom(request.push_config)
        )
        await self._journal.settled()
        return schema.Empty()

    async def pull(self, request: types.PullRequest, call: Call) -> Answer:
        """Waits for the first message unless asked not to; an empty answer is normal."""
        subscription = consumable(self._catalog, self._guard, call, request.subscription)
        if request.max_messages < 1:
            raise Refused.invalid("max_messages must be at least 1.")
        consumer = Consumer(max_messages=min(request.max_messages, BATCH_MESSAGES))
        remaining = call.time_remaining()
        wait = PULL_WAIT_SECONDS if remaining is None else min(PULL_WAIT_SECONDS, remaining - ANSWER_MARGIN_SECONDS)
        deliveries = subscription.take(consumer)
        if not deliveries and not request.return_immediately and wait > 0:
            deliveries = await _wait_for_messages(subscription, consumer, wait)
        if subscription.gone:
            raise Refused.missing(request.subscription)
        return wire.received(frames(subscription, deliveries))

    async def acknowledge(self, request: types.AcknowledgeRequest, call: Call) -> Answer:
        subscription = consumable(self._catalog, self._guard, call, request.subscription)
        if not request.ack_ids:
            raise Refused.invalid("No ack ids. Send at least one.")
        subscription.acknowledge(request.ack_ids)
        await self._journal.settled()
        return schema.Empty()

    async def modify_ack_deadline(self, request: types.ModifyAckDeadlineRequest, call: Call) -> Answer:
        subscription = consumable(self._catalog, self._guard, call, request.subscription)
        if not request.ack_ids:
            raise Refused.invalid("No ack ids. Send at least one.")
        if not 0 <= request.ack_deadline_seconds <= MAX_ACK_DEADLINE_SECONDS:
            raise Refused.invalid("ack_deadline_seconds must be between 0 and 600.")
        subscription.modify(request.ack_ids, request.ack_deadline_seconds)
        return schema.Empty()


async def _wait_for_messages(subscription: Subscription, consumer: Consumer, seconds: float) -> list[Delivery]:
    subscription.join(consumer)
    try:
        async with asyncio.timeout(seconds):
            while not subscription.gone:
                await consumer.wake.wait()
                consumer.wake.clear()
                if deliveries := subscription.take(consumer):
                    return deliveries
    except TimeoutError:
        pass  # nothing came: an empty answer
    finally:
        subscription.leave(consumer)
    return []


def _replace(config: types.Subscription, wanted: types.Subscription, fields: Iterable[str]) -> None:
    """Sets the named fields to what is wanted, and leaves the others."""
    chosen = schema.Subscription()
    chosen.CopyFrom(wanted)
    for field, _value in wanted.ListFields():
        if field.name not in fields:
            chosen.ClearField(field.name)
    for name in fields:
        config.ClearField(name)
    config.MergeFrom(chosen)
