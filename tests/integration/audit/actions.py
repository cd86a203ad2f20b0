"""Admin actions as other services announce them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceUpdated
from contracts import Actor, ActorKind, Event, Source
from core.ids import WorkspaceId
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE

MINE, THEIRS = WorkspaceId(HARBORLINE.organization_id), WorkspaceId(QUILLSTONE.organization_id)
BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HELEN = Actor(ActorKind.USER, "user_harborline01", "helen.achebe@harborline.example", Source.WEB)


def action(
    number: int = 0,
    kind: AdminActionType.ValueType = AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED,
    *,
    workspace_id: WorkspaceId = MINE,
    diff: Mapping[str, tuple[str | None, str | None]] | None = None,
    target_id: str = "",
    target_kind: str = "workspace",
    actor: Actor = HELEN,
    at: datetime | None = None,
) -> Event[AdminAction]:
    """The action that happened `number` seconds after the beginning; three in four share their second with another."""
    sides = diff if diff is not None else {"name": ("before", f"after {number}")}
    changes = [FieldChange(field=name, before=before, after=after) for name, (before, after) in sides.items()]
    payload = AdminAction(type=kind, target_kind=target_kind, target_id=target_id or f"target-{number}", diff=changes)
    return Event(
        workspace_id=workspace_id,
        payload=payload,
        producer="ingest",
        aggregate_id=f"target-{number}",
        sequence=number,
        occurred_at=at or BEGAN + timedelta(seconds=number // 4),
        actor=actor,
    )


def zoned(timezone: str, sequence: int) -> Event[WorkspaceUpdated]:
    """The workspace has another zone."""
    payload = WorkspaceUpdated(name="Harborline", timezone=timezone)
    return Event(workspace_id=MINE, payload=payload, producer="ingest", aggregate_id=MINE, sequence=sequence)
