"""What retention does when something happens: each takes an open transaction and leaves effects and outbox rows in it."""

from retention.handlers.plans import PlanChange, Plans

__all__ = ["PlanChange", "Plans"]
