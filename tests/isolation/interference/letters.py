"""Messages: made up, or as a service has published them; straight, or twisted."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message
from msgspec.structs import replace

from callmine.calls.v1.calls_pb2 import CallFetched
from contracts import Actor, ActorKind, Event, Source, attributes_of, ordering_key_of, pack, unpack
from core.clock import SystemClock
from integration.analysis.world import call_document
from isolation.interference.tenants import Tenant
from isolation.interference.world import World
from messaging import Delivery

HELEN = Actor(ActorKind.USER, "user_helen01", "helen@people.example", Source.WEB)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A message that no service has published: of any type, about anything.

    `folder` says where the object of a fetched call is: in the workspace's own folder, nowhere, or (it claims) in another workspace's.
    """

    payload: Message
    producer: str
    aggregate_id: str
    sequence: int
    event_id: uuid.UUID
    twist: str = "none"
    folder: str = "own"

    async def deliveries(self, world: World, tenant: Tenant, subscription: str) -> list[Delivery]:
        """The message, twisted."""
        payload = type(self.payload)()
        payload.CopyFrom(self.payload)
        if isinstance(payload, CallFetched) and payload.object_name:
            await self._store(world, tenant, payload)
        event = Event(
            workspace_id=tenant.workspace_id,
            payload=payload,
            producer=self.producer,
            aggregate_id=self.aggregate_id,
            sequence=self.sequence,
            event_id=self.event_id,
            occurred_at=SystemClock().now(),
            actor=HELEN,
        )
        return twisted(event, self.twist, tenant, subscription)

    async def _store(self, world: World, tenant: Tenant, payload: CallFetched) -> None:
        words = f"Honestly, {tenant.word} is higher than we planned for."
        content = json.dumps(call_document(payload.call_id, words)).encode()
        digest = hashlib.sha256(content).hexdigest()
        name = f"calls/{payload.call_id}/{digest[:16]}.json.gz"
        owner = tenant.other if self.folder == "other" else tenant.workspace_id
        if self.folder == "own":
            await world.bucket.workspace(owner).put(name, content)
        payload.object_name, payload.sha256 = f"workspaces/{owner}/{name}", digest


@dataclass(frozen=True, slots=True)
class Forward:
    """What a service of the subject has published, by its place; to a rival it comes with the rival's workspace on it."""

    place: int
    twist: str = "none"

    async def deliveries(self, world: World, tenant: Tenant, subscription: str) -> list[Delivery]:
        """The message, twisted."""
        if self.place >= len(world.published):
            return []
        found = world.published[self.place]
        event = unpack(found.body, found.attributes)
        if tenant.workspace_id != event.workspace_id and self.place % 4:
            # One in four keeps the subject's aggregate: such a message disagrees with itself.
            own = event.aggregate_id.replace(event.workspace_id, tenant.workspace_id)
            event = replace(event, aggregate_id=own)
        return twisted(replace(event, workspace_id=tenant.workspace_id), self.twist, tenant, subscription)


Parts = tuple[bytes, Mapping[str, str]]


def twisted(event: Event[Message], twist: str, tenant: Tenant, subscription: str) -> list[Delivery]:
    """The event as delivered. One that cannot be read has an id of its own, for it belongs to nobody and is parked once."""
    if twist in _UNREADABLE:
        event = replace(event, event_id=uuid.uuid5(event.event_id, tenant.workspace_id))
    body, attributes = _TWISTS[twist]((pack(event), attributes_of(event)), tenant)
    lane = ordering_key_of(event.workspace_id, event.aggregate_id)
    one = Delivery(f"m-{event.event_id}", body, attributes, lane, subscription=subscription)
    return [one, replace(one, id=f"{one.id}-again")] if twist == "twice" else [one]


def _with(**changes: str) -> Callable[[Parts, Tenant], Parts]:
    names = {name.replace("_", "-"): value for name, value in changes.items()}
    return lambda parts, _: (parts[0], {**parts[1], **names})


def _without(name: str) -> Callable[[Parts, Tenant], Parts]:
    return lambda parts, _: (parts[0], {key: value for key, value in parts[1].items() if key != name})


_TWISTS: Mapping[str, Callable[[Parts, Tenant], Parts]] = {
    "none": lambda parts, _: parts,
    "twice": lambda parts, _: parts,
    "other's attribute": lambda parts, tenant: (parts[0], {**parts[1], "ce-workspaceid": tenant.other}),
    "no workspace": _without("ce-workspaceid"),
    "cut short": lambda parts, _: (parts[0][:-9], parts[1]),
    "garbage": lambda parts, _: (b"\xff\xfe" * 40, parts[1]),
    "another type": _with(ce_type="callmine.audit.v1.Nothing"),
    "huge": lambda parts, _: (parts[0] + b"\x00" * (256 * 1024), parts[1]),
}

_UNREADABLE = frozenset(_TWISTS) - {"none", "twice"}

TWISTS = tuple(sorted(_UNREADABLE))
