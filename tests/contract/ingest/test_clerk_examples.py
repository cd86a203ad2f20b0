"""The example of every webhook in Clerk's own specification is understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.domain.members import Role
from ingest.webhooks.clerk import read_webhook

SPECIFICATION = Path(__file__).resolve().parents[4] / "shared/specs/clerk_webhooks.json"


@pytest.mark.parametrize(
    ("kind", "is_member", "removed"),
    [
        ("organization.created", False, False),
        ("organization.updated", False, False),
        ("organizationMembership.created", True, False),
        ("organizationMembership.updated", True, False),
        ("organizationMembership.deleted", True, True),
    ],
)
def test_clerks_own_example(kind: str, is_member: bool, removed: bool) -> None:
    if not SPECIFICATION.is_file():
        pytest.skip("clerk_webhooks.json is not beside the project (../shared/specs): examples not checked")
    webhooks = json.loads(SPECIFICATION.read_text("utf-8"))["x-webhooks"]
    example = webhooks[kind]["post"]["requestBody"]["content"]["application/json"]["example"]
    told = read_webhook("msg_1", json.dumps(example).encode())
    assert told is not None
    assert told.workspace_id.startswith("org_")
    assert told.happened_at.year == 2024, "seconds in the examples, milliseconds in what Clerk sends"
    assert (told.membership is not None) == is_member
    if told.membership is not None:
        assert told.membership.removed == removed
        role = Role.ADMIN if example["data"]["role"] == "org:admin" else Role.MEMBER
        assert told.membership.role is role
