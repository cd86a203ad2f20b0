"""Plans and what they entitle to. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from core.errors import InvalidInput


class PlanName(enum.StrEnum):
    """The five plans."""

    TRIAL = "trial"
    FREE = "free"
    STARTER = "starter"
    GROWTH = "growth"
    SCALE = "scale"

    @classmethod
    def parse(cls, text: str) -> PlanName:
        """The plan called `text`. Raises InvalidInput naming the plans there are."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput(f"There is no such plan: choose one of {', '.join(cls)}.") from None


class Entitlements(Struct, frozen=True):
    """What a plan allows. The window is in days, 0 being without end; calls are per month; runs at the same time."""

    report_window_days: int
    monthly_calls: int
    concurrent_runs: int
    models: tuple[str, ...]


Catalogue = Mapping[PlanName, Entitlements]


class Subscription(Struct, frozen=True):
    """The plan a workspace is on; `version` rises with each change. Its months begin by `anchored_at`."""

    plan: PlanName
    version: int
    changed_at: datetime
    anchored_at: datetime

    def trial_end(self, days: int) -> datetime | None:
        """When a trial of so many days ends; None for any other plan."""
        return self.changed_at + timedelta(days=days) if self.plan is PlanName.TRIAL else None


class Version(Struct, frozen=True):
    """A state of a subscription: its number, and the anchor of its months."""

    number: int
    anchored_at: datetime
