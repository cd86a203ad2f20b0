"""API keys on ingest: made once, shown once, kept as a hash, ended by revocation, by time and with the person who made them."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from unit.web.issuer import PARTY, Issuer

from callmine.audit.v1.audit_pb2 import ADMIN_ACTION_TYPE_WORKSPACE_UPDATED
from callmine.workspaces.v1.workspaces_pb2 import ROLE_MEMBER, ApiKeyCreated, ApiKeyRevoked, ApiKeyUsed
from contract.sandbox.stage import Stage
from contracts import pack
from ingest import routes
from integration.ingest.administration import HELEN, TOBIAS, Town, dying_at, opened
from integration.ingest.harness import HARBOR, Ingest, delivery, event_of, stamp
from messaging import Consumer, Verdict
from web import Scope, api_keys

KEYS = "/api/v1/api-keys"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def town(ingest: Ingest, stage: Stage, issuer: Issuer) -> AsyncIterator[Town]:
    async with opened(ingest, stage, issuer) as made:
        yield made


async def made(town: Town, *scopes: str, user: str = HELEN, **more: object) -> dict[str, Any]:
    answer = await town.ask("POST", KEYS, user, name="Nightly export", scopes=scopes or ("members:read",), **more)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def bearer(town: Town, key: str, accept: str = "application/json") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}", "accept": accept}
    return httpx.AsyncClient(transport=town.app, base_url=PARTY, headers=headers)


async def ask(town: Town, key: str, path: str = "/api/v1/members", method: str = "GET") -> httpx.Response:
    async with bearer(town, key) as client:
        return await client.request(method, path)


async def test_a_key_opens_what_its_scopes_say_and_nothing_else(town: Town) -> None:
    key = (await made(town, "members:read"))["key"]
    assert (await ask(town, key)).status_code == 200
    refused = await ask(town, key, "/api/v1/workspace")
    assert (refused.status_code, refused.json()["title"]) == (403, "This API key may not do that")
    assert refused.json()["scope"] == "settings:read"
    assert "settings:read" in refused.json()["detail"]


async def test_a_key_without_scopes_for_admins_is_a_member(town: Town) -> None:
    await made(town, "members:read")
    [told] = await town.told(ApiKeyCreated)
    assert isinstance(told.payload, ApiKeyCreated)
    assert told.payload.role == ROLE_MEMBER


async def test_no_key_opens_a_page_or_the_keys_themselves(town: Town) -> None:
    key = (await made(town, *[scope.value for scope in Scope]))["key"]
    for path in ("/settings/members", "/settings/api-keys", KEYS):
        answer = await ask(town, key, path)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "not-for-api-keys"), path
    async with bearer(town, key) as client:
        answer = await client.post(KEYS, json={"name": "A successor", "scopes": ["runs:read"]})
    assert answer.status_code == 403


async def test_a_cookie_is_no_place_for_a_key(town: Town) -> None:
    key = (await made(town))["key"]
    async with httpx.AsyncClient(transport=town.app, base_url=PARTY, cookies={"__session": key}) as client:
        assert (await client.get("/api/v1/members")).status_code == 401


async def test_a_change_by_key_is_the_makers_by_way_of_the_api(town: Town) -> None:
    key = (await made(town, "settings:read", "settings:write"))["key"]
    async with bearer(town, key) as client:
        body = {"timezone": "Europe/Berlin", "preferences": {}, "version": 1}
        assert (await client.put("/api/v1/workspace/settings", json=body)).status_code == 200
    who, _, diff = (await town.audited(ADMIN_ACTION_TYPE_WORKSPACE_UPDATED))[-1]
    assert (who, diff["timezone"]) == (f"user:{HELEN}:api", ('"UTC"', '"Europe/Berlin"'))


async def test_making_and_revoking_are_audited_without_the_key(town: Town) -> None:
    key = await made(town, "runs:read", expires_in_days=30)
    assert (await town.ask("DELETE", f"{KEYS}/{key['id']}")).status_code == 204
    assert (await town.ask("DELETE", f"{KEYS}/{key['id']}")).status_code == 204, "of a revoked one nothing changes"
    first, second = await town.audited(ADMIN_ACTION_TYPE_WORKSPACE_UPDATED)
    assert (first[0], first[1]) == (f"user:{HELEN}:api", key["id"])
    assert first[2]["api_key"] == ("", '"Nightly export"')
    assert first[2]["api_key_scopes"] == ("", '["runs:read"]')
    assert first[2]["api_key_expires_at"][1]
    assert (second[1], second[2]["api_key"]) == (key["id"], ('"Nightly export"', ""))
    assert len(await town.told(ApiKeyRevoked)) == 1


async def test_a_revoked_key_is_refused_at_the_next_request(town: Town) -> None:
    key = await made(town)
    assert (await ask(town, key["key"])).status_code == 200
    assert (await town.ask("DELETE", f"{KEYS}/{key['id']}")).status_code == 204
    refused = await ask(town, key["key"])
    assert (refused.status_code, "has been revoked" in refused.json()["detail"]) == (401, True)
    assert refused.headers["www-authenticate"] == "Bearer"
    [listed] = (await town.ask("GET", KEYS)).json()["api_keys"]
    assert listed["state"] == "revoked"


async def test_an_expired_key_is_refused(town: Town) -> None:
    key = await made(town, expires_in_days=1)
    await town.ingest.sql("UPDATE api_keys SET created_at = created_at - interval '2 days', expires_at = now()")
    refused = await ask(town, key["key"])
    assert (refused.status_code, "has expired" in refused.json()["detail"]) == (401, True)


async def test_a_forged_key_is_refused(town: Town) -> None:
    """Right id and checksum, another secret; the right secret said to be another workspace's; nobody's id; mistyped."""
    key = await made(town)
    secret = key["key"]
    forged = api_keys.mint(HARBOR, uuid.UUID(key["id"]))
    body = secret[:-6].replace("harborline01", "northlight01")
    elsewhere = body + api_keys._checksum(body)
    nobodys = api_keys.mint(HARBOR, uuid.uuid4())
    mistyped = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    for wrong in (forged, elsewhere, nobodys, mistyped):
        refused = await ask(town, wrong)
        assert refused.status_code == 401
        assert ("is not known" in refused.json()["detail"]) is (wrong != mistyped)
        assert wrong not in refused.text


async def test_who_leaves_takes_his_keys_with_him_for_good(town: Town) -> None:
    await town.ask("PUT", f"/api/v1/members/{TOBIAS}/role", role="admin")
    his, hers = await made(town, user=TOBIAS), await made(town)
    assert (await ask(town, his["key"])).status_code == 200
    assert (await town.ask("DELETE", f"/api/v1/members/{TOBIAS}")).status_code == 204
    assert (await ask(town, his["key"])).status_code == 401
    assert (await ask(town, hers["key"])).status_code == 200
    [told] = await town.told(ApiKeyRevoked)
    assert isinstance(told.payload, ApiKeyRevoked)
    assert (told.payload.key_id, told.sequence, told.actor.id) == (his["id"], 2, HELEN)


async def test_who_is_no_admin_any_more_keeps_no_key(town: Town) -> None:
    await town.ask("PUT", f"/api/v1/members/{TOBIAS}/role", role="admin")
    his = await made(town, user=TOBIAS)
    assert (await town.ask("PUT", f"/api/v1/members/{TOBIAS}/role", role="member")).status_code == 204
    assert (await ask(town, his["key"])).status_code == 401
    refused = await town.ask("POST", KEYS, TOBIAS, name="Another", scopes=["runs:read"])
    assert refused.status_code == 403


async def test_a_request_that_is_sent_twice_makes_one_key(town: Town) -> None:
    request_id = str(uuid.uuid4())
    await made(town, request_id=request_id)
    again = await town.ask("POST", KEYS, name="Nightly export", scopes=["runs:read"], request_id=request_id)
    assert (again.status_code, "shown once" in again.json()["detail"]) == (409, True)
    assert len(await town.told(ApiKeyCreated)) == 1


async def test_a_key_whose_process_died_does_not_exist(town: Town) -> None:
    async with dying_at("api_keys.before_commit") as died:
        assert (await town.ask("POST", KEYS, name="Lost", scopes=["runs:read"])).status_code == 500
    assert died
    assert (await town.ask("GET", KEYS)).json()["api_keys"] == []
    assert await town.told(ApiKeyCreated) == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["runs:read"]},
        {"name": "x" * 101, "scopes": ["runs:read"]},
        {"name": "Export", "scopes": []},
        {"name": "Export", "scopes": ["everything"]},
        {"name": "Export", "scopes": ["runs:read"], "expires_in_days": 0},
        {"name": "Export", "scopes": ["runs:read"], "key": "mine"},
    ],
    ids=["no name", "long name", "no scope", "unknown scope", "no days", "unknown field"],
)
async def test_what_makes_no_key_is_told(town: Town, body: dict[str, object]) -> None:
    async with town.program() as client:
        answer = await client.post(KEYS, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_members_make_no_keys(town: Town) -> None:
    async with town.program(TOBIAS, "member") as client:
        for method, path in (("GET", KEYS), ("POST", KEYS), ("DELETE", f"{KEYS}/{uuid.uuid4()}")):
            body = {"name": "Mine", "scopes": ["runs:read"]} if method == "POST" else None
            assert (await client.request(method, path, json=body)).status_code == 403


async def test_there_is_an_end_to_the_number_of_keys(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.handlers.api_keys.MOST_USABLE", 2)
    first = await made(town)
    await made(town)
    refused = await town.ask("POST", KEYS, name="Third", scopes=["runs:read"])
    assert refused.status_code == 409
    await town.ask("DELETE", f"{KEYS}/{first['id']}")
    await made(town)


async def test_the_list_is_paged_from_the_newest_on(town: Town) -> None:
    ids = [(await made(town))["id"] for _ in range(3)]
    first = (await town.ask("GET", f"{KEYS}?limit=2")).json()
    assert [key["id"] for key in first["api_keys"]] == ids[:0:-1]
    second = (await town.ask("GET", f"{KEYS}?limit=2&before={first['next']}")).json()
    assert ([key["id"] for key in second["api_keys"]], second["next"]) == (ids[:1], None)


async def test_when_a_key_was_used_last_is_noted_now_and_then(town: Town) -> None:
    key = await made(town)
    assert key["last_used_at"] is None
    seen: list[str] = []
    for _ in range(2):
        assert (await ask(town, key["key"])).status_code == 200
        seen.append((await town.ask("GET", f"{KEYS}/{key['id']}")).json()["last_used_at"])
    assert seen[0] is not None
    assert seen[0] == seen[1]
    await town.ingest.sql("UPDATE api_keys SET last_used_at = now() - interval '3 hours'")
    async with town.browser() as client:
        assert "3 hours ago" in (await client.get("/settings/api-keys")).text
    assert (await ask(town, key["key"])).status_code == 200
    assert (await town.ask("GET", f"{KEYS}/{key['id']}")).json()["last_used_at"] > seen[0]


async def test_uses_that_other_services_tell_count_in_any_order(town: Town) -> None:
    key = await made(town)
    consumer = Consumer("ingest.api-key-uses", town.ingest.db, routes.key_uses())
    [row] = await town.ingest.sql("SELECT created_at AS at FROM api_keys")
    late, early = (
        event_of(ApiKeyUsed(key_id=key["id"], used_at=stamp(row["at"])), key["id"], HARBOR, 2),
        event_of(ApiKeyUsed(key_id=key["id"], used_at=stamp(row["at"].replace(year=2020))), key["id"], HARBOR, 1),
    )
    for event in (late, early, late):
        assert await consumer.process([delivery(event)]) == [Verdict.ACK]
    [used] = await town.ingest.sql("SELECT last_used_at AS at FROM api_keys")
    assert used["at"] == row["at"]


async def test_the_key_is_nowhere_but_in_the_answer(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a row, message, log line or page; nor is its secret part."""
    caplog.set_level(logging.DEBUG)
    key = (await made(town, "members:read", "settings:read"))["key"]
    await ask(town, key)
    await ask(town, key, "/api/v1/workspace")
    await ask(town, key[:-1] + "!", "/api/v1/workspace")
    async with town.browser() as client:
        page = (await client.get("/settings/api-keys")).text
    secret = key[-49:-6]
    told = b"".join(pack(event) for event in await town.ingest.told())
    everything = await town.ingest.everything()
    assert "Nightly export" in page
    assert "Nightly export" in everything
    assert secret not in page + caplog.text + everything
    assert secret.encode() not in told


