"""Publishing with Google's asynchronous client, one request for each call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
from google.api_core import exceptions
from google.api_core.gapic_v1 import routing_header
from google.api_core.retry_async import AsyncRetry
from google.pubsub_v1.types import PublishRequest, PublishResponse

from core.errors import Permanent, Transient
from messaging.ports import OutgoingMessage

# The request itself is at fault: no later attempt will be taken.
_HOPELESS = (exceptions.InvalidArgument, exceptions.OutOfRange)

# Worth a second attempt inside one call. What lasts longer is the relay's back-off to deal with.
_BRIEF = (exceptions.Aborted, exceptions.InternalServerError, exceptions.ServiceUnavailable, exceptions.TooManyRequests)


# The client's own method wraps each call five times over, which takes as long as sending it; an outbox with many keys makes many calls.
_PUBLISH = "/google.pubsub.v1.Publisher/Publish"


class GooglePublisher:
    """Publishes to the topics of one project."""

    def __init__(self, channel: grpc.aio.Channel, project: str) -> None:
        self._call = channel.unary_unary(
            _PUBLISH,
            request_serializer=PublishRequest.pb().SerializeToString,
            response_deserializer=PublishResponse.pb().FromString,
        )
        self._prefix = f"projects/{project}/topics/"

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        """Return when Pub/Sub has stored all `messages`; `timeout` (seconds) covers retries as well. Raises Permanent or Transient."""
        request = PublishRequest.pb()(topic=self._prefix + topic)
        for message in messages:
            request.messages.add(data=message.body, attributes=message.attributes, ordering_key=message.ordering_key)
        metadata = (routing_header.to_grpc_metadata({"topic": request.topic}),)

        async def send() -> None:
            try:
                await self._call(request, timeout=timeout, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                raise exceptions.from_grpc_error(error) from error

        try:
            async with asyncio.timeout(timeout):
                await _retry(timeout)(send)()
        except _HOPELESS as error:
            raise Permanent(f"Pub/Sub refused the message: {error.code} {type(error).__name__}") from error
        except (exceptions.GoogleAPICallError, exceptions.RetryError, TimeoutError) as error:
            raise Transient(f"Pub/Sub did not take the message ({type(error).__name__})") from error


def _retry(timeout: float) -> AsyncRetry:
    return AsyncRetry(
        predicate=lambda error: isinstance(error, _BRIEF), initial=0.1, maximum=1.0, multiplier=2.0, timeout=timeout / 2
    )
