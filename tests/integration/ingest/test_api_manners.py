"""The workspace is not changed unseen, an invitation is sent once, and of a key's making nothing secret is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from unit.web.issuer import Issuer

from callmine.workspaces.v1.workspaces_pb2 import ApiKeyCreated, MemberInvited
from contract.sandbox.stage import Stage
from integration.ingest.administration import Town, opened
from integration.ingest.harness import Ingest

SETTINGS = "/api/v1/workspace/settings"
NORA = {"email": "nora.field@harborline.example", "role": "member"}


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def town(ingest: Ingest, stage: Stage, issuer: Issuer) -> AsyncIterator[Town]:
    async with opened(ingest, stage, issuer) as made:
        yield made


async def test_the_workspace_is_changed_only_from_what_was_read(town: Town) -> None:
    async with town.program() as client:
        seen = (await client.get("/api/v1/workspace")).headers["etag"]
        change = {"timezone": "Europe/Zürich", "preferences": {}, "version": 1}
        assert (await client.put(SETTINGS, json=change, headers={"if-match": '"other"'})).status_code == 412
        change["timezone"] = "Europe/Zurich"
        changed = await client.put(SETTINGS, json=change, headers={"if-match": seen})
        assert changed.status_code == 200
        body = {"name": "Harborline Zürich", "previous_name": "Harborline"}
        stale = await client.put("/api/v1/workspace/name", json=body, headers={"if-match": seen})
        assert (stale.status_code, (await client.get("/api/v1/workspace")).json()["name"]) == (412, "Harborline")
        fresh = (await client.get("/api/v1/workspace")).headers["etag"]
        assert (await client.put("/api/v1/workspace/name", json=body, headers={"if-match": fresh})).status_code == 200
        # Beyond ASCII too the tag is that of the bytes that were sent.
        again = (await client.get("/api/v1/workspace")).headers["etag"]
        named = {"name": "Harborline", "previous_name": "Harborline Zürich"}
        assert (await client.put("/api/v1/workspace/name", json=named, headers={"if-match": again})).status_code == 200


async def test_an_invitation_is_sent_once(town: Town) -> None:
    async with town.program() as client:
        headers = {"idempotency-key": "nora"}
        answers = [await client.post("/api/v1/invitations", json=NORA, headers=headers) for _ in range(2)]
        assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
        assert answers[1].headers["idempotency-replayed"] == "true"
    assert len(await town.told(MemberInvited)) == 1


async def test_of_a_keys_making_the_answer_is_not_kept(town: Town) -> None:
    async with town.program() as client:
        body = {"name": "Export", "scopes": ["runs:read"]}
        first = await client.post("/api/v1/api-keys", json=body, headers={"idempotency-key": "one"})
        again = await client.post("/api/v1/api-keys", json=body, headers={"idempotency-key": "one"})
    assert (first.status_code, again.status_code) == (201, 409)
    assert len(await town.told(ApiKeyCreated)) == 1
    assert first.json()["key"][-49:] not in await town.ingest.everything()
    assert await town.ingest.sql("SELECT 1 FROM idempotent_requests") == []
