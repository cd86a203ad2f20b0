"""Push delivery: each message is an HTTPS POST in Pub/Sub's wrapped JSON form; an answer other than success is a nack."""

import asyncio
import base64
import logging
import ssl

import aiohttp
from google.pubsub_v1 import types

from local.broker import schema
from local.broker.consumer import Consumer
from local.broker.message import Delivery
from local.broker.subscription import Subscription
from local.broker.tokens import PushSigner

log = logging.getLogger(__name__)

IN_FLIGHT = 64
"""Requests of one subscription under way at a time; Google starts with few and grows to some thousands."""
SUCCESS = frozenset({102, 200, 201, 202, 204})
"""Statuses that acknowledge (cloud.google.com/pubsub/docs/push, "Receive messages")."""


class PushSender:
    """One task per push subscription, started and stopped as push configs come and go."""

    def __init__(self, signer: PushSigner, trust: ssl.SSLContext | None) -> None:
        self._signer = signer
        self._trust = trust
        self._tasks: dict[Subscription, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def follow(self, subscription: Subscription) -> None:
        """Starts, restarts or ends the task of a subscription after it was created, changed or deleted."""
        running = self._tasks.pop(subscription, None)
        if running is not None:
            running.cancel()
        if subscription.config.push_config.push_endpoint and not subscription.gone:
            self._tasks[subscription] = asyncio.create_task(self._run(subscription), name=f"push {subscription.name}")

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
        if self._session is not None:
            await self._session.close()

    async def _run(self, subscription: Subscription) -> None:
        consumer = Consumer(max_messages=IN_FLIGHT, one_per_key=True)
        subscription.join(consumer)
        try:
            async with asyncio.TaskGroup() as posts:
                while not subscription.gone:
                    for delivery in subscription.take(consumer):
                        posts.create_task(self._push(subscription, delivery, delivery.ack_id))
                    await consumer.wake.wait()
                    consumer.wake.clear()
        finally:
            subscription.leave(consumer)

    async def _push(self, subscription: Subscription, delivery: Delivery, ack_id: str) -> None:
        status = await self._post(subscription.config, delivery)
        if status in SUCCESS:
            subscription.acknowledge([ack_id])
        else:
            log.debug("push to %s was answered with %s; it will be tried again", subscription.name, status or "nothing")
            subscription.modify([ack_id], 0)

    async def _post(self, config: types.Subscription, delivery: Delivery) -> int:
        """Returns the HTTP status, 0 when there was none within the acknowledgement deadline."""
        push = config.push_config
        headers = {"Content-Type": "application/json", "User-Agent": "APIs-Google"}
        if push.oidc_token.service_account_email:
            audience = push.oidc_token.audience or push.push_endpoint
            token = self._signer.token(audience, push.oidc_token.service_account_email)
            headers["Authorization"] = f"Bearer {token}"
        timeout = aiohttp.ClientTimeout(total=config.ack_deadline_seconds)
        body = wrapped(config, delivery)
        try:
            async with self._client().post(
                push.push_endpoint, json=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._trust or True, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        return self._session


def wrapped(config: types.Subscription, delivery: Delivery) -> dict[str, object]:
    """The body of a push request (cloud.google.com/pubsub/docs/push, "Receive messages")."""
    message = schema.PubsubMessage.FromString(delivery.message.data)
    published = message.publish_time.ToJsonString()
    inner: dict[str, object] = {
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.data:
        inner["data"] = base64.b64encode(message.data).decode()
    if message.attributes:
        inner["attributes"] = dict(message.attributes)
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    body: dict[str, object] = {"message": inner, "subscription": config.name}
    if config.dead_letter_policy.dead_letter_topic:
        body["deliveryAttempt"] = delivery.attempt
    return body
