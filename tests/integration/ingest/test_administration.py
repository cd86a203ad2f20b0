"""What admins change at Clerk: told once, with the right author, whatever dies, comes twice or comes late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from unit.web.issuer import Issuer

from callmine.audit.v1.audit_pb2 import (
    ADMIN_ACTION_TYPE_MEMBER_ADDED,
    ADMIN_ACTION_TYPE_MEMBER_INVITED,
    ADMIN_ACTION_TYPE_MEMBER_REMOVED,
    ADMIN_ACTION_TYPE_MEMBER_ROLE_CHANGED,
    ADMIN_ACTION_TYPE_WORKSPACE_UPDATED,
)
from callmine.workspaces.v1.workspaces_pb2 import (
    ROLE_ADMIN,
    ROLE_MEMBER,
    MemberInvited,
    MemberRemoved,
    MemberRoleChanged,
    WorkspaceUpdated,
)
from contract.sandbox.stage import Stage
from contracts.erasing import Order
from core.clock import SystemClock
from core.ids import WorkspaceId, uuid7
from ingest.clerk_backend import ClerkSilent
from ingest.handlers.parting import ClerkPart
from integration.ingest.administration import HELEN, ORG, TOBIAS, YUKI, Town, dying_at, opened
from integration.ingest.harness import Ingest
from local.sandbox.faults import Fault
from local.sandbox.vendors import Provider
from messaging.erasure import store as tombstones

BY_HELEN = f"user:{HELEN}:api"
BY_CLERK = "system:clerk:webhook"
NORA = "Nora.Field@harborline.example"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def town(ingest: Ingest, stage: Stage, issuer: Issuer) -> AsyncIterator[Town]:
    async with opened(ingest, stage, issuer) as made:
        yield made


def _ok(answer: httpx.Response) -> None:
    assert answer.is_success, answer.text


async def _remove(town: Town) -> httpx.Response:
    return await town.ask("DELETE", f"/api/v1/members/{TOBIAS}")


async def _raise(town: Town) -> httpx.Response:
    return await town.ask("PUT", f"/api/v1/members/{TOBIAS}/role", role="admin")


async def _invite(town: Town) -> httpx.Response:
    return await town.ask("POST", "/api/v1/invitations", email=NORA, role="member")


async def _rename(town: Town) -> httpx.Response:
    return await town.ask("PUT", "/api/v1/workspace/name", name="Harborline Group", previous_name="Harborline")


CHANGES = {
    "remove": (_remove, ADMIN_ACTION_TYPE_MEMBER_REMOVED),
    "raise": (_raise, ADMIN_ACTION_TYPE_MEMBER_ROLE_CHANGED),
    "invite": (_invite, ADMIN_ACTION_TYPE_MEMBER_INVITED),
    "rename": (_rename, ADMIN_ACTION_TYPE_WORKSPACE_UPDATED),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_here_is_its_admins_and_the_webhook_adds_nothing(town: Town, name: str) -> None:
    change, kind = CHANGES[name]
    _ok(await change(town))
    [(who, _, diff)] = await town.audited(kind)
    assert (who, bool(diff)) == (BY_HELEN, True)
    assert await town.intents() == 0
    [webhook] = town.waiting
    assert await town.deliver(webhook, webhook) == [200, 200]
    assert len(await town.audited(kind)) == 1


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_in_clerks_dashboard_is_clerks(town: Town, name: str) -> None:
    calls = {
        "remove": ("DELETE", f"/memberships/{TOBIAS}", {}),
        "raise": ("PATCH", f"/memberships/{TOBIAS}", {"role": "org:admin"}),
        "invite": ("POST", "/invitations", {"email_address": NORA, "role": "org:member", "inviter_user_id": HELEN}),
        "rename": ("PATCH", "", {"name": "Harborline Group"}),
    }
    method, path, body = calls[name]
    await town.at_clerk(method, path, **body)
    assert await town.audited(CHANGES[name][1]) == []
    assert await town.deliver() == [200]
    [(who, _, _)] = await town.audited(CHANGES[name][1])
    assert who == BY_CLERK


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("point", ["members.clerk_answered", "members.before_commit", "outbox.before_commit"])
async def test_after_a_crash_the_webhook_finds_the_author(town: Town, name: str, point: str) -> None:
    change, kind = CHANGES[name]
    async with dying_at(point) as died:
        assert (await change(town)).status_code == 500
    assert died == [point]
    assert await town.audited(kind) == []
    assert await town.deliver() == [200]
    [(who, _, _)] = await town.audited(kind)
    assert who == BY_HELEN
    assert await town.intents() == 0


async def test_a_crash_before_the_call_changes_nothing_and_may_be_tried_again(town: Town) -> None:
    async with dying_at("members.intent_written"):
        assert (await _remove(town)).status_code == 500
    assert town.waiting == []
    _ok(await _remove(town))
    assert [who for who, _, _ in await town.audited(ADMIN_ACTION_TYPE_MEMBER_REMOVED)] == [BY_HELEN]


@pytest.mark.parametrize("name", CHANGES)
async def test_a_webhook_that_overtakes_the_answer_finds_the_author_too(town: Town, name: str) -> None:
    """The answer is lost after the change was made: the webhook is all there is, and the admin is told that it may have worked."""
    change, kind = CHANGES[name]
    town.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.CLERK, path="/v1", status=504, after=True, count=1))
    answer = await change(town)
    assert answer.status_code == 503
    assert "appears here within a minute" in answer.json()["detail"]
    assert await town.intents() == 1, "kept for the webhook"
    assert await town.deliver() == [200]
    [(who, _, _)] = await town.audited(kind)
    assert (who, await town.intents()) == (BY_HELEN, 0)


async def test_an_old_intent_does_not_claim_what_happened_later(town: Town) -> None:
    town.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.CLERK, path="/v1", status=504, count=1))
    assert (await _remove(town)).status_code == 503
    await town.ingest.sql("UPDATE intents SET created_at = created_at - interval '2 minutes'")
    await town.at_clerk("DELETE", f"/memberships/{TOBIAS}")
    await town.deliver()
    assert [who for who, _, _ in await town.audited(ADMIN_ACTION_TYPE_MEMBER_REMOVED)] == [BY_CLERK]


async def test_an_intent_claims_only_what_it_wished_for(town: Town) -> None:
    town.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.CLERK, path="/v1", status=504, count=1))
    assert (await _raise(town)).status_code == 503
    await town.at_clerk("DELETE", f"/memberships/{TOBIAS}")
    await town.deliver()
    assert [who for who, _, _ in await town.audited(ADMIN_ACTION_TYPE_MEMBER_REMOVED)] == [BY_CLERK]


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"status": 429, "retry_after": 7}, 503, "Nothing was changed; try again"),
        ({"status": 422}, 409, "The sign-in service answered"),
        ({"status": 401}, 409, "does not accept Callmine's key"),
        ({"status": 404}, 409, "does not know this any more"),
        ({"status": 500}, 503, "did not answer"),
        ({"malformed": True}, 503, "cannot be read"),
        ({"html": True, "status": 502}, 503, "did not answer"),
    ],
)
async def test_refusals_of_clerk_are_told_in_words(
    town: Town, fault: dict[str, object], status: int, words: str
) -> None:
    armed = Fault.model_validate({"provider": "clerk", "path": "/v1", "count": 1, **fault})
    town.sandbox.sandbox.switchboard.arm(armed)
    answer = await _remove(town)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert "sk_test" not in answer.text
    certain = fault.get("status") in {429, 422, 401, 404}
    assert await town.intents() == (0 if certain else 1)
    assert await town.audited(ADMIN_ACTION_TYPE_MEMBER_REMOVED) == []


async def test_without_clerk_nothing_was_changed_and_it_is_said_so(town: Town) -> None:
    town.secrets.held.pop("clerk-secret-key")
    assert (await _remove(town)).status_code == 500, "a key that is not there is a fault of ours"


async def test_a_removed_member_is_refused_at_the_next_request_and_welcome_again(town: Town) -> None:
    async with town.program(TOBIAS, "member") as client:
        assert (await client.get("/api/v1/members")).status_code == 200
        _ok(await _remove(town))
        refused = await client.get("/api/v1/members")
        assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (403, "no-workspace")
        await town.deliver()
        [removed] = await town.told(MemberRemoved)
        assert removed.payload == MemberRemoved(user_id=TOBIAS, email="tobias.lindgren@harborline.example")
        assert (removed.actor.id, removed.aggregate_id, removed.sequence) == (HELEN, f"{ORG}:{TOBIAS}", 2)
        _ok(await town.ask("POST", "/api/v1/invitations", email="tobias.lindgren@harborline.example"))
        [invitation] = (await town.ask("GET", "/api/v1/invitations")).json()["invitations"]
        assert await town.accept(invitation["id"]) == TOBIAS
        await town.deliver()
        assert (await client.get("/api/v1/members")).status_code == 200
    assert (await town.ask("GET", "/api/v1/invitations")).json() == {"invitations": []}


async def test_an_invitation_is_told_audited_and_ends(town: Town) -> None:
    _ok(await _invite(town))
    [event] = await town.told(MemberInvited)
    [invitation] = (await town.ask("GET", "/api/v1/invitations")).json()["invitations"]
    assert event.payload == MemberInvited(email=NORA, role=ROLE_MEMBER, invitation_id=invitation["id"])
    again = await _invite(town)
    assert (again.status_code, "has an invitation already" in again.text) == (409, True)
    _ok(await town.ask("DELETE", f"/api/v1/invitations/{invitation['id']}"))
    assert (await town.ask("GET", "/api/v1/invitations")).json() == {"invitations": []}
    assert (await town.ask("DELETE", f"/api/v1/invitations/{invitation['id']}")).status_code == 409
    for nothing in ("orginv_nobody", "%00", "x" * 300):
        assert (await town.ask("DELETE", f"/api/v1/invitations/{nothing}")).status_code == 404
    await town.deliver(*reversed(town.waiting))
    made, revoked = await town.audited(ADMIN_ACTION_TYPE_MEMBER_INVITED)
    assert made == (BY_HELEN, invitation["id"], {"email": ("", f'"{NORA}"'), "role": ("", '"member"')})
    assert revoked == (BY_HELEN, invitation["id"], {"status": ('"pending"', '"revoked"')})


async def test_who_accepts_becomes_a_member(town: Town) -> None:
    _ok(await _invite(town))
    [invitation] = (await town.ask("GET", "/api/v1/invitations")).json()["invitations"]
    user_id = await town.accept(invitation["id"])
    await town.deliver(*reversed(town.waiting))
    everybody = (await town.ask("GET", "/api/v1/members")).json()["members"]
    assert {"user_id": user_id, "email": NORA, "role": "member"} in everybody
    added = await town.audited(ADMIN_ACTION_TYPE_MEMBER_ADDED)
    assert (BY_CLERK, user_id) in [(who, target) for who, target, _ in added]
    assert len(await town.audited(ADMIN_ACTION_TYPE_MEMBER_INVITED)) == 1


async def test_the_last_admin_stays_and_keeps_the_role(town: Town) -> None:
    for answer in (
        await town.ask("DELETE", f"/api/v1/members/{HELEN}?confirmed=true"),
        await town.ask("PUT", f"/api/v1/members/{HELEN}/role", role="member"),
    ):
        assert (answer.status_code, "the last one" in answer.text) == (409, True)
    assert town.waiting == []


async def test_two_admins_cannot_both_be_leaving(town: Town) -> None:
    """The first removal is under way at Clerk: it counts already when the second is asked for."""
    _ok(await _raise(town))
    town.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.CLERK, path="/v1", status=504, after=True, count=1))
    assert (await _remove(town)).status_code == 503
    answer = await town.ask("DELETE", f"/api/v1/members/{HELEN}?confirmed=true")
    assert (answer.status_code, "the last one" in answer.text) == (409, True)


async def test_one_has_to_confirm_ones_own_removal(town: Town) -> None:
    _ok(await _raise(town))
    answer = await town.ask("DELETE", f"/api/v1/members/{HELEN}")
    assert (answer.status_code, "Confirm it" in answer.text) == (409, True)
    _ok(await town.ask("DELETE", f"/api/v1/members/{HELEN}?confirmed=true"))
    assert (await town.ask("GET", "/api/v1/members")).status_code == 403


async def test_a_role_is_told_with_both_sides(town: Town) -> None:
    _ok(await _raise(town))
    [event] = await town.told(MemberRoleChanged)
    email = "tobias.lindgren@harborline.example"
    assert event.payload == MemberRoleChanged(user_id=TOBIAS, email=email, before=ROLE_MEMBER, after=ROLE_ADMIN)
    assert (await _raise(town)).status_code == 409
    assert (await town.ask("PUT", "/api/v1/members/user_nobody/role", role="admin")).status_code == 404
    assert (await town.ask("PUT", f"/api/v1/members/{TOBIAS}/role", role="owner")).status_code == 400


async def test_a_name_that_somebody_else_changed_is_not_overwritten(town: Town) -> None:
    _ok(await _rename(town))
    stale = await town.ask("PUT", "/api/v1/workspace/name", name="Mine", previous_name="Harborline")
    assert (stale.status_code, stale.json()["title"]) == (409, "Somebody else changed this in the meantime")
    [event] = await town.told(WorkspaceUpdated)
    assert event.actor.id == HELEN
    [(who, target, diff)] = await town.audited(ADMIN_ACTION_TYPE_WORKSPACE_UPDATED)
    assert (who, target, diff) == (BY_HELEN, ORG, {"name": ('"Harborline"', '"Harborline Group"')})


async def test_settings_are_saved_told_and_audited_once(town: Town) -> None:
    path = "/api/v1/workspace/settings"
    chosen: dict[str, Any] = {"timezone": "Asia/Tokyo", "preferences": {"other_provider_fallback": True}, "version": 1}
    answer = await town.ask("PUT", path, **chosen)
    _ok(answer)
    assert (answer.json()["timezone"], answer.json()["version"]) == ("Asia/Tokyo", 2)
    assert answer.json()["preferences"] == {"mask_personal_data": True, "other_provider_fallback": True}
    stale = await town.ask("PUT", path, **(chosen | {"timezone": "Europe/Berlin"}))
    assert (stale.status_code, "somebody else" in stale.text) == (409, True)
    _ok(await town.ask("PUT", path, **(chosen | {"version": 2})))
    [event] = await town.told(WorkspaceUpdated)
    assert isinstance(event.payload, WorkspaceUpdated)
    assert (event.payload.timezone, event.payload.preferences.other_provider_fallback) == ("Asia/Tokyo", True)
    [(who, _, diff)] = await town.audited(ADMIN_ACTION_TYPE_WORKSPACE_UPDATED)
    assert who == BY_HELEN
    assert diff == {"timezone": ('"UTC"', '"Asia/Tokyo"'), "other_provider_fallback": ("false", "true")}
    for faulty in (
        {"timezone": "Mars/Olympus"},
        {"timezone": "../etc/passwd"},
        {"version": 0},
        {"preferences": {"x": 1}},
    ):
        assert (await town.ask("PUT", path, **(chosen | {"version": 2} | faulty))).status_code == 400, faulty


async def test_members_change_nothing(town: Town) -> None:
    async with town.program(TOBIAS, "member") as client:
        assert (await client.get("/api/v1/workspace")).status_code == 200
        assert (await client.get("/api/v1/invitations")).status_code == 403
        for method, path, body in (
            ("PUT", "/api/v1/workspace/name", {"name": "Mine", "previous_name": "Harborline"}),
            ("PUT", "/api/v1/workspace/settings", {"timezone": "UTC", "preferences": {}, "version": 1}),
            ("POST", "/api/v1/invitations", {"email": NORA}),
            ("DELETE", "/api/v1/invitations/orginv_1", None),
            ("PUT", f"/api/v1/members/{TOBIAS}/role", {"role": "admin"}),
            ("DELETE", f"/api/v1/members/{YUKI}", None),
        ):
            assert (await client.request(method, path, json=body)).status_code == 403, path
    async with town.browser(TOBIAS, "member") as client:
        for path in (
            "workspace/name",
            "workspace/settings",
            "members/invite",
            f"members/{YUKI}/remove",
            f"members/{YUKI}/role",
        ):
            assert (await client.post(f"/settings/{path}", data={"role": "admin"})).status_code == 403, path
        page = (await client.get("/settings/workspace")).text
        assert page.count("<button") == 0
        assert " disabled" in page
        assert "checkbox" not in page
        assert "<form" not in (await client.get("/settings/members")).text
    assert town.waiting == []


async def test_pages_show_what_went_wrong_and_keep_what_was_typed(town: Town) -> None:
    masked: dict[str, Any] = {"timezone": "UTC", "preferences": {"mask_personal_data": False}, "version": 1}
    _ok(await town.ask("PUT", "/api/v1/workspace/settings", **masked))
    async with town.browser() as client:
        faulty = await client.post("/settings/members/invite", data={"email": "<nora>", "role": "admin"})
        assert faulty.status_code == 400
        assert 'value="&lt;nora&gt;"' in faulty.text
        assert "This is not an e-mail address" in faulty.text
        invited = await client.post("/settings/members/invite", data={"email": NORA, "role": "admin"})
        assert (invited.status_code, invited.headers["location"]) == (303, "/settings/members?done=invited")
        assert NORA in (await client.get("/settings/members?done=invited")).text
        zone = await client.post("/settings/workspace/settings", data={"timezone": "Nowhere", "version": "2"})
        assert (zone.status_code, 'value="Nowhere"' in zone.text) == (400, True)
        saved = await client.post("/settings/workspace/settings", data={"timezone": "Europe/Berlin", "version": "2"})
        assert saved.status_code == 303
        renamed = await client.post("/settings/workspace/name", data={"name": " ", "previous_name": "Harborline"})
        assert renamed.status_code == 400
    view = (await town.ask("GET", "/api/v1/workspace")).json()
    assert (view["timezone"], view["preferences"]["mask_personal_data"]) == ("Europe/Berlin", False), (
        "a form that does not say how to mask changes nothing of it"
    )
    async with town.browser() as client:
        cross = await client.post(
            "/settings/members/invite", data={"email": "x@y.example"}, headers={"sec-fetch-site": "cross-site"}
        )
    assert cross.status_code == 403


async def test_the_page_offers_the_preferences_and_leaves_those_it_is_not_sent_as_they_are(town: Town) -> None:
    falls_back: dict[str, Any] = {"timezone": "UTC", "preferences": {"other_provider_fallback": True}, "version": 1}
    _ok(await town.ask("PUT", "/api/v1/workspace/settings", **falls_back))
    form = {"timezone": "UTC", "version": "2", "mask_personal_data": "false"}
    async with town.browser() as client:
        assert (await client.post("/settings/workspace/settings", data=form)).status_code == 303
        stale = await client.post("/settings/workspace/settings", data=form | {"mask_personal_data": "true"})
        assert stale.status_code == 409
        assert 'name="mask_personal_data" value="true" checked' in stale.text, "what was chosen is shown again"
        page = (await client.get("/settings/workspace")).text
    assert 'name="mask_personal_data" value="false" checked' in page
    assert 'name="other_provider_fallback" value="true" checked' in page
    view = (await town.ask("GET", "/api/v1/workspace")).json()
    assert view["preferences"] == {"mask_personal_data": False, "other_provider_fallback": True}
    *_, (who, _, diff) = await town.audited(ADMIN_ACTION_TYPE_WORKSPACE_UPDATED)
    assert (who, diff) == (BY_HELEN.replace("api", "web"), {"mask_personal_data": ("true", "false")})
    form = {"timezone": "UTC", "version": "3", "other_provider_fallback": "false"}
    async with town.browser() as client:
        assert (await client.post("/settings/workspace/settings", data=form)).status_code == 303
    view = (await town.ask("GET", "/api/v1/workspace")).json()
    assert view["preferences"] == {"mask_personal_data": False, "other_provider_fallback": False}


async def test_a_large_workspace_is_read_page_by_page_without_gap_or_repetition(town: Town) -> None:
    await town.ingest.sql(
        "INSERT INTO members SELECT $1, 'user_n' || n, 'p' || (n % 7) || '@x.example', 'member', n % 10 = 0, now(), 1 "
        "FROM generate_series(1, 230) n",
        ORG,
    )
    seen: list[str] = []
    after = ""
    while True:
        page = (await town.ask("GET", f"/api/v1/members?limit=40&after={after}")).json()
        assert len(page["members"]) <= 40
        seen += [one["user_id"] for one in page["members"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 207 + 3
    assert seen[0] == HELEN, "admins first"
    async with town.browser() as client:
        assert "More members" in (await client.get("/settings/members")).text
        assert (await client.get("/settings/members?after=user_nobody")).status_code == 400


async def test_an_invitation_into_a_workspace_that_is_not_known_yet_comes_again(town: Town) -> None:
    await town.ingest.sql("DELETE FROM members")
    await town.ingest.sql("DELETE FROM workspaces")
    await town.at_clerk("POST", "/invitations", email_address=NORA, role="org:member", inviter_user_id=HELEN)
    [message] = town.waiting
    assert await town.deliver(message) == [503]


async def test_the_organisation_of_an_erased_workspace_is_deleted_and_what_clerk_tells_of_it_finds_nobody(
    town: Town,
) -> None:
    part, of = ClerkPart(town.ingest.db, town.backend), WorkspaceId(ORG)
    async with town.ingest.db.workspace(of) as tx:
        await tombstones.freeze(tx, Order(str(uuid7()), SystemClock().now(), SystemClock().now()))
        tombstone = await tombstones.read(tx)
    assert tombstone
    town.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.CLERK, path="/v1", status=500, count=1))
    with pytest.raises(ClerkSilent):
        await part.may_close(of, tombstone)
    assert town.directory.organization(ORG)
    for _ in range(2):
        assert await part.may_close(of, tombstone)
    assert town.directory.organization(ORG) is None
    assert [one.name for one in town.directory.organizations()] == ["Quillstone"]
    assert set(await town.deliver()) == {200}
    async with town.ingest.db.workspace(of) as tx:
        found = await tombstones.read(tx)
    assert found
    assert found.providers == {"clerk": "the organisation is deleted, with its members and invitations"}
