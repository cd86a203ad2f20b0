"""Between retention's words and the message contracts."""

from __future__ import annotations

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.plans.v1.plans_pb2 import PlanChanged
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from contracts import Actor, Event, field_change
from database import Tx
from messaging import Draft, Outbox, Routes
from retention.handlers import PlanChange, Plans
from retention.store import plans as store


def routes(plans: Plans, outbox: Outbox) -> Routes:
    """What is done with each message."""

    async def created(tx: Tx, event: Event[WorkspaceCreated]) -> None:
        told = event.payload
        change = await plans.start(tx, told.name, told.timezone, event.sequence, event.occurred_at)
        if change is not None:
            await outbox.add_many(tx, [_plan_changed(tx, change, event)])

    async def updated(tx: Tx, event: Event[WorkspaceUpdated]) -> None:
        await store.keep_workspace(tx, event.payload.name, event.payload.timezone, event.sequence)

    table = Routes()
    table.on(WorkspaceCreated, created)
    table.on(WorkspaceUpdated, updated)
    return table


async def announce(tx: Tx, outbox: Outbox, change: PlanChange, actor: Actor) -> None:
    """Tell all services, and the audit log, that the plan was changed."""
    diff = [field_change("plan", change.before, change.plan)]
    kind = AdminActionType.ADMIN_ACTION_TYPE_BILLING_PLAN_CHANGED
    action = AdminAction(type=kind, target_kind="workspace", target_id=tx.workspace_id, diff=diff)
    audited = Draft(payload=action, aggregate_id=tx.workspace_id, sequence=change.version.number, actor=actor)
    await outbox.add_many(tx, [_plan_changed(tx, change, None), audited])


def _plan_changed(tx: Tx, change: PlanChange, cause: Event[WorkspaceCreated] | None) -> Draft:
    allowed = change.entitlements
    payload = PlanChanged(
        plan=change.plan.value,
        report_window_days=allowed.report_window_days,
        monthly_calls=allowed.monthly_calls,
        concurrent_runs=allowed.concurrent_runs,
        models=allowed.models,
    )
    payload.billing_anchor.FromDatetime(change.version.anchored_at)
    return Draft(payload=payload, aggregate_id=tx.workspace_id, sequence=change.version.number, cause=cause)
