"""Clerk's webhooks over HTTP: signed or nothing, once each, right in any order; and the pages that show the outcome."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape

import httpx
import pytest
from google.protobuf.message import Message
from standardwebhooks.webhooks import Webhook
from unit.web.issuer import Issuer

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.workspaces.v1.workspaces_pb2 import (
    ROLE_ADMIN,
    ROLE_MEMBER,
    MemberAdded,
    MemberRemoved,
    MemberRoleChanged,
    Preferences,
    WorkspaceCreated,
    WorkspaceUpdated,
)
from integration.ingest.harness import Ingest
from integration.ingest.post import open_post
from testkit.clock import SimulatedClock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ORG = "org_2abc"
FOUNDED = 1_767_225_600_000
DEFAULTS = Preferences(mask_personal_data=True, other_provider_fallback=False)


@dataclass(slots=True)
class Clerk:
    """Sends webhooks, each under an id of its own unless one is given."""

    client: httpx.AsyncClient
    clock: SimulatedClock
    sent: int = 0

    async def send(self, kind: str, data: dict[str, object], message_id: str = "", secret: str = SECRET) -> int:
        """The status of the answer."""
        self.sent += 1
        message_id = message_id or f"msg_{self.sent}"
        body = json.dumps({"object": "event", "type": kind, "data": data, "timestamp": 1})
        at = self.clock.now().replace(tzinfo=None)
        headers = {
            "svix-id": message_id,
            "svix-timestamp": str(int(self.clock.now().timestamp())),
            "svix-signature": Webhook(secret).sign(message_id, at, body),
        }
        return (await self.client.post("/webhooks/clerk", content=body, headers=headers)).status_code


def organisation(name: str = "Harborline", at: int = FOUNDED) -> dict[str, object]:
    return {"object": "organization", "id": ORG, "name": name, "slug": "harborline", "updated_at": at, "new_field": {}}


def membership(role: str = "org:member", at: int = FOUNDED, user: str = "user_2abc") -> dict[str, object]:
    return {
        "object": "organization_membership",
        "id": "orgmem_1",
        "role": role,
        "organization": organisation(),
        "public_user_data": {"user_id": user, "identifier": f"{user}@harborline.example"},
        "created_at": FOUNDED,
        "updated_at": at,
    }


Visit = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def clerk(ingest: Ingest, issuer: Issuer) -> AsyncIterator[Clerk]:
    """Clerk, and the service it sends to."""
    async with open_post(ingest, issuer) as post:
        yield Clerk(post.client, post.clock)


async def _told(ingest: Ingest, payload: type[Message] | None = None) -> list[Message]:
    return [event.payload for event in await ingest.told(payload)]


async def test_an_organisation_becomes_a_workspace(clerk: Clerk, ingest: Ingest) -> None:
    assert await clerk.send("organization.created", organisation()) == 200
    [event] = await ingest.told()
    assert event.payload == WorkspaceCreated(name="Harborline", slug="harborline", timezone="UTC")
    assert (event.workspace_id, event.aggregate_id, event.sequence) == (ORG, ORG, 1)
    assert event.actor.source == "webhook"


async def test_a_new_name_is_told_and_audited(clerk: Clerk, ingest: Ingest) -> None:
    await clerk.send("organization.created", organisation())
    await clerk.send("organization.updated", organisation("Harborline Ltd", FOUNDED + 5))
    _, updated, action = await ingest.told()
    assert updated.payload == WorkspaceUpdated(
        name="Harborline Ltd", slug="harborline", timezone="UTC", preferences=DEFAULTS
    )
    assert isinstance(action.payload, AdminAction)
    assert action.payload.type == AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED
    assert [(change.field, change.before, change.after) for change in action.payload.diff] == [
        ("name", '"Harborline"', '"Harborline Ltd"')
    ]


async def test_a_membership_may_come_before_its_organisation(clerk: Clerk, ingest: Ingest) -> None:
    await clerk.send("organizationMembership.created", membership("org:admin"))
    await clerk.send("organization.created", organisation())
    created, added, action = await ingest.told()
    assert isinstance(created.payload, WorkspaceCreated)
    assert added.payload == MemberAdded(user_id="user_2abc", email="user_2abc@harborline.example", role=ROLE_ADMIN)
    assert added.aggregate_id == f"{ORG}:user_2abc"
    assert isinstance(action.payload, AdminAction)
    assert (action.payload.type, action.aggregate_id) == (AdminActionType.ADMIN_ACTION_TYPE_MEMBER_ADDED, "user_2abc")


async def test_each_change_of_a_member_is_told_with_its_audit_entry(clerk: Clerk, ingest: Ingest) -> None:
    await clerk.send("organizationMembership.created", membership())
    await clerk.send("organizationMembership.updated", membership("org:admin", FOUNDED + 1))
    await clerk.send("organizationMembership.deleted", membership("org:admin", FOUNDED + 1))
    events = (await ingest.told())[1:]
    assert [type(event.payload) for event in events[::2]] == [MemberAdded, MemberRoleChanged, MemberRemoved]
    assert [event.sequence for event in events] == [1, 1, 2, 2, 3, 3]
    changed = events[2].payload
    assert isinstance(changed, MemberRoleChanged)
    assert (changed.before, changed.after) == (ROLE_MEMBER, ROLE_ADMIN)
    kinds = [event.payload.type for event in events if isinstance(event.payload, AdminAction)]
    assert kinds == [
        AdminActionType.ADMIN_ACTION_TYPE_MEMBER_ADDED,
        AdminActionType.ADMIN_ACTION_TYPE_MEMBER_ROLE_CHANGED,
        AdminActionType.ADMIN_ACTION_TYPE_MEMBER_REMOVED,
    ]


EVENTS = [
    ("organizationMembership.created", membership()),
    ("organizationMembership.updated", membership("org:admin", FOUNDED + 1)),
    ("organizationMembership.deleted", membership("org:admin", FOUNDED + 1)),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_any_order_ends_without_the_member(clerk: Clerk, ingest: Ingest, order: tuple[int, ...]) -> None:
    for number in order:
        await clerk.send(*EVENTS[number])
    [row] = await ingest.sql("SELECT removed, role FROM members")
    assert tuple(row) == (True, "admin")
    added, removed = await _told(ingest, MemberAdded), await _told(ingest, MemberRemoved)
    assert len(added) == len(removed)


async def test_the_same_message_again_changes_nothing(clerk: Clerk, ingest: Ingest) -> None:
    for message_id in ("msg_a", "msg_b"):
        await clerk.send("organizationMembership.created", membership(), message_id)
    before, told = await ingest.snapshot(), len(await ingest.told())
    for message_id in ("msg_b", "msg_a", "msg_c"):
        assert await clerk.send("organizationMembership.created", membership(), message_id) == 200
    assert (await ingest.snapshot(), len(await ingest.told())) == (before, told)


async def test_unsigned_or_forged_is_401_and_writes_nothing(clerk: Clerk, ingest: Ingest) -> None:
    assert await clerk.send("organization.created", organisation(), secret="whsec_" + "A" * 32) == 401
    assert (await clerk.client.post("/webhooks/clerk", content=b"{}")).status_code == 401
    clerk.clock = SimulatedClock(datetime(2026, 11, 23, 12, 5, 1, tzinfo=UTC))
    assert await clerk.send("organization.created", organisation()) == 401
    assert await ingest.snapshot(("workspaces", "webhook_receipts", "outbox")) == ""


async def test_what_is_signed_but_unreadable_is_400_and_what_is_not_ours_200(clerk: Clerk, ingest: Ingest) -> None:
    assert await clerk.send("organization.created", {"id": ORG}) == 400
    assert await clerk.send("organization.created", organisation() | {"id": "org_'; --"}) == 400
    assert await clerk.send("user.created", {"id": "user_1"}) == 200
    assert await ingest.snapshot(("workspaces", "webhook_receipts", "outbox")) == ""


async def test_members_are_listed_on_the_page_and_in_the_api(clerk: Clerk, issuer: Issuer) -> None:
    await clerk.send("organizationMembership.created", membership("org:admin"))
    await clerk.send("organizationMembership.created", membership(user="user_3def"))
    bearer = {"authorization": f"Bearer {issuer.token()}"}
    listed = (await clerk.client.get("/api/v1/members", headers=bearer)).json()
    assert [member["role"] for member in listed["members"]] == ["admin", "member"]
    clerk.client.cookies.set("__session", issuer.token())
    page = await clerk.client.get("/settings/members")
    assert page.status_code == 200
    assert "user_2abc@harborline.example" in unescape(page.text)
    page = await clerk.client.get("/settings/workspace")
    assert page.status_code == 200
    assert "Harborline" in page.text


async def test_a_member_may_see_members_and_the_workspace(clerk: Clerk, issuer: Issuer) -> None:
    token = issuer.token(o={"id": ORG, "slg": "harborline", "rol": "member"})
    bearer = {"authorization": f"Bearer {token}"}
    assert (await clerk.client.get("/settings/members", headers=bearer)).status_code == 200
    assert (await clerk.client.get("/settings/workspace", headers=bearer)).status_code == 200
    assert (await clerk.client.get("/settings/members")).status_code == 401
    assert (await clerk.client.get("/api/v1/members")).status_code == 401


async def test_a_workspace_clerk_has_not_told_of_yet_has_a_page_too(clerk: Clerk, issuer: Issuer) -> None:
    bearer = {"authorization": f"Bearer {issuer.token()}"}
    for path in ("/settings/members", "/settings/workspace"):
        assert (await clerk.client.get(path, headers=bearer)).status_code == 200


async def test_another_workspaces_members_are_not_seen(clerk: Clerk, issuer: Issuer) -> None:
    await clerk.send("organizationMembership.created", membership("org:admin"))
    bearer = {"authorization": f"Bearer {issuer.token(o={'id': 'org_other', 'slg': 'other', 'rol': 'admin'})}"}
    assert (await clerk.client.get("/api/v1/members", headers=bearer)).json() == {"members": [], "next": ""}


async def test_an_older_name_that_comes_late_is_not_taken(clerk: Clerk, ingest: Ingest) -> None:
    await clerk.send("organization.updated", organisation("New name", FOUNDED + 5))
    await clerk.send("organization.created", organisation("Old name"))
    await clerk.send("organizationMembership.created", membership())
    assert [row["name"] for row in await ingest.sql("SELECT name FROM workspaces")] == ["New name"]
    assert await _told(ingest, WorkspaceUpdated) == []


async def test_a_message_id_counts_once_whatever_it_says(clerk: Clerk, ingest: Ingest) -> None:
    await clerk.send("organizationMembership.created", membership(), "msg_a")
    await clerk.send("organizationMembership.updated", membership("org:admin", FOUNDED + 9), "msg_a")
    assert await _told(ingest, MemberRoleChanged) == []
