"""Push: the wrapped form, acknowledgement by status, switching between push and pull."""

import base64

from google.pubsub_v1 import types

from contract.broker.clients import Clients, data_of
from contract.broker.pushed import PushEndpoint


async def test_message_is_posted_in_wrapped_form(clients: Clients, endpoint: PushEndpoint) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, push_config={"push_endpoint": endpoint.url}, enable_message_ordering=True)
    [message_id] = await clients.publish(topic, b"\xffpushed", key="k", kind="greeting")
    headers, body = await endpoint.next()
    message = body["message"]
    assert headers["Content-Type"].startswith("application/json")
    assert base64.b64decode(message["data"]) == b"\xffpushed"
    assert message["attributes"] == {"kind": "greeting"}
    assert message["messageId"] == message_id
    assert message["orderingKey"] == "k"
    assert message["publishTime"].startswith("20")
    assert body["subscription"] == name
    await clients.subscriber.delete_subscription(subscription=name)


async def test_refused_push_comes_again(clients: Clients, endpoint: PushEndpoint) -> None:
    endpoint.answers += [500, 429]
    topic = await clients.topic()
    name = await clients.subscription(topic, push_config={"push_endpoint": endpoint.url})
    await clients.publish(topic, b"stubborn")
    ids = [(await endpoint.next())[1]["message"]["messageId"] for _ in range(3)]
    assert len(set(ids)) == 1
    await clients.publish(topic, b"next")
    _, body = await endpoint.next()
    assert base64.b64decode(body["message"]["data"]) == b"next"
    await clients.subscriber.delete_subscription(subscription=name)


async def test_pushed_messages_of_a_key_keep_their_order(clients: Clients, endpoint: PushEndpoint) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic, push_config={"push_endpoint": endpoint.url}, enable_message_ordering=True)
    endpoint.answers += [500]
    await clients.publish(topic, *(b"%d" % i for i in range(10)), key="k")
    got = [int(base64.b64decode((await endpoint.next())[1]["message"]["data"])) for _ in range(11)]
    assert got == [0, *range(10)]  # the first one failed once, and nothing overtook it
    await clients.subscriber.delete_subscription(subscription=name)


async def test_subscription_can_turn_from_pull_to_push_and_back(clients: Clients, endpoint: PushEndpoint) -> None:
    topic = await clients.topic()
    name = await clients.subscription(topic)
    await clients.publish(topic, b"waiting")
    push = types.PushConfig(push_endpoint=endpoint.url)
    await clients.subscriber.modify_push_config(subscription=name, push_config=push)
    _, body = await endpoint.next()
    assert base64.b64decode(body["message"]["data"]) == b"waiting"
    await clients.subscriber.modify_push_config(subscription=name, push_config=types.PushConfig())
    await clients.publish(topic, b"pulled")
    assert data_of(await clients.pull(name, 1)) == [b"pulled"]
