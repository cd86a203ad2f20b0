"""Ours: outbox, relay, broker, streaming pull, inbox and effect."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.messaging.cloud import PROJECT, Cloud
from bench.messaging.load import PRODUCERS, Arrivals, Load
from callmine.calls.v1.calls_pb2 import CallFetched
from chaos.effects import write_fact
from contracts import Event
from core.ids import WorkspaceId
from database import Database, Tx
from messaging import Consumer, Delivery, Draft, Outbox, OutgoingMessage, Publisher, Relay, Routes, Verdict
from messaging.google import GooglePublisher, PullSubscriber


@dataclass(slots=True)
class _OneTopic:
    """Sends what is meant for the topic `calls` to this round's own."""

    publisher: Publisher
    topic: str

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        del topic
        await self.publisher.publish(self.topic, messages, timeout)


@dataclass(slots=True)
class _Counted:
    """Tells `arrivals` what a consumer has done."""

    consumer: Consumer
    arrivals: Arrivals

    @property
    def halted(self) -> str:
        return self.consumer.halted

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        verdicts = await self.consumer.process(deliveries)
        for delivery, verdict in zip(deliveries, verdicts, strict=True):
            if verdict is Verdict.ACK:
                self.arrivals.arrived(uuid.UUID(delivery.attributes["ce-id"]))
        return verdicts


@dataclass(slots=True)
class Pipeline:
    """A running relay and consumer."""

    db: Database
    outbox: Outbox
    arrivals: Arrivals

    async def write(self, workspace_id: WorkspaceId, drafts: Sequence[Draft]) -> None:
        """One transaction of a producer."""
        began = time.monotonic()
        async with self.db.workspace(workspace_id) as tx:
            await write_fact(tx, len(drafts))
            ids = await self.outbox.add_many(tx, drafts)
            self.arrivals.sent.update(dict.fromkeys(ids, began))


@asynccontextmanager
async def pipeline(cloud: Cloud, expected: int) -> AsyncIterator[Pipeline]:
    """Relay and consumer on a fresh database and topic, for `expected` events."""
    topic, subscription = await cloud.subscription()
    async with cloud.database() as db:
        arrivals = Arrivals(expected)
        relay = Relay(db, _OneTopic(GooglePublisher(cloud.channel, PROJECT), topic))
        processor = _Counted(Consumer("analysis", db, _routes()), arrivals)
        subscriber = PullSubscriber(cloud.channel, PROJECT, subscription, processor)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(relay.run()), group.create_task(subscriber.run())]
            yield Pipeline(db, Outbox("ingest", relay.wake), arrivals)
            for task in running:
                task.cancel()


async def throughput(cloud: Cloud, load: Load) -> float:
    """Events a second, producers writing as fast as they can."""
    async with pipeline(cloud, load.events) as running, asyncio.timeout(300):
        transactions = load.transactions()
        running.arrivals.began = time.monotonic()

        async def produce() -> None:
            for workspace_id, drafts in transactions:
                await running.write(workspace_id, drafts)

        async with asyncio.TaskGroup() as group:
            for _ in range(PRODUCERS):
                group.create_task(produce())
            await running.arrivals.done.wait()
        return running.arrivals.rate


async def latency(cloud: Cloud, load: Load, rate: float) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds, at `rate` transactions of one event a second."""
    async with pipeline(cloud, load.events) as running, asyncio.timeout(300):
        began = time.monotonic()
        for number, (workspace_id, drafts) in enumerate(load.transactions(size=1)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            await running.write(workspace_id, drafts)
        await running.arrivals.done.wait()
        return running.arrivals.percentile(50), running.arrivals.percentile(99)


async def _record(tx: Tx, events: Sequence[Event[CallFetched]]) -> None:
    await tx.execute(
        "effects_insert_once",
        event_ids=[event.event_id for event in events],
        aggregate_ids=[event.aggregate_id for event in events],
        sequences=[event.sequence for event in events],
    )


def _routes() -> Routes:
    routes = Routes()
    routes.on_many(CallFetched, _record)
    return routes