async def test_a_person_makes_a_key_on_the_page_and_sees_it_once(town: Town) -> None:
    async with town.browser() as client:
        form = (await client.get("/settings/api-keys")).text
        request_id = re.search(r'name="request_id" value="([^"]+)"', form)
        assert request_id
        sent = {"name": "Warehouse", "scope": ["reports:read", "runs:read"], "days": "90", "request_id": request_id[1]}
        shown = await client.post("/settings/api-keys", data=sent)
        assert shown.status_code == 200
        assert shown.headers["cache-control"] == "private, no-store"
        found = re.search(api_keys.PATTERN, shown.text)
        assert found
        again = await client.post("/settings/api-keys", data=sent)
        assert (again.status_code, re.search(api_keys.PATTERN, again.text)) == (409, None)
        assert re.search(api_keys.PATTERN, (await client.get("/settings/api-keys")).text) is None
        mistakes: list[dict[str, object]] = [{"scope": []}, {"days": "soon"}, {"name": " "}, {"scope": ["root"]}]
        for wrong in mistakes:
            refused = await client.post("/settings/api-keys", data=sent | wrong)
            assert (refused.status_code, "No key was made" in refused.text) == (400, True), wrong
        [listed] = (await town.ask("GET", KEYS)).json()["api_keys"]
        assert listed["scopes"] == ["runs:read", "reports:read"]
        revoked = await client.post(f"/settings/api-keys/{listed['id']}/revoke")
        assert (revoked.status_code, revoked.headers["location"]) == (303, "/settings/api-keys?done=revoked")
    assert (await ask(town, found[0], "/api/v1/members")).status_code == 401
