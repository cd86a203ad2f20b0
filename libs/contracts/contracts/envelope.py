"""The envelope: one event, its bytes on the wire, and the attributes that mirror it.

event = Event(workspace_id=..., payload=CallFetched(...), producer="ingest", aggregate_id=run_id, sequence=3)
body = pack(event)
assert unpack(body, attributes_of(event)) == event
"""

from __future__ import annotations

import enum
import functools
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from google.protobuf import any_pb2, timestamp_pb2
from google.protobuf.message import DecodeError, Message
from msgspec import Struct, field

from callmine.envelope.v1 import envelope_pb2
from contracts.registry import MESSAGES
from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_uuid, parse_workspace_id, points_elsewhere, uuid7

P = TypeVar("P", bound=Message, covariant=True)

CONTENT_TYPE = "application/protobuf"

# Google allows 10 MB a message; what travels here are names and numbers. 256 KiB leaves room for a sealed grant and a diff.
LARGEST_BODY = 256 * 1024


class ActorKind(enum.StrEnum):
    """What kind of actor did it."""

    USER = "user"
    SYSTEM = "system"
    STAFF = "staff"
    MCP = "mcp"


class Source(enum.StrEnum):
    """Where it was done."""

    WEB = "web"
    API = "api"
    MCP = "mcp"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    SYSTEM = "system"


_KINDS = {kind: envelope_pb2.ActorKind.Value(f"ACTOR_KIND_{kind.name}") for kind in ActorKind}
_KIND_OF: Mapping[int, ActorKind] = {number: kind for kind, number in _KINDS.items()}
_SOURCES = {source: envelope_pb2.Source.Value(f"SOURCE_{source.name}") for source in Source}
_SOURCE_OF: Mapping[int, Source] = {number: source for source, number in _SOURCES.items()}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Actors are read again and again: the same people, and most of all the services themselves.
_ACTORS_KEPT = 4096


class Actor(Struct, frozen=True):
    """Who did it: `id` is a Clerk user id, or a service's name where nobody did."""

    kind: ActorKind = ActorKind.SYSTEM
    id: str = ""
    email: str = ""
    source: Source = Source.SYSTEM


class Event(Struct, Generic[P], frozen=True, kw_only=True):
    """Something that happened in a workspace, and what it was."""

    workspace_id: WorkspaceId
    payload: P
    producer: str
    aggregate_id: str
    sequence: int
    event_id: uuid.UUID = field(default_factory=uuid7)
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    causation_id: str = ""
    correlation_id: str = ""
    actor: Actor = Actor()
    traceparent: str = ""

    @property
    def type(self) -> str:
        """Full name of the payload's message."""
        return str(self.payload.DESCRIPTOR.full_name)


class Label(NamedTuple):
    """What stands on an event's outside, for those who pass it on without opening the payload."""

    workspace_id: WorkspaceId
    event_id: str
    type: str
    aggregate_id: str


def ordering_key_of(workspace_id: WorkspaceId, aggregate_id: str) -> str:
    """What keeps its order on a topic. It begins with the workspace, so that no two workspaces ever wait for each other in one lane."""
    return f"{workspace_id}/{aggregate_id}"


def pack(event: Event[Message]) -> bytes:
    """The event's bytes, the same for the same event on every machine (deterministic serialisation)."""
    type_name, actor = event.type, event.actor
    since = event.occurred_at - _EPOCH
    envelope = envelope_pb2.Envelope(
        event_id=str(event.event_id),
        workspace_id=event.workspace_id,
        type=type_name,
        occurred_at=timestamp_pb2.Timestamp(
            seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000
        ),
        producer=event.producer,
        aggregate_id=event.aggregate_id,
        sequence=event.sequence,
        causation_id=event.causation_id,
        correlation_id=event.correlation_id,
        actor=envelope_pb2.Actor(
            kind=_KINDS[actor.kind], id=actor.id, email=actor.email, source=_SOURCES[actor.source]
        ),
        traceparent=event.traceparent,
        payload=any_pb2.Any(
            type_url=f"type.googleapis.com/{type_name}", value=event.payload.SerializeToString(deterministic=True)
        ),
    )
    return envelope.SerializeToString(deterministic=True)


