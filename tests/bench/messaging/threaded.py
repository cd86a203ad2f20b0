"""The alternative: Google's threaded publisher and callback subscriber, and one transaction for each message."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import psycopg
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient  # type: ignore[import-untyped]
from google.cloud.pubsub_v1.subscriber.message import Message  # type: ignore[import-untyped]
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler  # type: ignore[import-untyped]
from google.cloud.pubsub_v1.types import PublisherOptions  # type: ignore[import-untyped]
from google.protobuf.message import Message as ProtobufMessage
from google.pubsub_v1.services.publisher.transports.grpc import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports.grpc import SubscriberGrpcTransport

from bench.messaging.cloud import PROJECT, Cloud
from bench.messaging.load import PRODUCERS, Load
from chaos.effects import queries
from contracts import Event, attributes_of, pack, unpack
from core.ids import WorkspaceId
from database import Queries
from messaging import Draft

# The library's own default.
_CALLBACK_THREADS = 10

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(slots=True)
class _Connections:
    """A pool: callbacks take a connection and give it back."""

    url: str
    queries: Queries
    _free: queue.SimpleQueue[Connection] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        for _ in range(_CALLBACK_THREADS + PRODUCERS):
            self._free.put(psycopg.connect(self.url, cursor_factory=psycopg.RawCursor))

    @contextmanager
    def transaction(self, workspace_id: WorkspaceId) -> Iterator[_Transaction]:
        connection = self._free.get()
        try:
            with connection.transaction():
                transaction = _Transaction(connection, self.queries, workspace_id)
                transaction.run("scope_enter")
                yield transaction
        finally:
            self._free.put(connection)

    def close(self) -> None:
        while not self._free.empty():
            self._free.get().close()


@dataclass(frozen=True, slots=True)
class _Transaction:
    connection: Connection
    queries: Queries
    workspace_id: WorkspaceId

    def run(self, name: str, **parameters: object) -> psycopg.Cursor[tuple[object, ...]]:
        """The same named statements as ours, with the same parameters."""
        statement = self.queries[name]
        return self.connection.execute(statement.sql.encode(), statement.arguments(parameters, self.workspace_id))


@dataclass(slots=True)
class _Run:
    """One round: its connections, and how many effects there are."""

    connections: _Connections
    expected: int
    arrived: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, message: Message) -> None:
        """The callback: inbox and effect in a transaction of their own."""
        event = unpack(message.data, dict(message.attributes))
        with self.connections.transaction(event.workspace_id) as transaction:
            if transaction.run("inbox_enter", consumer="analysis", event_ids=[event.event_id]).fetchall():
                transaction.run(
                    "effects_insert_once",
                    event_ids=[event.event_id],
                    aggregate_ids=[event.aggregate_id],
                    sequences=[event.sequence],
                )
        message.ack()
        with self.lock:
            self.arrived += 1
            if self.arrived == self.expected:
                self.done.set()


async def throughput(cloud: Cloud, load: Load) -> float:
    """Events a second."""
    topic, subscription = await cloud.subscription()
    async with cloud.settings() as settings:
        run = _Run(_Connections(settings.app_url, queries()), load.events)
        try:
            return await asyncio.to_thread(_measure, cloud, load, run, topic, subscription)
        finally:
            run.connections.close()


def _measure(cloud: Cloud, load: Load, run: _Run, topic: str, subscription: str) -> float:
    credentials = grpc.ssl_channel_credentials(cloud.ca)
    options = PublisherOptions(enable_message_ordering=True)
    publisher = PublisherClient(
        publisher_options=options,
        transport=PublisherGrpcTransport(channel=grpc.secure_channel(cloud.address, credentials)),
    )
    subscriber = SubscriberClient(
        transport=SubscriberGrpcTransport(channel=grpc.secure_channel(cloud.address, credentials))
    )
    path = f"projects/{PROJECT}/topics/{topic}"
    with ThreadPoolExecutor(_CALLBACK_THREADS) as threads, subscriber:
        streaming = subscriber.subscribe(
            f"projects/{PROJECT}/subscriptions/{subscription}", run.take, scheduler=ThreadScheduler(threads)
        )

        def produce(one: tuple[WorkspaceId, list[Draft]]) -> None:
            workspace_id, drafts = one
            with run.connections.transaction(workspace_id) as transaction:
                transaction.run("facts_insert", ids=[uuid.uuid4() for _ in drafts])
            for draft in drafts:
                event = _event(workspace_id, draft)
                publisher.publish(path, pack(event), ordering_key=draft.aggregate_id, **attributes_of(event))

        began = time.monotonic()
        with ThreadPoolExecutor(PRODUCERS) as producers:
            list(producers.map(produce, load.transactions()))
        if not run.done.wait(300):
            raise TimeoutError(f"{run.arrived} of {run.expected} events arrived within 300 s")
        rate = run.expected / (time.monotonic() - began)
        streaming.cancel()
        streaming.result()
    publisher.stop()
    return rate


def _event(workspace_id: WorkspaceId, draft: Draft) -> Event[ProtobufMessage]:
    return Event(
        workspace_id=workspace_id,
        payload=draft.payload,
        producer="ingest",
        aggregate_id=draft.aggregate_id,
        sequence=draft.sequence,
    )
