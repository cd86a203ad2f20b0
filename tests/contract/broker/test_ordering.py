"""Ordering keys: order within a key, also over redelivery; independence between keys."""

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from contract.broker.clients import Clients, data_of


async def test_messages_of_a_key_come_in_order(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, enable_message_ordering=True, ack_deadline_seconds=60)
    keys = [f"key-{i}" for i in range(4)]
    for number in range(0, 60, 20):
        for key in keys:
            await clients.publish(topic, *(b"%d" % i for i in range(number, number + 20)), key=key)
    received = await clients.pull(name, 240)
    for key in keys:
        numbers = [int(m.message.data) for m in received if m.message.ordering_key == key]
        assert numbers == list(range(60))


async def test_messages_of_a_key_come_in_order_on_a_stream(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, enable_message_ordering=True, ack_deadline_seconds=60)
    stream = await clients.stream(name)
    numbers: list[int] = []
    for batch in range(5):
        await clients.publish(topic, *(b"%d" % i for i in range(batch * 10, batch * 10 + 10)), key="k")
    while len(numbers) < 50:
        received = await stream.receive(1)
        stream.acknowledge(received)
        numbers += [int(m.message.data) for m in received]
    assert numbers == list(range(50))
    await stream.close()


async def test_giving_back_the_first_brings_its_successors_again_in_order(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, enable_message_ordering=True, ack_deadline_seconds=60)
    await clients.publish(topic, b"1", b"2", b"3", key="k")
    first = await clients.pull_once(name, 3)
    await clients.modify(name, first[:1], 0)
    if len(first) > 1:
        await clients.modify(name, first[1:], 0)
    assert data_of(await clients.pull(name, 3)) == [b"1", b"2", b"3"]


async def test_one_stuck_key_does_not_hold_up_another(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, enable_message_ordering=True, ack_deadline_seconds=60)
    await clients.publish(topic, b"stuck", key="a")
    await clients.pull(name, 1, ack=False)
    await clients.publish(topic, b"behind", key="a")
    await clients.publish(topic, b"free", key="b")
    assert data_of(await clients.pull(name, 1)) == [b"free"]


async def test_two_keys_in_one_request_are_refused(clients: Clients) -> None:
    topic = await clients.topic()
    messages = [types.PubsubMessage(data=b"x", ordering_key=key) for key in ("a", "b")]
    with pytest.raises(exceptions.InvalidArgument):
        await clients.publisher.publish(topic=topic, messages=messages)
