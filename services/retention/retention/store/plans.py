"""Workspaces and the plans that they are on."""

from __future__ import annotations

from datetime import datetime

from core.ids import WorkspaceId
from database import Database, Row, Tx
from retention.domain.plans import PlanName, Subscription, Version


async def subscription(tx: Tx) -> Subscription | None:
    """The workspace's plan; None for a workspace that is not known yet."""
    return _subscription(await tx.fetch_one("subscription"))


async def lock_subscription(tx: Tx) -> Subscription | None:
    """The same, held until the transaction ends: nobody else changes the plan meanwhile."""
    return _subscription(await tx.fetch_one("subscription_lock"))


async def start(tx: Tx, plan: PlanName, anchored_at: datetime) -> Version | None:
    """Put a workspace that has no plan on `plan`, its months beginning by `anchored_at`: the first version; None when it has one."""
    return _version(await tx.fetch_one("subscription_start", plan=plan.value, anchored_at=anchored_at))


async def change(tx: Tx, plan: PlanName) -> Version | None:
    """Move the workspace to `plan`: the new version; None when it is on it already, or not known."""
    return _version(await tx.fetch_one("subscription_change", plan=plan.value))


async def follow(tx: Tx, plan: PlanName, anchored_at: datetime | None) -> Version | None:
    """Move the workspace to `plan`, its months beginning by `anchored_at` if given: the new version; None when it is so already."""
    return _version(await tx.fetch_one("subscription_follow", plan=plan.value, anchored_at=anchored_at))


async def end_trial(tx: Tx, days: int) -> Version | None:
    """Put a workspace whose trial is older than `days` on free: the new version; None when there is no such trial."""
    return _version(await tx.fetch_one("trial_end", days=days))


async def trials_over(db: Database, days: int, limit: int) -> list[WorkspaceId]:
    """Workspaces whose trial is older than `days`, the oldest first."""
    async with db.sweep() as tx:
        return [WorkspaceId(row["workspace_id"]) for row in await tx.fetch("trials_over", days=days, limit=limit)]


async def keep_workspace(tx: Tx, name: str, timezone: str, sequence: int) -> None:
    """Keep what was told last of the workspace."""
    await tx.execute("workspace_keep", name=name, timezone=timezone, sequence=sequence)


def _subscription(row: Row | None) -> Subscription | None:
    if row is None:
        return None
    return Subscription(PlanName(row["plan"]), row["version"], row["changed_at"], row["anchored_at"])


def _version(row: Row | None) -> Version | None:
    return Version(row["version"], row["anchored_at"]) if row else None
