"""Google's own asynchronous clients on an explicit channel, and the few moves every test makes with them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import grpc
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

PROJECT = "projects/callmine-test"
TIMEOUT = 15.0


@dataclass(slots=True)
class Clients:
    """A publisher and a subscriber on one channel, with names nobody else uses."""

    channel: grpc.aio.Channel
    publisher: PublisherAsyncClient = field(init=False)
    subscriber: SubscriberAsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.publisher = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=self.channel))
        self.subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=self.channel))

    async def topic(self) -> str:
        name = f"{PROJECT}/topics/t{uuid.uuid4().hex}"
        await self.publisher.create_topic(name=name, timeout=TIMEOUT)
        return name

    async def subscription(self, topic: str, **settings: object) -> str:
        name = f"{PROJECT}/subscriptions/s{uuid.uuid4().hex}"
        request = types.Subscription({"name": name, "topic": topic, **settings})
        await self.subscriber.create_subscription(request=request, timeout=TIMEOUT)
        return name

    async def publish(self, topic: str, *data: bytes, key: str = "", **attributes: str) -> list[str]:
        messages = [types.PubsubMessage(data=item, ordering_key=key, attributes=attributes) for item in data]
        answer = await self.publisher.publish(topic=topic, messages=messages, timeout=TIMEOUT)
        return list(answer.message_ids)

    async def pull(self, subscription: str, count: int, *, ack: bool = True) -> list[types.ReceivedMessage]:
        """Pulls until `count` messages came.

        An answer that a broker sends to a pull or a stream that has just ended is lost until its deadline has
        passed, and that may happen several times on a busy machine: hence the patience.
        """
        received: list[types.ReceivedMessage] = []
        async with asyncio.timeout(TIMEOUT * 8):
            while len(received) < count:
                part = await self.pull_once(subscription, count - len(received))
                if ack and part:
                    await self.acknowledge(subscription, part)
                received += part
        return received

    async def pull_once(self, subscription: str, most: int = 100, wait: float = TIMEOUT) -> list[types.ReceivedMessage]:
        """One Pull call; empty when nothing came within `wait` seconds."""
        request = types.PullRequest(subscription=subscription, max_messages=most)
        try:
            answer = await self.subscriber.pull(request=request, timeout=wait, retry=None)
        except DeadlineExceeded:
            return []
        return list(answer.received_messages)

    async def acknowledge(self, subscription: str, received: Sequence[types.ReceivedMessage]) -> None:
        ack_ids = [message.ack_id for message in received]
        await self.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids, timeout=TIMEOUT)

    async def modify(self, subscription: str, received: Sequence[types.ReceivedMessage], seconds: int) -> None:
        await self.subscriber.modify_ack_deadline(
            subscription=subscription,
            ack_ids=[message.ack_id for message in received],
            ack_deadline_seconds=seconds,
            timeout=TIMEOUT,
        )

    async def stream(self, subscription: str, most: int = 0) -> "Stream":
        requests: asyncio.Queue[types.StreamingPullRequest | None] = asyncio.Queue()
        ended = asyncio.Event()
        requests.put_nowait(
            types.StreamingPullRequest(
                subscription=subscription, stream_ack_deadline_seconds=10, max_outstanding_messages=most
            )
        )
        answers = await self.subscriber.streaming_pull(requests=_drain(requests, ended))
        assert isinstance(answers, grpc.aio.StreamStreamCall)
        return Stream(requests, ended, answers)


@dataclass(slots=True)
class Stream:
    """A StreamingPull under way."""

    requests: "asyncio.Queue[types.StreamingPullRequest | None]"
    ended: asyncio.Event
    answers: grpc.aio.StreamStreamCall[types.StreamingPullRequest, types.StreamingPullResponse]

    async def receive(self, count: int) -> list[types.ReceivedMessage]:
        """Reads until at least `count` messages came."""
        received: list[types.ReceivedMessage] = []
        async with asyncio.timeout(TIMEOUT):
            while len(received) < count:
                answer = await anext(aiter(self.answers))
                received += answer.received_messages
        return received

    def acknowledge(self, received: Sequence[types.ReceivedMessage]) -> None:
        self.requests.put_nowait(types.StreamingPullRequest(ack_ids=[message.ack_id for message in received]))

    async def close(self) -> None:
        """Ends the requests first: a task of the client would otherwise be left behind."""
        self.requests.put_nowait(None)
        async with asyncio.timeout(TIMEOUT):
            await self.ended.wait()
        self.answers.cancel()


async def _drain(
    requests: "asyncio.Queue[types.StreamingPullRequest | None]", ended: asyncio.Event
) -> AsyncIterator[types.StreamingPullRequest]:
    while (request := await requests.get()) is not None:
        yield request
    ended.set()


def data_of(received: Sequence[types.ReceivedMessage]) -> list[bytes]:
    return [message.message.data for message in received]
