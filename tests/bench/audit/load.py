"""Messages as a broker delivers them, and the same entries for a bare INSERT."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from audit.main import PULL
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from contracts import Actor, ActorKind, Event, Source
from core.ids import WorkspaceId
from messaging import Delivery
from testkit.messages import delivery

WORKSPACES = 200
# As many as the subscriber hands over at once when there are enough.
BATCH = PULL.batch
PEOPLE = 10

_KINDS = [value for value in AdminActionType.values() if value]

Events = Sequence[Event[AdminAction]]


def events(count: int, seed: int) -> list[Event[AdminAction]]:
    """Messages of all workspaces in turn, about as large as real ones."""
    rng = random.Random(seed)
    return [_event(rng, number) for number in range(count)]


def batches(told: Events) -> list[list[Delivery]]:
    """As the subscriber hands them to the consumer."""
    packed = [delivery(event) for event in told]
    return [packed[start : start + BATCH] for start in range(0, len(packed), BATCH)]


def _event(rng: random.Random, number: int) -> Event[AdminAction]:
    person = f"user_2Nq{rng.randrange(PEOPLE):04}"
    return Event(
        workspace_id=WorkspaceId(f"org_bench{rng.randrange(WORKSPACES)}"),
        payload=AdminAction(
            type=rng.choice(_KINDS),
            target_kind="schedule",
            target_id=f"schedule-{number}",
            diff=[
                FieldChange(field="status", before="active", after="paused"),
                FieldChange(field="name", before="Weekly"),
            ],
        ),
        producer="analysis",
        aggregate_id=f"schedule-{number}",
        sequence=number,
        occurred_at=datetime.now(UTC),
        actor=Actor(ActorKind.USER, person, f"{person}@example.com", Source.WEB),
    )
