"""Topics and subscriptions: what exists, what is refused, and with which status."""

import pytest
from google.api_core import exceptions
from google.protobuf import field_mask_pb2
from google.pubsub_v1 import types

from contract.broker.clients import PROJECT, Clients


async def test_topic_is_created_found_listed_and_deleted(clients: Clients) -> None:
    topic = await clients.topic()
    assert (await clients.publisher.get_topic(topic=topic)).name == topic
    listed = [found.name async for found in await clients.publisher.list_topics(project=PROJECT)]
    assert topic in listed
    await clients.publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        await clients.publisher.get_topic(topic=topic)


async def test_same_topic_twice_is_refused(clients: Clients) -> None:
    topic = await clients.topic()
    with pytest.raises(exceptions.AlreadyExists):
        await clients.publisher.create_topic(name=topic)


@pytest.mark.parametrize("name", ["ab", "1starts-with-digit", "has space", "google-topic"])
async def test_bad_topic_name_is_refused(clients: Clients, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        await clients.publisher.create_topic(name=f"{PROJECT}/topics/{name}")


async def test_deleting_unknown_topic_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        await clients.publisher.delete_topic(topic=f"{PROJECT}/topics/never-made")


async def test_subscription_is_created_found_listed_and_deleted(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, ack_deadline_seconds=42, enable_message_ordering=True)
    found = await clients.subscriber.get_subscription(subscription=name)
    assert (found.topic, found.ack_deadline_seconds, found.enable_message_ordering) == (topic, 42, True)
    listed = [s.name async for s in await clients.subscriber.list_subscriptions(project=PROJECT)]
    assert name in listed
    attached = [s async for s in await clients.publisher.list_topic_subscriptions(topic=topic)]
    assert attached == [name]
    await clients.subscriber.delete_subscription(subscription=name)
    with pytest.raises(exceptions.NotFound):
        await clients.subscriber.get_subscription(subscription=name)


async def test_lists_come_in_pages(clients: Clients) -> None:
    topic = await clients.topic()
    made = {await clients.subscription(topic) for _ in range(5)}
    request = types.ListTopicSubscriptionsRequest(topic=topic, page_size=2)
    pages = await clients.publisher.list_topic_subscriptions(request=request)
    sizes = [len(page.subscriptions) async for page in pages.pages]
    assert (sum(sizes), max(sizes)) == (len(made), 2)


async def test_default_ack_deadline_is_ten_seconds(clients: Clients) -> None:
    name = await clients.subscription(await clients.topic())
    assert (await clients.subscriber.get_subscription(subscription=name)).ack_deadline_seconds == 10


async def test_subscription_to_unknown_topic_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        await clients.subscription(f"{PROJECT}/topics/never-made")


async def test_same_subscription_twice_is_refused(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    with pytest.raises(exceptions.AlreadyExists):
        await clients.subscriber.create_subscription(name=name, topic=topic)


async def test_ack_deadline_above_ten_minutes_is_refused(clients: Clients) -> None:
    topic = await clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        await clients.subscription(topic, ack_deadline_seconds=601)


async def test_subscription_settings_can_be_changed(clients: Clients) -> None:
    name = await clients.subscription(await clients.topic())
    changed = await clients.subscriber.update_subscription(
        subscription=types.Subscription(name=name, ack_deadline_seconds=77),
        update_mask=field_mask_pb2.FieldMask(paths=["ack_deadline_seconds"]),
    )
    assert changed.ack_deadline_seconds == 77
    assert (await clients.subscriber.get_subscription(subscription=name)).ack_deadline_seconds == 77


async def test_deleted_topic_leaves_subscription_with_its_messages(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"stays")
    await clients.publisher.delete_topic(topic=topic)
    assert (await clients.subscriber.get_subscription(subscription=name)).topic == "_deleted-topic_"
    assert [m.message.data for m in await clients.pull(name, 1)] == [b"stays"]