def attributes_of(event: Event[Message]) -> dict[str, str]:
    """The Pub/Sub attributes that mirror the event, named as CloudEvents names them."""
    mirrored = {
        "ce-id": str(event.event_id),
        "ce-type": event.type,
        "ce-source": event.producer,
        "ce-specversion": "1.0",
        "ce-time": event.occurred_at.isoformat(),
        "ce-workspaceid": event.workspace_id,
        "content-type": CONTENT_TYPE,
    }
    # W3C's name, for those outside who go on with the trace; the body has it as well.
    return mirrored | {"traceparent": event.traceparent} if event.traceparent else mirrored


def unpack(body: bytes, attributes: Mapping[str, str]) -> Event[Message]:
    """The event in `body`, with its payload decoded.

    Raises InvalidInput, with a reason that quotes no content, for bytes that are no envelope, a workspace that is missing, malformed or
    not the one in the attributes or in the aggregate's id, an unknown type, and a payload that is not of the type named.
    """
    envelope, workspace_id = _opened(body, attributes)
    return Event(
        workspace_id=workspace_id,
        payload=_payload(envelope),
        producer=envelope.producer,
        aggregate_id=envelope.aggregate_id,
        sequence=envelope.sequence,
        event_id=parse_uuid(envelope.event_id, "event_id"),
        occurred_at=_time(envelope),
        causation_id=envelope.causation_id,
        correlation_id=envelope.correlation_id,
        actor=_actor(envelope.actor),
        traceparent=envelope.traceparent,
    )


def label_of(body: bytes, attributes: Mapping[str, str]) -> Label:
    """The label of the event in `body`, checked as `unpack` checks it; the payload stays closed. Raises InvalidInput."""
    envelope, workspace_id = _opened(body, attributes)
    return Label(workspace_id, envelope.event_id, envelope.type, envelope.aggregate_id)


def _opened(body: bytes, attributes: Mapping[str, str]) -> tuple[envelope_pb2.Envelope, WorkspaceId]:
    if len(body) > LARGEST_BODY:
        raise InvalidInput(f"the message has {len(body)} bytes, more than the {LARGEST_BODY} allowed")
    try:
        envelope = envelope_pb2.Envelope.FromString(body)
    except DecodeError as error:
        raise InvalidInput("the body is not an envelope") from error
    workspace_id = parse_workspace_id(envelope.workspace_id)
    _check_mirror(envelope, attributes)
    _check_aggregate(workspace_id, envelope.aggregate_id)
    return envelope, workspace_id


def _check_aggregate(workspace_id: WorkspaceId, aggregate_id: str) -> None:
    """An aggregate may be the workspace itself (`org_…`) or something of it (`org_…:gong`): then it is this workspace's."""
    if points_elsewhere(aggregate_id, workspace_id):
        raise InvalidInput("the aggregate belongs to another workspace than the message")


def _check_mirror(envelope: envelope_pb2.Envelope, attributes: Mapping[str, str]) -> None:
    for name, value in (
        ("ce-workspaceid", envelope.workspace_id),
        ("ce-id", envelope.event_id),
        ("ce-type", envelope.type),
    ):
        if attributes.get(name, "") != value:
            raise InvalidInput(f"attribute {name} does not agree with the body")


def _payload(envelope: envelope_pb2.Envelope) -> Message:
    type_name, payload = envelope.type, envelope.payload
    known = MESSAGES.get(type_name)
    if known is None:
        raise InvalidInput("the message type is not known here")
    if payload.type_url.rsplit("/", 1)[-1] != type_name:
        raise InvalidInput("the payload is not of the type that the envelope names")
    try:
        return known.FromString(payload.value)
    except DecodeError as error:
        raise InvalidInput("the payload is not a message of its type") from error


def _time(envelope: envelope_pb2.Envelope) -> datetime:
    occurred_at = envelope.occurred_at
    seconds, nanos = occurred_at.seconds, occurred_at.nanos
    try:
        if not 0 <= nanos < 1_000_000_000:
            raise ValueError(nanos)
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("occurred_at is not a time") from error


def _actor(actor: envelope_pb2.Actor) -> Actor:
    return _known_actor(actor.kind, actor.id, actor.email, actor.source)


@functools.lru_cache(_ACTORS_KEPT)
def _known_actor(kind: int, actor_id: str, email: str, source: int) -> Actor:
    """Kinds and sources of a newer producer that this build does not know are read as the system's."""
    return Actor(
        kind=_KIND_OF.get(kind, ActorKind.SYSTEM),
        id=actor_id,
        email=email,
        source=_SOURCE_OF.get(source, Source.SYSTEM),
    )
