"""Publish, Pull, acknowledge, deadlines: the plain life of a message."""

import asyncio
import contextlib
from collections import Counter

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from contract.broker.clients import PROJECT, Clients, data_of


async def test_message_arrives_with_all_it_was_given(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    [message_id] = await clients.publish(topic, b"\x00body\xff", kind="greeting")
    [received] = await clients.pull(name, 1)
    message = received.message
    assert (message.data, dict(message.attributes)) == (b"\x00body\xff", {"kind": "greeting"})
    assert message.message_id == message_id
    assert types.PubsubMessage.pb(message).publish_time.seconds > 1_700_000_000
    assert received.delivery_attempt == 0


async def test_every_subscription_gets_every_message(clients: Clients) -> None:
    topic = await clients.topic()
    names = [await clients.subscription(topic) for _ in range(2)]
    await clients.publish(topic, b"a", b"b", b"c")
    for name in names:
        assert sorted(data_of(await clients.pull(name, 3))) == [b"a", b"b", b"c"]


async def test_subscription_sees_only_what_comes_after_it(clients: Clients) -> None:
    topic = await clients.topic()
    await clients.publish(topic, b"before")
    name = await clients.subscription(topic)
    await clients.publish(topic, b"after")
    assert data_of(await clients.pull(name, 1)) == [b"after"]


async def test_acknowledged_message_does_not_come_back(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"once")
    received = await clients.pull(name, 1)
    # Giving back an acknowledged message must change nothing.
    await clients.modify(name, received, 0)
    await clients.publish(topic, b"marker")
    assert data_of(await clients.pull(name, 1)) == [b"marker"]


async def test_message_given_back_comes_again(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"again")
    first = await clients.pull(name, 1, ack=False)
    await clients.modify(name, first, 0)
    second = await clients.pull(name, 1)
    assert second[0].message.message_id == first[0].message.message_id


async def test_message_comes_again_after_its_deadline(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"late")
    first = await clients.pull(name, 1, ack=False)
    await clients.modify(name, first, 1)  # seconds
    second = await clients.pull(name, 1)
    assert second[0].message.message_id == first[0].message.message_id
    assert second[0].ack_id != first[0].ack_id


async def test_extended_deadline_keeps_message_away(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"mine")
    received = await clients.pull(name, 1, ack=False)
    await clients.modify(name, received, 1)
    await clients.modify(name, received, 60)
    assert await clients.pull_once(name, wait=2.0) == []
    await clients.acknowledge(name, received)


async def test_waiting_pull_gets_message_published_later(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    async with asyncio.TaskGroup() as tasks:
        pulling = tasks.create_task(clients.pull(name, 1))
        await clients.publish(topic, b"fresh")
    assert data_of(pulling.result()) == [b"fresh"]


async def test_pull_respects_its_limit(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, *(b"%d" % i for i in range(10)))
    assert len(await clients.pull_once(name, most=3)) <= 3


async def test_many_messages_arrive_once_each(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, ack_deadline_seconds=60)
    sent = [b"%d" % i for i in range(1_000)]
    for start in range(0, len(sent), 200):
        await clients.publish(topic, *sent[start : start + 200])
    assert Counter(data_of(await clients.pull(name, len(sent)))) == Counter(sent)


async def test_publishing_to_unknown_topic_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        await clients.publish(f"{PROJECT}/topics/never-made", b"x")


async def test_pulling_from_unknown_subscription_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        await clients.pull_once(f"{PROJECT}/subscriptions/never-made")


async def test_empty_message_is_refused(clients: Clients) -> None:
    topic = await clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        await clients.publish(topic, b"")


async def test_message_of_attributes_alone_is_taken(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"", only="attributes")
    [received] = await clients.pull(name, 1)
    assert dict(received.message.attributes) == {"only": "attributes"}


async def test_message_above_ten_megabytes_is_refused(clients: Clients) -> None:
    topic = await clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        await clients.publish(topic, b"x" * 10_000_001)


async def test_message_of_nine_megabytes_arrives(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    body = bytes(range(256)) * 36_000
    await clients.publish(topic, body)
    [received] = await clients.pull(name, 1)
    assert received.message.data == body


async def test_publishing_nothing_is_refused(clients: Clients) -> None:
    topic = await clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        await clients.publisher.publish(topic=topic, messages=[])


async def test_unknown_ack_id_is_no_error_or_an_invalid_argument(clients: Clients) -> None:
    name = await clients.subscription(await clients.topic())
    request = types.AcknowledgeRequest(subscription=name, ack_ids=["not-an-ack-id"])
    with contextlib.suppress(exceptions.InvalidArgument):  # Google refuses malformed ids and ignores expired ones
        await clients.subscriber.acknowledge(request=request)
