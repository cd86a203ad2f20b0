"""Publishing and pulling with Google's client, which is loaded in a thread once the service has begun: it takes as long as all the rest.

What needs no client stays before: the channel, and with it the identity that it shows (`messaging.google.channel`). A client that cannot
be loaded ends the process, as any background work does that crashes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc

from core.late import Late
from messaging.google.pulling import PullSettings
from messaging.ports import OutgoingMessage, Processor

if TYPE_CHECKING:
    from messaging.google.publisher import GooglePublisher
    from messaging.google.subscriber import PullSubscriber


class LatePublisher:
    """A `GooglePublisher`, from the first message on."""

    def __init__(self, channel: grpc.aio.Channel, project: str) -> None:
        self._channel = channel
        self._project = project
        self._publisher: GooglePublisher | None = None

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        """As `messaging.ports.Publisher`; loading does not count towards `timeout`."""
        if self._publisher is None:
            self._publisher = (await _PUBLISHER.get())(self._channel, self._project)
        await self._publisher.publish(topic, messages, timeout)


class LateSubscriber:
    """A `PullSubscriber`, from its start on."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        project: str,
        subscription: str,
        processor: Processor,
        settings: PullSettings | None = None,
        begun: asyncio.Event | None = None,
    ) -> None:
        """Nothing is loaded before `begun` is set."""
        self._given = (channel, project, subscription, processor, settings)
        self._begun = begun

    async def run(self) -> None:
        """Receive and process until cancelled."""
        if self._begun is not None:
            await self._begun.wait()
        await (await _SUBSCRIBER.get())(*self._given).run()


def _publisher() -> type[GooglePublisher]:
    from messaging.google.publisher import GooglePublisher

    return GooglePublisher


def _subscriber() -> type[PullSubscriber]:
    from messaging.google.subscriber import PullSubscriber

    return PullSubscriber


_PUBLISHER, _SUBSCRIBER = Late(_publisher), Late(_subscriber)
