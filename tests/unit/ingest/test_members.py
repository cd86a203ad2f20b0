"""What a webhook about a member means, in whatever order webhooks come."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from core.ids import UserId
from ingest.domain.members import Diff, MemberChange, Membership, Role, change_of, is_news, member_diff

ADDED = Membership(
    UserId("user_1"), "m@x.example", Role.MEMBER, removed=False, updated_at=datetime(2026, 3, 1, tzinfo=UTC)
)
PROMOTED = replace(ADDED, role=Role.ADMIN, updated_at=ADDED.updated_at + timedelta(days=1))
REMOVED = replace(PROMOTED, removed=True)
BACK = replace(ADDED, updated_at=ADDED.updated_at + timedelta(days=9))


@pytest.mark.parametrize("order", list(itertools.permutations([ADDED, PROMOTED, REMOVED, BACK])))
def test_any_order_ends_at_the_latest(order: tuple[Membership, ...]) -> None:
    known: Membership | None = None
    for told in (*order, *order):
        if is_news(known, told):
            known = told
    assert known == BACK


@pytest.mark.parametrize(
    ("known", "told", "change", "diff"),
    [
        (None, ADDED, MemberChange.ADDED, [Diff("email", None, "m@x.example"), Diff("role", None, "member")]),
        (ADDED, PROMOTED, MemberChange.ROLE_CHANGED, [Diff("role", "member", "admin")]),
        (PROMOTED, REMOVED, MemberChange.REMOVED, [Diff("email", "m@x.example", None), Diff("role", "admin", None)]),
        (REMOVED, BACK, MemberChange.ADDED, [Diff("email", None, "m@x.example"), Diff("role", None, "member")]),
        (None, REMOVED, MemberChange.NOTHING, []),
        (ADDED, replace(ADDED, email="n@x.example"), MemberChange.NOTHING, []),
    ],
)
def test_what_changes(known: Membership | None, told: Membership, change: MemberChange, diff: list[Diff]) -> None:
    assert change_of(known, told) is change
    assert member_diff(known, told, change) == diff
