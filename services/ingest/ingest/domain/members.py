"""Workspaces and members as Clerk tells them, in whatever order it does."""

from __future__ import annotations

import enum
from datetime import datetime

from msgspec import Struct

from core.ids import UserId, WorkspaceId
from ingest.domain.preferences import PREFERENCES, Chosen


class Role(enum.StrEnum):
    """The two roles of a workspace."""

    MEMBER = "member"
    ADMIN = "admin"


class Organisation(Struct, frozen=True):
    """What a webhook says of a workspace."""

    workspace_id: WorkspaceId
    name: str
    slug: str
    updated_at: datetime


class Workspace(Struct, frozen=True):
    """A workspace as ingest knows it. `sequence` is that of the last message about it, `version` that of its settings."""

    workspace_id: WorkspaceId
    name: str
    slug: str
    settings: Chosen
    version: int
    updated_at: datetime
    sequence: int
    created_at: datetime


class Membership(Struct, frozen=True):
    """What a webhook says of a member, and which membership it speaks of."""

    user_id: UserId
    email: str
    role: Role
    removed: bool
    updated_at: datetime

    @property
    def precedence(self) -> tuple[datetime, bool]:
        """Greater means later. Clerk repeats the last `updated_at` when a membership ends, so at the same time the removal wins."""
        return self.updated_at, self.removed


class MemberChange(enum.StrEnum):
    """What a webhook means for the workspace."""

    NOTHING = "nothing"
    ADDED = "added"
    ROLE_CHANGED = "role_changed"
    REMOVED = "removed"


class Diff(Struct, frozen=True):
    """One field's value before and after; None where the field was not there."""

    field: str
    before: str | bool | list[str] | None
    after: str | bool | list[str] | None


def is_news(known: Membership | None, told: Membership) -> bool:
    """Whether `told` is later than what is known; a repetition is not."""
    return known is None or told.precedence > known.precedence


def change_of(known: Membership | None, told: Membership) -> MemberChange:
    """What changes for the workspace when `told` replaces `known`."""
    was_there = known is not None and not known.removed
    if told.removed:
        return MemberChange.REMOVED if was_there else MemberChange.NOTHING
    if known is None or known.removed:
        return MemberChange.ADDED
    return MemberChange.ROLE_CHANGED if known.role is not told.role else MemberChange.NOTHING


def member_diff(known: Membership | None, told: Membership, change: MemberChange) -> list[Diff]:
    """The audit entry's diff for `change`."""
    match change:
        case MemberChange.ADDED:
            return [Diff("email", None, told.email), Diff("role", None, told.role)]
        case MemberChange.REMOVED if known is not None:
            return [Diff("email", known.email, None), Diff("role", known.role, None)]
        case MemberChange.ROLE_CHANGED if known is not None:
            return [Diff("role", known.role, told.role)]
        case _:
            return []


def workspace_diff(known: Workspace, told: Organisation) -> list[Diff]:
    """What an organisation's webhook changes; empty when nothing that is shown does."""
    fields = [Diff("name", known.name, told.name), Diff("slug", known.slug, told.slug)]
    return [diff for diff in fields if diff.before != diff.after]


def settings_diff(known: Chosen, chosen: Chosen) -> list[Diff]:
    """What saving `chosen` changes; empty when nothing does."""
    fields = [Diff("timezone", known.timezone, chosen.timezone)]
    before, after = known.preferences, chosen.preferences
    fields += [Diff(name, getattr(before, name), getattr(after, name)) for name in PREFERENCES]
    return [diff for diff in fields if diff.before != diff.after]
