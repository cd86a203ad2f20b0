"""Messages whose row, attributes, body and aggregate name workspaces in every combination."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from callmine.calls.v1.calls_pb2 import CallFetched
from chaos.effects import workspace
from contracts import Event, attributes_of, ordering_key_of, pack
from core.ids import WorkspaceId, uuid7
from messaging import Delivery
from messaging.store import OutboxRow

A, B = workspace(1), workspace(2)
ABSENT = "absent"

# What only the message knows: it must not turn up in a reason.
CONTENT = "content-that-nobody-reads"

SUBSCRIPTION = "analysis.calls"


def event(workspace_id: WorkspaceId, aggregate_id: str = "run-1") -> Event[CallFetched]:
    """An event as ingest announces it."""
    return Event(
        workspace_id=workspace_id,
        payload=CallFetched(run_id="run-1", call_id=CONTENT),
        producer="ingest",
        aggregate_id=aggregate_id,
        sequence=1,
    )


def _attributes(of: Event[CallFetched], named: str) -> dict[str, str]:
    attributes = attributes_of(of)
    del attributes["ce-workspaceid"]
    return attributes if named == ABSENT else {**attributes, "ce-workspaceid": named}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An outbox row of workspace `row`."""

    row: WorkspaceId
    outbox: OutboxRow
    agrees: bool


def outgoing() -> Iterator[Outgoing]:
    """Row, body, attribute, ordering key and aggregate each name A or B; the attribute may be missing, the aggregate may name nobody."""
    for row, body, attribute, key, owner in itertools.product((A, B), (A, B), (A, B, ABSENT), (A, B), (A, B, "")):
        aggregate = f"{owner}:gong" if owner else "run-1"
        one = event(body, aggregate)
        outbox = OutboxRow(
            one.event_id, "calls", ordering_key_of(key, aggregate), pack(one), _attributes(one, attribute)
        )
        yield Outgoing(row, outbox, row == body == attribute == key and owner in {"", row})


def spoiled(row: WorkspaceId = A) -> dict[str, OutboxRow]:
    """Rows that agree on the workspace and disagree on something else."""
    one = event(row)
    good = OutboxRow(one.event_id, "calls", ordering_key_of(row, "run-1"), pack(one), attributes_of(one))
    other = str(uuid7())
    return {
        "another event's id in the row": good._replace(event_id=uuid7()),
        "another event's id in the attributes": good._replace(attributes={**good.attributes, "ce-id": other}),
        "a topic that does not carry it": good._replace(topic="credential-grants-analysis"),
        "no topic of ours": good._replace(topic="gossip"),
        "another type in the attributes": good._replace(attributes={**good.attributes, "ce-type": "x.Y"}),
        "an ordering key of another aggregate": good._replace(ordering_key=ordering_key_of(row, "run-2")),
        "a body that is none": good._replace(body=CONTENT.encode()),
        "no attributes": good._replace(attributes={}),
    }


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery; `reads_as` is the workspace of its body when all agrees."""

    delivery: Delivery
    reads_as: WorkspaceId | None


def incoming() -> list[Incoming]:
    """Body, attribute and aggregate each name A or B; the attribute may be missing, the aggregate may name nobody."""
    made: list[Incoming] = []
    for body, attribute, owner in itertools.product((A, B), (A, B, ABSENT), (A, B, "")):
        one = event(body, f"{owner}:gong" if owner else "run-1")
        key = ordering_key_of(body, one.aggregate_id)
        sent = Delivery(f"m-{one.event_id}", pack(one), _attributes(one, attribute), key, 1, SUBSCRIPTION)
        made.append(Incoming(sent, body if attribute == body and owner in {"", body} else None))
    return made
