"""Messages as bytes, into a consumer and out of an outbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count

from google.protobuf.message import Message

from contracts import Event, attributes_of, pack, unpack
from core.ids import WorkspaceId
from local.postgres import ServiceDsns
from local.postgres.connection import connected
from messaging import Consumer, Delivery, Verdict

_ids = count(1)


def delivery(event: Event[Message], subscription: str = "", **attributes: str) -> Delivery:
    """`event` as a broker delivers it; `attributes` replace those that mirror the event (names with _ for -)."""
    changed = {name.replace("_", "-"): value for name, value in attributes.items()}
    mirrored = attributes_of(event) | changed
    return Delivery(f"m{next(_ids)}", pack(event), mirrored, event.aggregate_id, subscription=subscription)


def raw(body: bytes, subscription: str = "", **attributes: str) -> Delivery:
    """Any bytes as a broker delivers them."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return Delivery(f"m{next(_ids)}", body, named, subscription=subscription)


async def deliver(consumer: Consumer, *events: Event[Message], subscription: str = "") -> None:
    """Deliver `events` in one batch; all must be acknowledged."""
    verdicts = await consumer.process([delivery(event, subscription) for event in events])
    assert verdicts == [Verdict.ACK] * len(events)


async def said(dsns: ServiceDsns, workspace_id: WorkspaceId | None = None) -> list[tuple[str, Event[Message]]]:
    """What waits in the outbox, oldest first: topics and events; of one workspace if given."""
    async with connected(dsns.sweep) as connection:
        rows = await connection.fetch("SELECT topic, workspace_id, body, attributes::text AS a FROM outbox ORDER BY id")
    events = [(row["topic"], unpack(row["body"], _attributes(row["a"]))) for row in rows]
    return [one for one in events if workspace_id in {None, one[1].workspace_id}]


async def parked_reasons(dsns: ServiceDsns) -> Sequence[tuple[str | None, str, str]]:
    """What is parked: workspace, subscription, reason; oldest first."""
    async with connected(dsns.sweep) as connection:
        rows = await connection.fetch("SELECT workspace_id, source, reason FROM parked ORDER BY id")
    return [(row["workspace_id"], row["source"], row["reason"]) for row in rows]


def _attributes(text: str) -> dict[str, str]:
    loaded = json.loads(text)
    return {str(name): str(value) for name, value in loaded.items()}
