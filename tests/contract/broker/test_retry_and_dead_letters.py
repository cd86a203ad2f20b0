"""What happens to a message nobody manages to process."""

import time

from google.protobuf.duration_pb2 import Duration

from contract.broker.clients import Clients


async def test_dead_letter_after_the_last_attempt(clients: Clients) -> None:
    topic, graveyard = await clients.topic(), await clients.topic()
    buried = await clients.subscription(graveyard)
    name = await clients.subscription(
        topic, dead_letter_policy={"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    )
    await clients.publish(topic, b"poison", kind="bad")
    attempts = []
    for _ in range(5):
        [received] = await clients.pull(name, 1, ack=False)
        attempts.append(received.delivery_attempt)
        await clients.modify(name, [received], 0)
    assert attempts == [1, 2, 3, 4, 5]
    assert await clients.pull_once(name, wait=1.0) == []
    [letter] = await clients.pull(buried, 1)
    attributes = dict(letter.message.attributes)
    assert (letter.message.data, attributes["kind"]) == (b"poison", "bad")
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == name.rsplit("/", 1)[-1]
    assert attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] == name.split("/")[1]
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert "CloudPubSubDeadLetterSourceTopicPublishTime" in attributes


async def test_attempts_show_only_with_a_dead_letter_policy(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"x")
    for _ in range(2):
        [received] = await clients.pull(name, 1, ack=False)
        assert received.delivery_attempt == 0
        await clients.modify(name, [received], 0)


async def test_retry_policy_holds_a_message_back(clients: Clients) -> None:
    topic = await clients.topic()
    name = await clients.subscription(
        topic, retry_policy={"minimum_backoff": Duration(seconds=1), "maximum_backoff": Duration(seconds=2)}
    )
    await clients.publish(topic, b"x")
    [received] = await clients.pull(name, 1, ack=False)
    await clients.modify(name, [received], 0)
    given_back = time.monotonic()
    [again] = await clients.pull(name, 1)
    assert again.message.message_id == received.message.message_id
    assert time.monotonic() - given_back > 0.8
