"""What comes on one topic of a running stack, decoded: for people who write a consumer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.api_core import exceptions
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import Subscription

from contracts import unpack
from contracts.registry import TOPICS
from core.errors import CallmineError
from local.stack.environment import PROJECT
from local.stack.keys import Keys
from messaging.google import open_channel

Show = Callable[[dict[str, Any]], None]

_CALL_SECONDS = 10.0
_WAIT_SECONDS = 30.0
_AT_ONCE = 100


class NothingToWatch(CallmineError):
    """There is no such topic, or no running stack."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker is, and how to be let in as its administrator."""

    endpoint: str
    authority: bytes
    token: str

    @classmethod
    def of(cls, directory: Path) -> Place:
        """The stack that is kept in `directory`. Raises NothingToWatch where none was started there yet."""
        ports = directory / "ports.json"
        if not ports.exists():
            raise NothingToWatch("nothing has been started on this machine yet: `make run` first")
        port = json.loads(ports.read_text())["broker"]
        token = Keys.kept(directory / "keys.json").admin_token
        return cls(f"127.0.0.1:{port}", (directory / "tls" / "ca.pem").read_bytes(), token)


async def watch(place: Place, topic: str, show: Show) -> None:
    """Give every message that comes on `topic` from now on to `show`, until cancelled. Raises NothingToWatch."""
    if topic not in TOPICS:
        raise NothingToWatch(f"there is no topic {topic!r}; there are: {', '.join(sorted(TOPICS))}")
    async with (
        open_channel(place.endpoint, place.authority, place.token) as channel,
        _subscription(channel, topic) as (client, path),
    ):
        while True:
            await _next(client, path, show)


@asynccontextmanager
async def _subscription(channel: grpc.aio.Channel, topic: str) -> AsyncIterator[tuple[SubscriberAsyncClient, str]]:
    """A subscription beside the services' own, for as long as somebody looks."""
    client = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
    path = f"projects/{PROJECT}/subscriptions/tap.{topic}"
    wanted = Subscription(name=path, topic=f"projects/{PROJECT}/topics/{topic}")
    try:
        await client.create_subscription(request=wanted, timeout=_CALL_SECONDS)
    except exceptions.AlreadyExists as error:
        raise NothingToWatch(f"{topic} is being watched already") from error
    except exceptions.GoogleAPICallError as error:
        raise NothingToWatch(f"the broker does not answer ({type(error).__name__}): is `make run` up?") from error
    try:
        yield client, path
    finally:
        await client.delete_subscription(subscription=path, timeout=_CALL_SECONDS)


async def _next(client: SubscriberAsyncClient, path: str, show: Show) -> None:
    try:
        answer = await client.pull(subscription=path, max_messages=_AT_ONCE, timeout=_WAIT_SECONDS)
    except exceptions.DeadlineExceeded:
        return
    for received in answer.received_messages:
        show(decoded(received.message.data, dict(received.message.attributes)))
    ids = [received.ack_id for received in answer.received_messages]
    if ids:
        await client.acknowledge(subscription=path, ack_ids=ids, timeout=_CALL_SECONDS)


def decoded(body: bytes, attributes: dict[str, str]) -> dict[str, Any]:
    """A message for a screen: ids, numbers and states. What cannot be read is told by its reason."""
    try:
        event = unpack(body, attributes)
    except CallmineError as error:
        return {"unreadable": str(error), "bytes": len(body)}
    return {
        "type": event.type,
        "workspace_id": event.workspace_id,
        "event_id": str(event.event_id),
        "occurred_at": event.occurred_at.isoformat(),
        "aggregate_id": event.aggregate_id,
        "sequence": event.sequence,
        "producer": event.producer,
        "payload": _shown(event.payload),
    }


def _shown(message: Message) -> dict[str, Any]:
    """The fields by name; of bytes, which are sealed credentials, only how many there are."""
    fields = MessageToDict(message, preserving_proto_field_name=True)
    sealed = [field.name for field in message.DESCRIPTOR.fields if field.type == FieldDescriptor.TYPE_BYTES]
    return fields | {name: f"{len(getattr(message, name))} bytes" for name in sealed}
