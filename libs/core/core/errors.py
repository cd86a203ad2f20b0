"""One tree of errors for all of Callmine.

    CallmineError
    ├── Permanent            the same input will fail again: answer 4xx, park the message
    │   ├── InvalidInput     400
    │   ├── Unauthenticated  401
    │   ├── OutOfQuota       402
    │   ├── Forbidden        403
    │   ├── NotFound         404  (also what another workspace's id looks like)
    │   ├── Conflict         409
    │   └── Gone             410  (the workspace or the report is erased, or is about to be)
    ├── Transient            try again later: answer 503, leave the message to be redelivered
    └── MissingSettings      the service does not start

The class carries the HTTP status and the problem type, so that an error is translated in one place only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class CallmineError(Exception):
    """Root of the tree. `str(error)` is fit to be shown: it says what happened and what to do, and holds no content."""

    status: ClassVar[int] = 500
    problem: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"


class Permanent(CallmineError):
    """The same input will fail again, however often it is tried."""

    status = 422
    problem = "unprocessable"
    title = "This cannot be processed"


class InvalidInput(Permanent):
    """The input does not have the required shape or range."""

    status = 400
    problem = "invalid-input"
    title = "Something in the request is not right"


class Unauthenticated(Permanent):
    """No session, or one that is expired, foreign or unsigned."""

    status = 401
    problem = "unauthenticated"
    title = "Please sign in"


class OutOfQuota(Permanent):
    """The plan's quota and the add-on balance are used up."""

    status = 402
    problem = "out-of-quota"
    title = "The plan's quota is used up"


class Forbidden(Permanent):
    """The person is known but the role does not allow it."""

    status = 403
    problem = "forbidden"
    title = "This needs a workspace admin"


class NotFound(Permanent):
    """There is no such thing in this workspace; another workspace's id is answered in exactly the same way."""

    status = 404
    problem = "not-found"
    title = "Not found"


class Conflict(Permanent):
    """The thing has changed, or is not in a state that allows this."""

    status = 409
    problem = "conflict"
    title = "This is not possible right now"


class Gone(Permanent):
    """The workspace, or the report, is erased or is about to be: nothing can be added to it any more."""

    status = 410
    problem = "gone"
    title = "This is being deleted"


class Transient(CallmineError):
    """Likely to succeed later. `retry_after` is in seconds, None where the caller should use its own back-off."""

    status = 503
    problem = "unavailable"
    title = "Temporarily unavailable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class MissingSettings(CallmineError):
    """A service was started without settings it needs; all of them are listed at once."""

    def __init__(self, service: str, problems: Sequence[str]) -> None:
        listing = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{service} does not start: set these environment variables and start it again:\n{listing}")
        self.problems = tuple(problems)
