"""StreamingPull: flow of messages, acknowledgements on the stream, flow control, the end of a stream."""

from collections.abc import AsyncIterator

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from contract.broker.clients import PROJECT, Clients, data_of


async def test_stream_gets_messages_before_and_after_it_opened(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"before")
    stream = await clients.stream(name)
    first = await stream.receive(1)
    await clients.publish(topic, b"after")
    second = await stream.receive(1)
    assert data_of(first + second) == [b"before", b"after"]
    await stream.close()


async def test_acknowledgement_on_the_stream_counts(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    stream = await clients.stream(name, most=1)
    await clients.publish(topic, b"one", b"two")
    first = await stream.receive(1)
    assert len(first) == 1  # flow control: one outstanding
    stream.acknowledge(first)
    second = await stream.receive(1)  # comes only once the first is acknowledged
    assert sorted(data_of(first + second)) == [b"one", b"two"]
    stream.acknowledge(second)
    await stream.close()


async def test_giving_back_on_the_stream_brings_it_again(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    stream = await clients.stream(name)
    await clients.publish(topic, b"again")
    [first] = await stream.receive(1)
    stream.requests.put_nowait(
        types.StreamingPullRequest(modify_deadline_ack_ids=[first.ack_id], modify_deadline_seconds=[0])
    )
    [second] = await stream.receive(1)
    assert second.message.message_id == first.message.message_id
    await stream.close()


async def test_two_streams_share_the_messages(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, ack_deadline_seconds=60)
    streams = [await clients.stream(name, most=5) for _ in range(2)]
    await clients.publish(topic, *(b"%d" % i for i in range(10)))
    halves = [await stream.receive(5) for stream in streams]
    assert sorted(data_of(halves[0] + halves[1])) == sorted(b"%d" % i for i in range(10))
    for stream in streams:
        await stream.close()


async def test_stream_on_unknown_subscription_is_refused(clients: Clients) -> None:
    stream = await clients.stream(f"{PROJECT}/subscriptions/never-made")
    with pytest.raises(exceptions.NotFound):
        await stream.receive(1)
    await stream.close()


async def test_stream_with_too_short_deadline_is_refused(clients: Clients) -> None:
    name = await clients.subscription(await clients.topic())
    requests = [types.StreamingPullRequest(subscription=name, stream_ack_deadline_seconds=5)]

    async def once() -> AsyncIterator[types.StreamingPullRequest]:
        for request in requests:
            yield request

    answers = await clients.subscriber.streaming_pull(requests=once())
    with pytest.raises(exceptions.InvalidArgument):
        await anext(aiter(answers))


async def test_messages_of_a_stream_that_ended_come_again(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, ack_deadline_seconds=10)
    stream = await clients.stream(name)
    await clients.publish(topic, b"lost")
    [first] = await stream.receive(1)
    await stream.close()
    await clients.modify(name, [first], 1)
    [second] = await clients.pull(name, 1)
    assert second.message.message_id == first.message.message_id
