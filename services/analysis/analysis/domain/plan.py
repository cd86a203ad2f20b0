"""What the workspace's plan allows: models, runs at a time, analysed calls a month."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from analysis.domain.month import Month, month_at
from core.errors import OutOfQuota

# In rising order; what an upgrade would be.
PLANS = ("trial", "free", "starter", "growth", "scale")

# Plans that a workspace can change to by paying.
PAID = ("starter", "growth", "scale")


class Plan(Struct, frozen=True):
    """A workspace's entitlements. `window_days` 0 means that reports stay visible without end; its months begin by `anchor`."""

    name: str
    window_days: int
    monthly_calls: int
    concurrent_runs: int
    models: tuple[str, ...]
    anchor: datetime | None = None

    def month(self, now: datetime) -> Month:
        """The month around `now` in which the plan's calls are counted."""
        return month_at(self.anchor, now)

    @property
    def title(self) -> str:
        """The name as it is written on pages."""
        return self.name.capitalize()

    @property
    def upgrades(self) -> tuple[str, ...]:
        """Plans with a larger quota, the next one first."""
        rank = PLANS.index(self.name) if self.name in PLANS else -1
        return tuple(plan for plan in PAID if PLANS.index(plan) > rank)


class Quota(Struct, frozen=True):
    """Analysed calls: of the plan this month, used of them, bought ones that are left, and what runs under way may still use."""

    monthly_calls: int
    used: int
    promised: int = 0
    addon_calls: int = 0
    month: Month | None = None

    @property
    def left_of_plan(self) -> int:
        """Calls of the month not used yet."""
        return max(0, self.monthly_calls - self.used)

    @property
    def left(self) -> int:
        """Calls not used yet, the bought ones included."""
        return self.left_of_plan + self.addon_calls

    @property
    def free(self) -> int:
        """Calls neither used nor promised to a run under way."""
        return max(0, self.left - self.promised)

    @property
    def reached(self) -> int:
        """The highest threshold that the month's use has reached: 100, 80 or 0 percent."""
        if not self.monthly_calls:
            return 0
        return next((percent for percent in THRESHOLDS if 100 * self.used >= percent * self.monthly_calls), 0)


# Percent of the month's calls at which people are told; the highest first.
THRESHOLDS = (100, 80)


class Metered(Struct, frozen=True):
    """Some calls of a month were metered together: what it was before, and how many of them the plan and bought calls have paid for."""

    used_before: int
    reached_before: int
    by_plan: int
    by_addon: int

    def reached(self, monthly_calls: int) -> list[tuple[int, int]]:
        """The thresholds that the month's use reached with these calls, each with what was used at that moment; the lower one first.

        One call reaches one threshold, the higher one where it comes to both; none is reached a second time.
        """
        told, before = [], self.reached_before
        for percent in reversed(THRESHOLDS):
            used = max(self.used_before + 1, -(-percent * monthly_calls // 100))
            passed = percent < THRESHOLDS[0] and used >= monthly_calls
            if before < percent and not passed and used <= self.used_before + self.by_plan:
                told.append((percent, used))
        return told


class QuotaUsedUp(OutOfQuota):
    """Nothing is left; the answer says what to do about it."""

    def __init__(self, plan: Plan, quota: Quota) -> None:
        super().__init__(
            f"all {quota.monthly_calls:,} analysed calls of the {plan.title} plan are used this month; "
            f"upgrade the plan or buy an add-on, or wait for the next month{_begins(quota)}"
        )
        self.members = _members("monthly_quota_used", plan, quota)


class RunTooLarge(OutOfQuota):
    """More calls are wanted than are left; the answer says how many are."""

    def __init__(self, plan: Plan, quota: Quota, wanted: int) -> None:
        left = quota.free or quota.left
        super().__init__(
            f"this run may use {wanted:,} analysed calls, and {left:,} are left; ask for {left:,} at most, "
            "let the run stop there, upgrade the plan or buy an add-on"
        )
        self.members = {**_members("run_exceeds_quota", plan, quota), "wanted": wanted, "available": left}


def require_quota(plan: Plan, quota: Quota, wanted: int, *, capped: bool) -> None:
    """Raise QuotaUsedUp when not a single call is left, and RunTooLarge when fewer than `wanted` are and the run may not be `capped`."""
    if quota.left == 0:
        raise QuotaUsedUp(plan, quota)
    if not capped and wanted > (quota.free or quota.left):
        raise RunTooLarge(plan, quota, wanted)


def _members(reason: str, plan: Plan, quota: Quota) -> dict[str, object]:
    return {
        "reason": reason,
        "plan": plan.name,
        "monthly_calls": quota.monthly_calls,
        "used": quota.used,
        "addon_calls": quota.addon_calls,
        "upgrade_options": list(plan.upgrades),
        "addon_available": True,
    }


def _begins(quota: Quota) -> str:
    """When the next month begins, where that is known."""
    return f", which begins on {quota.month.ends_at:%-d %B %Y, %H:%M} (UTC)" if quota.month else ""
