"""What an API key may be allowed, and what each route of the API asks for.

    @router.get("/api/v1/runs", dependencies=[needs(Scope.RUNS_READ)])

A route without such a declaration is closed to keys; `tests/architecture/test_api_scopes.py` finds one below /api/v1 that has none.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, Self

from fastapi import Depends
from fastapi.params import Depends as Dependency


class Scope(enum.StrEnum):
    """A right that a key can be given. The words are for the page where keys are made and for the API's description."""

    def __new__(cls, value: str, words: str, for_admins: object = False) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.words = words
        member.for_admins = bool(for_admins)
        return member

    words: str
    for_admins: bool

    RUNS_READ = "runs:read", "See previews and runs"
    RUNS_WRITE = "runs:write", "Ask for previews, start, stop and resume runs: this uses quota"
    REPORTS_READ = "reports:read", "Read reports and their quotes"
    REPORTS_EXPORT = "reports:export", "Export reports as files: audited"
    SCHEDULES_READ = "schedules:read", "See schedules and their history"
    SCHEDULES_WRITE = "schedules:write", "Create, change, activate, pause and delete schedules", True
    MEMBERS_READ = "members:read", "See who is a member"
    MEMBERS_WRITE = "members:write", "See and make invitations, change roles, remove members", True
    SETTINGS_READ = "settings:read", "See the workspace's settings and plan"
    SETTINGS_WRITE = "settings:write", "Change the workspace's name and settings", True
    INTEGRATIONS_READ = "integrations:read", "See what is connected", True
    INTEGRATIONS_WRITE = "integrations:write", "Connect and disconnect integrations", True
    AUDIT_READ = "audit:read", "Read the audit log, and what was sent to language models", True


def scope_of(name: str) -> Scope | None:
    """The scope of this name; None for one that there is not."""
    return next((scope for scope in Scope if scope.value == name), None)


def needs_admin(scopes: Iterable[Scope]) -> bool:
    """Whether one of `scopes` leads to what only admins may do."""
    return any(scope.for_admins for scope in scopes)


class Needs:
    """Marks a route with the scope that a key needs for it; None: no key will do, only a person who is signed in.

    `costly`: it makes others work for long, and has a lower limit of its own (`web.limits`).
    """

    def __init__(self, scope: Scope | None, *, costly: bool = False) -> None:
        self.scope = scope
        self.costly = costly

    async def __call__(self) -> None:
        """Nothing: `access.member` reads the mark before anything else is done."""


def needs(scope: Scope, *, costly: bool = False) -> Any:
    """The mark for a route that a key with `scope` may use; `costly`: less often than others."""
    return Depends(Needs(scope, costly=costly))


def people_only() -> Any:
    """The mark for a route that no key may use."""
    return Depends(Needs(None))


def mark_of(route: object) -> Needs | None:
    """The mark of a route; None where it has none."""
    for one in getattr(route, "dependencies", ()):
        if isinstance(one, Dependency) and isinstance(one.dependency, Needs):
            return one.dependency
    return None
