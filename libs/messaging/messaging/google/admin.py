"""Creates topics and subscriptions as the topology has them; running it again changes only what differs."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.api_core import exceptions
from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports.grpc_asyncio import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy, Subscription

from messaging.topology import PlannedSubscription, Topology

_TIMEOUT_SECONDS = 30.0

# Ordering and the topic cannot be changed once a subscription exists; the rest can.
_CHANGEABLE = (
    "ack_deadline_seconds",
    "retry_policy",
    "dead_letter_policy",
    "push_config",
    "message_retention_duration",
)


async def ensure(
    topology: Topology, channel: grpc.aio.Channel, project: str, push_base_urls: Mapping[str, str]
) -> None:
    """Make `project` look like `topology`. Topics and subscriptions that are not in it are left alone."""
    plan = topology.plan(project, push_base_urls)
    publisher = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
    subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
    for topic in plan.topics:
        await _ensure_topic(publisher, topic)
    for planned in plan.subscriptions:
        await _ensure_subscription(subscriber, planned)


async def _ensure_topic(client: PublisherAsyncClient, path: str) -> None:
    try:
        await client.create_topic(name=path, timeout=_TIMEOUT_SECONDS)
    except exceptions.AlreadyExists:
        return


async def _ensure_subscription(client: SubscriberAsyncClient, planned: PlannedSubscription) -> None:
    wanted = _subscription(planned)
    try:
        await client.create_subscription(request=wanted, timeout=_TIMEOUT_SECONDS)
    except exceptions.AlreadyExists:
        mask = field_mask_pb2.FieldMask(paths=[name for name in _CHANGEABLE if name in wanted])
        await client.update_subscription(subscription=wanted, update_mask=mask, timeout=_TIMEOUT_SECONDS)


def _subscription(planned: PlannedSubscription) -> Subscription:
    settings = planned.subscription
    wanted = Subscription(
        name=planned.path,
        topic=planned.topic_path,
        ack_deadline_seconds=settings.ack_deadline,
        enable_message_ordering=settings.ordering,
        message_retention_duration=duration_pb2.Duration(seconds=settings.retention_days * 86_400),
        retry_policy=RetryPolicy(
            minimum_backoff=duration_pb2.Duration(seconds=settings.min_backoff),
            maximum_backoff=duration_pb2.Duration(seconds=settings.max_backoff),
        ),
    )
    if planned.dead_letter_topic_path:
        wanted.dead_letter_policy = DeadLetterPolicy(
            dead_letter_topic=planned.dead_letter_topic_path, max_delivery_attempts=settings.max_attempts
        )
    if planned.push_endpoint:
        token = PushConfig.OidcToken(service_account_email=planned.push_account, audience=planned.push_audience)
        wanted.push_config = PushConfig(push_endpoint=planned.push_endpoint, oidc_token=token)
    return wanted
