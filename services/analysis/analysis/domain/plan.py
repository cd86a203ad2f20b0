"""What the workspace's plan allows: models, runs at a time, analysed calls a month."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InvalidInput, OutOfQuota

# In rising order; what an upgrade would be.
PLANS = ("trial", "free", "starter", "growth", "scale")

# Plans that a workspace can change to by paying.
PAID = ("starter", "growth", "scale")


@dataclass(frozen=True, slots=True)
class Plan:
    """A workspace's entitlements. `window_days` 0 means that reports stay visible without end."""

    name: str
    window_days: int
    monthly_calls: int
    concurrent_runs: int
    models: tuple[str, ...]

    @property
    def title(self) -> str:
        """The name as it is written on pages."""
        return self.name.capitalize()

    @property
    def upgrades(self) -> tuple[str, ...]:
        """Plans with a larger quota, the next one first."""
        rank = PLANS.index(self.name) if self.name in PLANS else -1
        return tuple(plan for plan in PAID if PLANS.index(plan) > rank)

    def require_model(self, model: str) -> None:
        """Raise InvalidInput when the plan does not include `model`."""
        if model not in self.models:
            raise InvalidInput(
                f"the {self.title} plan does not include this model; choose one of: {', '.join(self.models)}"
            )


@dataclass(frozen=True, slots=True)
class Quota:
    """How many analysed calls the plan has this month, how many are used, and how many runs under way may still use."""

    monthly_calls: int
    used: int
    promised: int = 0

    @property
    def left(self) -> int:
        """Calls not used yet."""
        return max(0, self.monthly_calls - self.used)

    @property
    def free(self) -> int:
        """Calls neither used nor promised to a run under way."""
        return max(0, self.monthly_calls - self.used - self.promised)


class QuotaUsedUp(OutOfQuota):
    """Nothing is left this month; the answer says what to do about it."""

    def __init__(self, plan: Plan, quota: Quota) -> None:
        super().__init__(
            f"all {quota.monthly_calls} analysed calls of the {plan.title} plan are used this month; "
            "upgrade the plan or buy an add-on, or wait for the next month"
        )
        self.members = {
            "reason": "monthly_quota_used",
            "plan": plan.name,
            "monthly_calls": quota.monthly_calls,
            "used": quota.used,
            "upgrade_options": list(plan.upgrades),
            "addon_available": True,
        }


def require_quota(plan: Plan, quota: Quota) -> None:
    """Raise QuotaUsedUp when not a single call is left."""
    if quota.left == 0:
        raise QuotaUsedUp(plan, quota)
