"""The bound: what the broker and PostgreSQL move when nothing is checked, grouped, parsed, scoped or kept in order."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Sequence

from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports.grpc_asyncio import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import PublishRequest, StreamingPullRequest, StreamingPullResponse

from bench.messaging.cloud import PROJECT, Cloud
from bench.messaging.load import Load
from chaos.effects import workspace
from contracts import Event, attributes_of, pack
from core.ids import uuid7
from database import Database
from messaging import Draft

ROWS_A_STATEMENT = 500
MESSAGES_A_REQUEST = 1000

Message = tuple[bytes, dict[str, str]]


async def throughput(cloud: Cloud, load: Load) -> float:
    """Events a second through facts, outbox, broker, inbox and effects, one step after the other."""
    messages = [_message(one) for _, drafts in load.transactions() for one in drafts]
    topic, subscription = await cloud.subscription()
    async with cloud.database() as db:
        began = time.monotonic()
        await _write(db, messages)
        await _empty(db)
        await _publish(cloud, topic, messages)
        await _pull(cloud, subscription, len(messages))
        await _hear(db, len(messages))
        return len(messages) / (time.monotonic() - began)


def _message(draft: Draft) -> Message:
    event = Event(
        workspace_id=workspace(0),
        payload=draft.payload,
        producer="ingest",
        aggregate_id=draft.aggregate_id,
        sequence=draft.sequence,
    )
    return pack(event), attributes_of(event)


async def _write(db: Database, messages: Sequence[Message]) -> None:
    """Facts and outbox rows, 500 in a transaction."""
    for start in range(0, len(messages), ROWS_A_STATEMENT):
        rows = messages[start : start + ROWS_A_STATEMENT]
        async with db.workspace(workspace(0)) as tx:
            await tx.execute("facts_insert", ids=[uuid.uuid4() for _ in rows])
            await tx.execute(
                "outbox_insert",
                event_ids=[uuid7() for _ in rows],
                topics=["calls"] * len(rows),
                ordering_keys=["key"] * len(rows),
                bodies=[body for body, _ in rows],
                attributes=[attributes for _, attributes in rows],
            )


async def _empty(db: Database) -> None:
    """What a relay does to the outbox besides publishing, in one statement."""
    async with db.sweep() as tx:
        await tx.execute("outbox_empty")


async def _publish(cloud: Cloud, topic: str, messages: Sequence[Message]) -> None:
    client = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=cloud.channel))
    for start in range(0, len(messages), MESSAGES_A_REQUEST):
        request = PublishRequest.pb()(topic=f"projects/{PROJECT}/topics/{topic}")
        for body, attributes in messages[start : start + MESSAGES_A_REQUEST]:
            request.messages.add(data=body, attributes=attributes)
        await client.publish(request=PublishRequest.wrap(request), timeout=30)


async def _pull(cloud: Cloud, subscription: str, count: int) -> None:
    client = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=cloud.channel))
    path = f"projects/{PROJECT}/subscriptions/{subscription}"

    async def requests() -> AsyncIterator[StreamingPullRequest]:
        yield StreamingPullRequest(subscription=path, stream_ack_deadline_seconds=60)

    call = await client.streaming_pull(requests=requests(), retry=None, timeout=None)
    async for response in call:
        ack_ids = [received.ack_id for received in StreamingPullResponse.pb(response).received_messages]
        await client.acknowledge(subscription=path, ack_ids=ack_ids, timeout=30)
        count -= len(ack_ids)
        if count <= 0:
            break


async def _hear(db: Database, count: int) -> None:
    """Inbox rows and effects, 500 in a transaction."""
    for _ in range(0, count, ROWS_A_STATEMENT):
        ids = [uuid7() for _ in range(ROWS_A_STATEMENT)]
        async with db.batch() as batch:
            tx, _ = await batch.enter_with(workspace(0), "inbox_enter", consumer="bound", event_ids=ids)
            await tx.execute(
                "effects_insert_once", event_ids=ids, aggregate_ids=["key"] * len(ids), sequences=list(range(len(ids)))
            )
