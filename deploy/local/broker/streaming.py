"""StreamingPull: messages go out as fast as the client's flow control allows, acknowledgements come in."""

import asyncio
from collections.abc import AsyncIterator

import grpc
from google.pubsub_v1 import types

from local.broker import schema, wire
from local.broker.access import Guard
from local.broker.catalog import Catalog
from local.broker.consumer import Consumer
from local.broker.message import Delivery
from local.broker.subscription import Subscription
from local.rpc import Call, Refused

STREAM_DEADLINE_SECONDS = range(10, 601)


class StreamingPull:
    """Serves streams; one task reads, one writes, and both end together."""

    __slots__ = ("_catalog", "_guard")

    def __init__(self, catalog: Catalog, guard: Guard) -> None:
        self._catalog = catalog
        self._guard = guard

    async def serve(self, requests: AsyncIterator[types.StreamingPullRequest], call: Call) -> None:
        first = await anext(requests, None)
        if first is None:
            return
        subscription = consumable(self._catalog, self._guard, call, first.subscription)
        consumer = _consumer(first)
        subscription.join(consumer)
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(_write(subscription, consumer, call))
                reader = tasks.create_task(_read(subscription, consumer, first, requests))
                await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
                writer.cancel()
                reader.cancel()
        except* Refused as refusals:
            raise refusals.exceptions[0] from None
        finally:
            subscription.leave(consumer)
        if subscription.gone:
            raise Refused.missing(first.subscription)


def consumable(catalog: Catalog, guard: Guard, call: Call, name: str) -> Subscription:
    """The subscription, if the caller may take messages from it and it is not a push subscription."""
    guard.may_consume(call, name)
    subscription = catalog.subscription(name)
    if subscription.config.push_config.push_endpoint:
        raise Refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"{name} is a push subscription. Clear its push config to pull from it.",
        )
    return subscription


def frames(subscription: Subscription, deliveries: list[Delivery]) -> list[tuple[bytes, bytes, int]]:
    """Deliveries as `wire.received` wants them; attempts are shown only with a dead-letter policy, as Google does."""
    counted = subscription.max_attempts > 0
    return [(d.ack_id.encode(), d.message.field, d.attempt if counted else 0) for d in deliveries]


def _consumer(first: types.StreamingPullRequest) -> Consumer:
    deadline = first.stream_ack_deadline_seconds
    if deadline not in STREAM_DEADLINE_SECONDS:
        raise Refused.invalid("stream_ack_deadline_seconds must be between 10 and 600.")
    return Consumer(
        deadline=deadline,
        max_messages=first.max_outstanding_messages,
        max_bytes=first.max_outstanding_bytes,
        sticky=True,
    )


async def _write(subscription: Subscription, consumer: Consumer, call: Call) -> None:
    properties = schema.StreamingPullResponse()
    properties.subscription_properties.message_ordering_enabled = subscription.config.enable_message_ordering
    trailer = properties.SerializeToString()
    while not subscription.gone:
        deliveries = subscription.take(consumer)
        if deliveries:
            await call.write(wire.received(frames(subscription, deliveries)) + trailer)
        else:
            await consumer.wake.wait()
            consumer.wake.clear()


async def _read(
    subscription: Subscription,
    consumer: Consumer,
    first: types.StreamingPullRequest,
    requests: AsyncIterator[types.StreamingPullRequest],
) -> None:
    _apply(subscription, consumer, first)
    async for request in requests:
        _apply(subscription, consumer, request)


def _apply(subscription: Subscription, consumer: Consumer, request: types.StreamingPullRequest) -> None:
    if request.ack_ids:
        subscription.acknowledge(request.ack_ids)
    if request.modify_deadline_ack_ids:
        _modify(subscription, request)
    if request.stream_ack_deadline_seconds in STREAM_DEADLINE_SECONDS:
        consumer.deadline = request.stream_ack_deadline_seconds


def _modify(subscription: Subscription, request: types.StreamingPullRequest) -> None:
    ack_ids, seconds = request.modify_deadline_ack_ids, request.modify_deadline_seconds
    if len(ack_ids) != len(seconds):
        raise Refused.invalid("modify_deadline_ack_ids and modify_deadline_seconds must have the same length.")
    by_deadline: dict[int, list[str]] = {}
    for ack_id, deadline in zip(ack_ids, seconds, strict=True):
        by_deadline.setdefault(deadline, []).append(ack_id)
    for deadline, same in by_deadline.items():
        subscription.modify(same, deadline)
