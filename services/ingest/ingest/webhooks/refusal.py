"""Refusing a webhook. Who sent it is told no more than the status: which check failed is for the counters and the log."""

from __future__ import annotations

from core.errors import CallmineError, InvalidInput, Permanent, Transient, Unauthenticated
from ingest.domain.webhooks import Reason


class Refused(Unauthenticated):
    """It is not shown that the sender sent this, now."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("The webhook's signature or timestamp is not valid.")
        self.reason = reason


class TooLarge(Permanent):
    """The body is longer than any webhook."""

    status = 413
    problem = "too-large"
    title = "That is too large"

    def __init__(self) -> None:
        super().__init__("The webhook's body is too large.")


class NotSetUp(Transient):
    """There is no secret to check it with yet."""

    def __init__(self) -> None:
        super().__init__("Webhooks of this sender are not set up here.")


def reason_of(error: CallmineError) -> Reason | None:
    """Why a webhook was refused; None for an error on our side."""
    if isinstance(error, Refused):
        return error.reason
    if isinstance(error, TooLarge):
        return Reason.TOO_LARGE
    if isinstance(error, InvalidInput):
        return Reason.UNREADABLE
    return Reason.NOT_SET_UP if isinstance(error, NotSetUp) else None
