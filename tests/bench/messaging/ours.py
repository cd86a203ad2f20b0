"""Ours: outbox and relay in this process, the broker, and in another process streaming pull, inbox and effect: two services."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.messaging.cloud import PROJECT, Cloud
from bench.messaging.listener import Listener, Order, listening
from bench.messaging.load import PRODUCERS, Load
from chaos.effects import open_effects, write_fact
from core.ids import WorkspaceId
from database import Database
from messaging import Draft, Outbox, OutgoingMessage, Publisher, Relay
from messaging.google import GooglePublisher


@dataclass(slots=True)
class _OneTopic:
    """Sends what is meant for the topic `calls` to this round's own."""

    publisher: Publisher
    topic: str

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        del topic
        await self.publisher.publish(self.topic, messages, timeout)


@dataclass(slots=True)
class Pipeline:
    """A running relay here, a running consumer elsewhere."""

    db: Database
    outbox: Outbox
    listener: Listener

    async def write(self, workspace_id: WorkspaceId, drafts: Sequence[Draft]) -> list[uuid.UUID]:
        """One transaction of a producer; the events' ids."""
        async with self.db.workspace(workspace_id) as tx:
            await write_fact(tx, len(drafts))
            return await self.outbox.add_many(tx, drafts)


@asynccontextmanager
async def pipeline(cloud: Cloud, expected: int, timed: bool = False) -> AsyncIterator[Pipeline]:
    """Relay and consumer on a fresh database and topic, for `expected` events."""
    topic, subscription = await cloud.subscription()
    async with cloud.settings() as settings:
        urls = settings.app_url, settings.sweep_url
        order = Order(*urls, cloud.address, cloud.ca.decode(), PROJECT, subscription, expected, timed)
        async with open_effects(settings) as db, listening(order) as listener:
            relay = Relay(db, _OneTopic(GooglePublisher(cloud.channel, PROJECT), topic))
            async with asyncio.TaskGroup() as group:
                running = group.create_task(relay.run())
                yield Pipeline(db, Outbox("ingest", relay.wake), listener)
                running.cancel()


async def throughput(cloud: Cloud, load: Load) -> float:
    """Events a second, producers writing as fast as they can."""
    async with pipeline(cloud, load.events) as running, asyncio.timeout(300):
        transactions = load.transactions()
        began = time.monotonic()

        async def produce() -> None:
            for workspace_id, drafts in transactions:
                await running.write(workspace_id, drafts)

        async with asyncio.TaskGroup() as group:
            for _ in range(PRODUCERS):
                group.create_task(produce())
            arrivals = await running.listener.arrivals()
        return load.events / (arrivals.last - began)


async def latency(cloud: Cloud, load: Load, rate: float) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds, from before the producer's commit until after the consumer's; `rate` transactions of one
    event a second.
    """
    async with pipeline(cloud, load.events, timed=True) as running, asyncio.timeout(300):
        sent: dict[str, float] = {}
        began = time.monotonic()
        for number, (workspace_id, drafts) in enumerate(load.transactions(size=1)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            now = time.monotonic()
            sent.update(dict.fromkeys(map(str, await running.write(workspace_id, drafts)), now))
        arrivals = await running.listener.arrivals()
        seconds = [arrivals.by_event[event_id] - at for event_id, at in sent.items()]
        percentiles = statistics.quantiles(seconds, n=100)
        return percentiles[49] * 1000, percentiles[98] * 1000
