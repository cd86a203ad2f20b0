"""Clerk's back-end API as the sandbox plays it: the published shapes, the refusals, and the webhooks that follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from svix.webhooks import Webhook

from contract.sandbox.specs import specification
from contract.sandbox.stage import CLERK_KEY, WEBHOOK_SECRET, Stage, admin
from contract.sandbox.test_webhooks import Receiver, clerk_section, listening
from local.sandbox.server import running

ORG, ADMIN, MEMBER = "org_harborline01", "user_harborline01", "user_harborline02"
BASE = f"/clerk/v1/organizations/{ORG}"


@dataclass(frozen=True, slots=True)
class Bench:
    """A sandbox of its own, whose directory a test may change, and what its webhooks bring."""

    client: httpx.AsyncClient
    receiver: Receiver

    async def ask(self, method: str, path: str, **body: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {CLERK_KEY}"}
        return await self.client.request(method, BASE + path, headers=headers, json=body or None)

    async def heard(self, kind: str) -> dict[str, object]:
        """The body of the next webhook, which has to be signed and of this kind."""
        async with asyncio.timeout(10):
            headers, raw = await self.receiver.accepted.get()
        Webhook(WEBHOOK_SECRET).verify(raw, headers)
        event = json.loads(raw)
        assert event["type"] == kind
        data: dict[str, object] = event["data"]
        assert event["timestamp"] >= data["updated_at"]
        return data


@pytest.fixture
async def bench(stage: Stage) -> AsyncIterator[Bench]:
    receiver = Receiver()
    async with listening(stage, receiver) as url:
        settings = stage.settings(clerk=clerk_section(url) | {"secret_key": CLERK_KEY})
        async with running(settings) as sandbox, stage.client(sandbox.url) as client:
            async with asyncio.timeout(10):
                for _ in range(8):
                    await receiver.accepted.get()
            yield Bench(client, receiver)


def _refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    specification("clerk").check(answer.json(), "ClerkErrors")
    assert answer.json()["errors"][0]["code"] == code


async def test_a_name_is_changed_and_told(bench: Bench) -> None:
    answer = await bench.ask("PATCH", "", name="Harborline Group")
    assert answer.status_code == 200
    specification("clerk").check(answer.json(), "Organization")
    told = await bench.heard("organization.updated")
    assert told == answer.json()
    assert (told["name"], (await bench.ask("GET", "")).json()["name"]) == ("Harborline Group", "Harborline Group")
    _refused(await bench.ask("PATCH", "", name=" "), 422, "form_param_format_invalid")
    _refused(await bench.ask("PATCH", "", name="x", timezone="UTC"), 422, "form_param_format_invalid")


async def test_a_role_is_changed_and_told(bench: Bench) -> None:
    answer = await bench.ask("PATCH", f"/memberships/{MEMBER}", role="org:admin")
    assert answer.status_code == 200
    specification("clerk").check(answer.json(), "OrganizationMembership")
    assert await bench.heard("organizationMembership.updated") == answer.json()
    _refused(await bench.ask("PATCH", "/memberships/user_nobody", role="org:admin"), 404, "resource_not_found")
    _refused(await bench.ask("PATCH", f"/memberships/{MEMBER}", role="org:owner"), 404, "resource_not_found")


async def test_a_removal_repeats_the_last_time_of_the_membership(bench: Bench) -> None:
    before = (await bench.ask("GET", "/memberships")).json()
    specification("clerk").check(before, "OrganizationMemberships")
    answer = await bench.ask("DELETE", f"/memberships/{MEMBER}")
    assert answer.status_code == 200
    specification("clerk").check(answer.json(), "OrganizationMembership")
    told = await bench.heard("organizationMembership.deleted")
    [known] = [one for one in before["data"] if one["public_user_data"]["user_id"] == MEMBER]
    assert told["updated_at"] == answer.json()["updated_at"] == known["updated_at"]
    _refused(await bench.ask("DELETE", f"/memberships/{MEMBER}"), 404, "resource_not_found")
    assert len((await bench.ask("GET", "/memberships")).json()["data"]) == len(before["data"]) - 1


async def test_the_last_admin_stays(bench: Bench) -> None:
    code = "organization_minimum_permissions_needed"
    _refused(await bench.ask("DELETE", f"/memberships/{ADMIN}"), 422, code)
    _refused(await bench.ask("PATCH", f"/memberships/{ADMIN}", role="org:member"), 422, code)


async def test_an_invitation_is_made_accepted_and_told(bench: Bench) -> None:
    wanted = {"email_address": "nora.field@harborline.example", "role": "org:member", "inviter_user_id": ADMIN}
    answer = await bench.ask("POST", "/invitations", **wanted)
    assert answer.status_code == 200
    invitation = answer.json()
    specification("clerk").check(invitation, "OrganizationInvitation")
    assert (invitation["status"], invitation["inviter_id"]) == ("pending", ADMIN)
    assert await bench.heard("organizationInvitation.created") == invitation
    _refused(await bench.ask("POST", "/invitations", **wanted), 400, "duplicate_record")
    listed = (await bench.ask("GET", "/invitations?status=pending")).json()
    specification("clerk").check(listed, "OrganizationInvitations")
    assert [one["id"] for one in listed["data"]] == [invitation["id"]]
    path = f"/clerk/_invitations/{invitation['id']}/accept"
    assert (await bench.client.post(path)).status_code == 401
    user_id = (await bench.client.post(path, headers=admin())).json()["user_id"]
    accepted = await bench.heard("organizationInvitation.accepted")
    assert (accepted["status"], accepted["user_id"]) == ("accepted", user_id)
    joined = await bench.heard("organizationMembership.created")
    specification("clerk").check(joined, "OrganizationMembership")
    _refused(await bench.client.post(path, headers=admin()), 400, "organization_invitation_not_pending")
    _refused(await bench.ask("POST", "/invitations", **wanted), 400, "already_a_member_in_organization")


async def test_an_invitation_is_revoked_by_an_admin_only(bench: Bench) -> None:
    wanted = {"email_address": "nora.field@harborline.example", "role": "org:admin", "inviter_user_id": ADMIN}
    invitation = (await bench.ask("POST", "/invitations", **wanted)).json()
    await bench.heard("organizationInvitation.created")
    path = f"/invitations/{invitation['id']}/revoke"
    _refused(await bench.ask("POST", path, requesting_user_id=MEMBER), 403, "not_an_admin_in_organization")
    answer = await bench.ask("POST", path, requesting_user_id=ADMIN)
    specification("clerk").check(answer.json(), "OrganizationInvitation")
    assert await bench.heard("organizationInvitation.revoked") == answer.json()
    assert answer.json()["status"] == "revoked"
    _refused(await bench.ask("POST", path, requesting_user_id=ADMIN), 400, "organization_invitation_not_pending")


async def test_faulty_invitations_are_refused(bench: Bench) -> None:
    good = {"email_address": "nora@harborline.example", "role": "org:member", "inviter_user_id": ADMIN}
    for change, status, code in (
        ({"email_address": "nora"}, 422, "form_param_format_invalid"),
        ({"role": "member"}, 404, "resource_not_found"),
        ({"inviter_user_id": MEMBER}, 403, "not_an_admin_in_organization"),
    ):
        _refused(await bench.ask("POST", "/invitations", **(good | change)), status, code)


async def test_nothing_is_open_without_the_key(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"authorization": "Bearer sk_test_other"}):
        _refused(await client.get(BASE, headers=headers), 401, "authentication_invalid")
    _refused(
        await client.get("/clerk/v1/organizations/org_x", headers={"authorization": f"Bearer {CLERK_KEY}"}),
        404,
        "resource_not_found",
    )


async def test_an_organisation_goes_with_its_members_and_is_not_known_any_more(bench: Bench) -> None:
    deleted = await bench.ask("DELETE", "")
    assert deleted.status_code == 200
    specification("clerk").check(deleted.json(), "DeletedObject")
    assert (deleted.json()["id"], deleted.json()["deleted"]) == (ORG, True)
    for method, path in (("GET", ""), ("GET", "/memberships"), ("DELETE", "")):
        _refused(await bench.ask(method, path), 404, "resource_not_found")
    async with asyncio.timeout(10):
        headers, raw = await bench.receiver.accepted.get()
    Webhook(WEBHOOK_SECRET).verify(raw, headers)
    told = json.loads(raw)
    assert (told["type"], told["data"]["id"]) == ("organization.deleted", ORG)
