"""Streaming pull in batches: one batch is processed while the next arrives, or several side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

import grpc
from google.api_core import exceptions
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import StreamingPullRequest, StreamingPullResponse

from core.clock import Clock, SystemClock
from core.log import logger
from messaging.google.pulling import PullSettings
from messaging.ports import Delivery, Processor, Verdict

log = logger("messaging.subscriber")

# An acknowledge request may have 512 KiB (cloud.google.com/pubsub/quotas), and ids have about 200 bytes.
_MOST_IDS = 2000

# Google's own clients send a heartbeat this often, or the server takes an idle stream for dead.
_HEARTBEAT_SECONDS = 30.0


class _Received(Protocol):
    """What is used of Pub/Sub's ReceivedMessage."""

    ack_id: str
    delivery_attempt: int
    message: _Message


class _Message(Protocol):
    message_id: str
    data: bytes
    attributes: dict[str, str]
    ordering_key: str


class PullSubscriber:
    """Feeds one subscription to one processor."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        project: str,
        subscription: str,
        processor: Processor,
        settings: PullSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._client = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
        self._path = f"projects/{project}/subscriptions/{subscription}"
        self._subscription = subscription
        self._processor = processor
        self._settings = settings or PullSettings()
        self._clock = clock or SystemClock()
        self._arrived: asyncio.Queue[tuple[str, Delivery]] = asyncio.Queue(self._settings.outstanding)
        self._outstanding: set[str] = set()

    async def run(self) -> None:
        """Receive and process until cancelled; then what is not done is given back for others."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._receive())
                group.create_task(self._extend())
                for _ in range(self._settings.side_by_side):
                    group.create_task(self._work(group))
        finally:
            await self._give_back()

    async def _receive(self) -> None:
        """Keep a stream open, with a growing pause after each that failed."""
        failures = 0
        while True:
            while self._halted():
                await self._clock.sleep(self._settings.halted_wait)
            try:
                async for messages in self._stream():
                    failures = 0
                    for received in messages:
                        self._outstanding.add(received.ack_id)
                        await self._arrived.put((received.ack_id, self._delivery(received)))
                    if self._halted():
                        break
            except (exceptions.GoogleAPICallError, grpc.RpcError) as error:
                failures += 1
                log.info("stream ended", subscription=self._subscription, cause=type(error).__name__, failures=failures)
            await self._clock.sleep(min(self._settings.longest_wait, 0.1 * 2.0 ** min(failures, 20)))

    def _halted(self) -> bool:
        return bool(self._processor.halted)

    async def _stream(self) -> AsyncIterator[Iterable[_Received]]:
        call = await self._client.streaming_pull(requests=self._requests(), retry=None, timeout=None)
        try:
            async for response in call:
                yield StreamingPullResponse.pb(response).received_messages
        finally:
            if isinstance(call, grpc.aio.Call):
                call.cancel()

    async def _requests(self) -> AsyncIterator[StreamingPullRequest]:
        settings = self._settings
        yield StreamingPullRequest(
            subscription=self._path,
            stream_ack_deadline_seconds=settings.deadline,
            max_outstanding_messages=settings.outstanding,
            max_outstanding_bytes=settings.outstanding_bytes,
        )
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            yield StreamingPullRequest()

    async def _work(self, group: asyncio.TaskGroup) -> None:
        """Process batch after batch; verdicts travel while the next batch is processed."""
        while True:
            batch = await self._next_batch()
            verdicts = await self._processor.process([delivery for _, delivery in batch])
            group.create_task(self._report([ack_id for ack_id, _ in batch], verdicts))

    async def _next_batch(self) -> list[tuple[str, Delivery]]:
        """What has arrived, at least one message: batches grow with the load by themselves, and nobody waits for a batch to fill."""
        batch = [await self._arrived.get()]
        size = len(batch[0][1].body)
        while len(batch) < self._settings.batch and size < self._settings.batch_bytes and not self._arrived.empty():
            batch.append(self._arrived.get_nowait())
            size += len(batch[-1][1].body)
        return batch

    async def _report(self, ack_ids: Sequence[str], verdicts: Sequence[Verdict]) -> None:
        """Acknowledge, or ask for redelivery. A verdict that is lost costs a redelivery, which the inbox drops."""
        done = [ack_id for ack_id, verdict in zip(ack_ids, verdicts, strict=True) if verdict is Verdict.ACK]
        again = [ack_id for ack_id, verdict in zip(ack_ids, verdicts, strict=True) if verdict is Verdict.RETRY]
        self._outstanding.difference_update(ack_ids)
        try:
            await self._acknowledge(done)
            await self._modify(again, 0)
        except (exceptions.GoogleAPICallError, grpc.RpcError) as error:
            log.info("verdicts not delivered", subscription=self._subscription, cause=type(error).__name__)

    async def _extend(self) -> None:
        """Keep what is waiting or being processed from being delivered again."""
        while True:
            await self._clock.sleep(self._settings.deadline / 2)
            try:
                await self._modify(list(self._outstanding), self._settings.deadline)
            except (exceptions.GoogleAPICallError, grpc.RpcError) as error:
                log.info("deadlines not extended", subscription=self._subscription, cause=type(error).__name__)

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._modify(list(self._outstanding), 0)
        except (exceptions.GoogleAPICallError, grpc.RpcError, TimeoutError) as error:
            log.info("messages not given back", subscription=self._subscription, cause=type(error).__name__)

    async def _acknowledge(self, ack_ids: Sequence[str]) -> None:
        for start in range(0, len(ack_ids), _MOST_IDS):
            await self._client.acknowledge(
                subscription=self._path,
                ack_ids=list(ack_ids[start : start + _MOST_IDS]),
                retry=None,
                timeout=self._settings.call_timeout,
            )

    async def _modify(self, ack_ids: Sequence[str], seconds: int) -> None:
        for start in range(0, len(ack_ids), _MOST_IDS):
            await self._client.modify_ack_deadline(
                subscription=self._path,
                ack_ids=list(ack_ids[start : start + _MOST_IDS]),
                ack_deadline_seconds=seconds,
                retry=None,
                timeout=self._settings.call_timeout,
            )

    def _delivery(self, received: _Received) -> Delivery:
        message = received.message
        return Delivery(
            id=message.message_id,
            body=message.data,
            attributes=dict(message.attributes),
            ordering_key=message.ordering_key,
            attempt=max(1, received.delivery_attempt),
            subscription=self._subscription,
        )
