"""Publishing with Google's asynchronous client, one request for each call."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.api_core import exceptions
from google.api_core.retry_async import AsyncRetry
from google.pubsub_v1 import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports.grpc_asyncio import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PublishRequest

from core.errors import Permanent, Transient
from messaging.ports import OutgoingMessage

# The request itself is at fault: no later attempt will be taken.
_HOPELESS = (exceptions.InvalidArgument, exceptions.OutOfRange)

# Worth a second attempt inside one call. What lasts longer is the relay's back-off to deal with.
_BRIEF = (exceptions.Aborted, exceptions.InternalServerError, exceptions.ServiceUnavailable, exceptions.TooManyRequests)


class GooglePublisher:
    """Publishes to the topics of one project."""

    def __init__(self, channel: grpc.aio.Channel, project: str) -> None:
        self._client = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        self._prefix = f"projects/{project}/topics/"

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        """Return when Pub/Sub has stored all `messages`; `timeout` (seconds) covers retries as well. Raises Permanent or Transient."""
        # The plain protobuf class: the client's own wrappers cost more than the call for a request of many messages.
        request = PublishRequest.pb()(topic=self._prefix + topic)
        for message in messages:
            request.messages.add(data=message.body, attributes=message.attributes, ordering_key=message.ordering_key)
        try:
            await self._client.publish(
                request=PublishRequest.wrap(request), retry=_retry(timeout), timeout=timeout, metadata=()
            )
        except _HOPELESS as error:
            raise Permanent(f"Pub/Sub refused the message: {error.code} {type(error).__name__}") from error
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
            raise Transient(f"Pub/Sub did not take the message ({type(error).__name__})") from error


def _retry(timeout: float) -> AsyncRetry:
    return AsyncRetry(
        predicate=lambda error: isinstance(error, _BRIEF), initial=0.1, maximum=1.0, multiplier=2.0, timeout=timeout / 2
    )
