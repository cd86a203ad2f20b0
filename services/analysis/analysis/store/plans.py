"""Projections of what other services have told, and what is used up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from analysis.domain.plan import Metered, Plan, Quota
from analysis.domain.request import RunId
from core.errors import Transient
from database import Row, Tx


class IntegrationState(Struct, frozen=True):
    """Whether an integration is connected, and why it is not."""

    state: str
    reason: str = ""

    @property
    def connected(self) -> bool:
        """Whether calls can be fetched with it."""
        return self.state == "connected"


class LostIntegration(Struct, frozen=True):
    """An integration that a person has to reconnect; `reason` is the vault's, in words fit for the page, or empty."""

    provider: str
    reason: str


async def plan_of(tx: Tx) -> Plan:
    """The workspace's plan, or the default while none is known. Raises Transient when there is no default either."""
    row = await tx.fetch_one("plan_of_workspace") or await tx.fetch_one("plan_by_default")
    if row is None:
        raise Transient("no plan is known yet; it will be in a moment", retry_after=2)
    return _plan(row)


async def set_default_plan(tx: Tx, plan: Plan) -> None:
    """Write the configured default; `tx` is a sweep."""
    await tx.execute("set_default_plan", **_columns(plan))


async def project_plan(tx: Tx, plan: Plan, sequence: int) -> None:
    """Remember the workspace's plan unless a later one is known."""
    await tx.execute("project_plan", **_columns(plan), billing_anchor=plan.anchor, sequence=sequence)


async def project_workspace(tx: Tx, name: str, timezone: str, sequence: int) -> bool:
    """Remember the workspace's name and timezone unless later ones are known; False then."""
    return await tx.execute("project_workspace", name=name, timezone=timezone, sequence=sequence) == 1


async def timezone_of(tx: Tx) -> str:
    """The workspace's timezone; UTC while none is known."""
    return str(await tx.fetch_value("workspace_timezone") or "UTC")


async def project_integration(tx: Tx, provider: str, state: IntegrationState, sequence: int) -> bool:
    """Remember an integration's state unless a later one is known, or this one; False then."""
    changed = await tx.execute(
        "project_integration", provider=provider, state=state.state, reason=state.reason, sequence=sequence
    )
    return changed == 1


async def integration(tx: Tx, provider: str) -> IntegrationState:
    """An integration's state; disconnected where nothing has been told."""
    row = await tx.fetch_one("integration_state", provider=provider)
    return IntegrationState(row["state"], row["reason"]) if row else IntegrationState("disconnected")


async def lost_integrations(tx: Tx) -> list[LostIntegration]:
    """The integrations that need reconnecting."""
    return [LostIntegration(**dict(row)) for row in await tx.fetch("integrations_lost")]


async def lock_quota(tx: Tx) -> None:
    """Be the only one to decide what the plan still allows, until the transaction ends."""
    await tx.execute("lock_quota")


async def quota_of(tx: Tx, plan: Plan, now: datetime) -> Quota:
    """What is used in the month around `now`, what is left of bought calls, and what runs under way may still use."""
    month = plan.month(now)
    usage = await tx.fetch_one("usage_of_month", begins_at=month.begins_at)
    return Quota(
        monthly_calls=plan.monthly_calls,
        used=usage["used"] if usage else 0,
        promised=usage["promised"] if usage else 0,
        addon_calls=usage["addon_calls"] if usage else 0,
        month=month,
    )


async def credit_addon(tx: Tx, purchase_id: str, calls: int) -> bool:
    """Add bought calls; False when the purchase is known already."""
    if not await tx.execute("addon_purchase", purchase_id=purchase_id, calls=calls):
        return False
    await tx.execute("addon_credit", calls=calls)
    return True


async def meter_calls(tx: Tx, run_id: RunId, call_ids: Sequence[str], plan: Plan, now: datetime) -> Metered:
    """Meter analysed calls in their order, each once: a second time raises Conflict by the table's key.

    Goes into the transaction that stores the results. The same comes of it as of metering them one by one.
    """
    month = plan.month(now)
    row = await tx.fetch_one(
        "meter_calls",
        run_id=run_id,
        call_ids=list(call_ids),
        calls=len(call_ids),
        begins_at=month.begins_at,
        ends_at=month.ends_at,
        monthly_calls=plan.monthly_calls,
    )
    assert row is not None, "it gives back what it inserts"  # noqa: S101
    return Metered(row["used_before"], row["reached_before"], row["by_plan"], row["by_addon"])


def _plan(row: Row) -> Plan:
    return Plan(
        row["plan"],
        row["window_days"],
        row["monthly_calls"],
        row["concurrent_runs"],
        tuple(row["models"]),
        row["billing_anchor"],
    )


def _columns(plan: Plan) -> dict[str, object]:
    return {
        "plan": plan.name,
        "window_days": plan.window_days,
        "monthly_calls": plan.monthly_calls,
        "concurrent_runs": plan.concurrent_runs,
        "models": list(plan.models),
    }
