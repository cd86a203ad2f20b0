"""Messages that can never be processed: parked with the reason in the service they came to, nothing else affected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from google.protobuf import any_pb2

import audit.main
import audit.settings
import retention.main
import retention.settings
from callmine.audit.v1.audit_pb2 import AdminActionType
from callmine.envelope.v1.envelope_pb2 import Envelope
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated
from contracts import Event, attributes_of, pack
from core.ids import WorkspaceId
from integration.audit.actions import MINE, THEIRS, action
from messaging import Delivery, Verdict
from testkit.messages import delivery, parked_reasons, raw
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import Service, settings_for, started
from testkit.tables import every_row

SECRET_WORDS = b"nobody may read this in a reason"


def changed(event: Event[WorkspaceCreated], **fields: str) -> Delivery:
    """The event with fields of its envelope replaced; its attributes follow."""
    envelope = Envelope.FromString(pack(event))
    for name, value in fields.items():
        setattr(envelope, name, value)
    mirrored = {"ce-id": envelope.event_id, "ce-type": envelope.type, "ce-workspaceid": envelope.workspace_id}
    return Delivery(f"changed-{event.event_id}", envelope.SerializeToString(), attributes_of(event) | mirrored)


def with_payload(event: Event[WorkspaceCreated], payload: any_pb2.Any) -> Delivery:
    envelope = Envelope.FromString(pack(event))
    envelope.payload.CopyFrom(payload)
    return Delivery(f"payload-{event.event_id}", envelope.SerializeToString(), attributes_of(event))


def created(workspace_id: WorkspaceId = MINE) -> Event[WorkspaceCreated]:
    payload = WorkspaceCreated(name=SECRET_WORDS.decode(), slug="s", timezone="UTC")
    return Event(workspace_id=workspace_id, payload=payload, producer="ingest", aggregate_id="a", sequence=1)


KNOWN = created().type
POISON: dict[str, Callable[[], Delivery]] = {
    "the body is not an envelope": lambda: raw(b"\xff" + SECRET_WORDS, ce_id="garbage"),
    "workspace_id is missing or malformed": lambda: changed(created(), workspace_id=""),
    "workspace_id is missing or malformed: expected": lambda: changed(created(), workspace_id="org_x' OR true --"),
    "attribute ce-workspaceid does not agree": lambda: delivery(created(), ce_workspaceid=THEIRS),
    "attribute ce-id does not agree": lambda: delivery(created(), ce_id="another"),
    "event_id is not a UUID": lambda: changed(created(), event_id="7"),
    "the message type is not known here": lambda: changed(created(), type="callmine.workspaces.v1.Nothing"),
    "the payload is not of the type": lambda: with_payload(created(), any_pb2.Any(type_url="type.googleapis.com/x")),
    "the payload is not a message of its type": lambda: with_payload(
        created(), any_pb2.Any(type_url=f"type.googleapis.com/{KNOWN}", value=b"\xff\xff")
    ),
    "more than the 262144 allowed": lambda: raw(b"\x00" * 300_000, ce_id="huge"),
}


@asynccontextmanager
async def service_called(name: str, new_database: NewDatabase, outside: Outside) -> AsyncIterator[Service]:
    dsns = await new_database(name)
    composed = (
        audit.main.compose(settings_for(audit.settings.Settings, dsns, outside))
        if name == "audit"
        else retention.main.compose(settings_for(retention.settings.Settings, dsns, outside))
    )
    async with composed as parts, started(parts, dsns) as service:
        yield service


@pytest.mark.parametrize(("name", "topic"), [("audit", "audit"), ("retention", "workspaces")])
async def test_poison_is_parked_with_its_reason_and_nothing_else_is_affected(
    name: str, topic: str, new_database: NewDatabase, outside: Outside, postgres_url: str
) -> None:
    good = [action(1), action(2, workspace_id=THEIRS)] if name == "audit" else [created(), created(THEIRS)]
    poison = [make() for make in POISON.values()]
    async with service_called(name, new_database, outside) as service:
        consumer = service.consumer(topic)
        mixed = [delivery(good[0]), *poison[:5], delivery(good[1]), *poison[5:]]
        named = [Delivery(d.id, d.body, d.attributes, subscription=f"{name}.{topic}") for d in mixed]
        assert await consumer.process(named) == [Verdict.ACK] * len(named)
        found = await parked_reasons(service.dsns)
        assert [words for words, (_, _, reason) in zip(POISON, found, strict=True) if words not in reason] == []
        assert {source for _, source, _ in found} == {f"{name}.{topic}"}
        assert not any(SECRET_WORDS.decode() in reason for _, _, reason in found)

        rows = await every_row(postgres_url, service.dsns)
        effects = rows["entries"] if name == "audit" else rows["subscriptions"]
        # An entry of the audit log is its own inbox: what came twice has its id.
        assert (len(effects), len(rows["inbox"])) == (2, 0 if name == "audit" else 2)
        await consumer.process(named)
        assert await every_row(postgres_url, service.dsns) == rows


async def test_an_action_of_a_fifteenth_type_parks_alone(
    new_database: NewDatabase, outside: Outside, postgres_url: str
) -> None:
    """In the middle of a batch of its own workspace."""
    events = [action(number) for number in range(9)]
    events[4].payload.type = AdminActionType.ADMIN_ACTION_TYPE_UNSPECIFIED
    async with service_called("audit", new_database, outside) as service:
        verdicts = await service.consumer("audit").process([delivery(event, "audit.audit") for event in events])
        assert verdicts == [Verdict.ACK] * 9
        assert await parked_reasons(service.dsns) == [
            (MINE, "audit.audit", "the admin action is none of the fourteen types")
        ]
        assert len((await every_row(postgres_url, service.dsns))["entries"]) == 8
