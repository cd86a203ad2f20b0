"""Records every message on every topic, and publishes them again as their own producers would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from google.api_core import exceptions
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports.grpc_asyncio import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import PubsubMessage

from contracts.registry import TOPICS
from local.stack import Stack
from local.stack.environment import PROJECT
from messaging.google import open_channel

_DROPPED_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message as it was published."""

    topic: str
    body: bytes
    attributes: Mapping[str, str]
    ordering_key: str


@dataclass(slots=True)
class Taps:
    """Open with `Taps.open`."""

    stack: Stack
    subscriber: SubscriberAsyncClient
    publishers: dict[str, PublisherAsyncClient]

    @classmethod
    @asynccontextmanager
    async def open(cls, stack: Stack) -> AsyncIterator[Taps]:
        """Make the subscriptions."""
        site = stack.site
        endpoint, ca = f"127.0.0.1:{site.ports['broker']}", site.authority.ca_pem
        channels = {"": open_channel(endpoint, ca, site.keys.admin_token)}
        channels |= {name: open_channel(endpoint, ca, token) for name, token in site.keys.service_tokens.items()}
        subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channels[""]))
        publishers = {
            name: PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
            for name, channel in channels.items()
        }
        taps = cls(stack, subscriber, publishers)
        for topic in TOPICS:
            await subscriber.create_subscription(
                name=_path(topic), topic=f"projects/{PROJECT}/topics/{topic}", timeout=10
            )
        yield taps
        for channel in channels.values():
            await channel.close()
            # gRPC's own thread drops the closed channel's token, for which it needs Python's lock, and may hold what the next closing waits
            # for with that lock in its hand (grpc/grpc#42247): it is given the time.
            await asyncio.sleep(_DROPPED_SECONDS)

    async def messages(self) -> list[Recorded]:
        """All messages since the last call, topic by topic."""
        drained = await asyncio.gather(*(self._drain(topic) for topic in TOPICS))
        return [message for messages in drained for message in messages]

    async def follow(self, note: Callable[[Recorded], None]) -> None:
        """Tell `note` of every message as it comes, until cancelled."""
        await asyncio.gather(*(self._follow(topic, note) for topic in TOPICS))

    async def _follow(self, topic: str, note: Callable[[Recorded], None]) -> None:
        while True:
            with suppress(exceptions.DeadlineExceeded):
                await self._take(topic, note)

    async def publish(self, message: Recorded) -> None:
        """Publish as the first service that may."""
        publisher = self.publishers[TOPICS[message.topic].publishers[0]]
        await publisher.publish(
            topic=f"projects/{PROJECT}/topics/{message.topic}",
            messages=[
                PubsubMessage(data=message.body, attributes=dict(message.attributes), ordering_key=message.ordering_key)
            ],
            timeout=10,
        )

    async def _drain(self, topic: str) -> list[Recorded]:
        found: list[Recorded] = []
        while True:
            before = len(found)
            with suppress(exceptions.DeadlineExceeded):
                await self._take(topic, found.append)
            if len(found) == before:
                return found

    async def _take(self, topic: str, note: Callable[[Recorded], None]) -> None:
        """What waits for the topic's tap, acknowledged once it is noted. Raises DeadlineExceeded when nothing does."""
        answer = await self.subscriber.pull(subscription=_path(topic), max_messages=1000, timeout=3)
        for received in answer.received_messages:
            message = received.message
            note(Recorded(topic, message.data, dict(message.attributes), message.ordering_key))
        if answer.received_messages:
            ids = [received.ack_id for received in answer.received_messages]
            await self.subscriber.acknowledge(subscription=_path(topic), ack_ids=ids, timeout=10)


def _path(topic: str) -> str:
    return f"projects/{PROJECT}/subscriptions/tap.{topic}"
