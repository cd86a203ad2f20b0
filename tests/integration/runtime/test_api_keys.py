"""API keys in a service that is told of them: let in once heard of, refused once revoked, in whatever order the messages come."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import permutations

import httpx
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from callmine.workspaces.v1.workspaces_pb2 import (
    ROLE_ADMIN,
    ROLE_MEMBER,
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyUsed,
    MemberAdded,
    MemberRemoved,
    MemberRoleChanged,
)
from contracts import Event
from core.ids import WorkspaceId
from local.postgres import ServiceDsns
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from messaging import Verdict
from runtime import Assembly
from testkit.messages import deliver, delivery, parked_reasons, said
from testkit.outside import ADMIN
from testkit.services import Service, started
from web.api_keys import digest_of, mint

MINE = WorkspaceId(HARBORLINE.organization_id)
KEY_ID = uuid.UUID("0195520d-9d52-7000-8000-0000000000a1")
KEY = mint(MINE, KEY_ID)


@pytest.fixture
async def service(parts: Assembly, dsns: ServiceDsns) -> AsyncIterator[Service]:
    async with started(parts, dsns) as running:
        yield running


def event(
    payload: Message, sequence: int, workspace: WorkspaceId = MINE, aggregate: str = str(KEY_ID)
) -> Event[Message]:
    return Event(workspace_id=workspace, payload=payload, producer="ingest", aggregate_id=aggregate, sequence=sequence)


def told(
    *scopes: str, key: str = KEY, workspace: WorkspaceId = MINE, expires: datetime | None = None
) -> Event[Message]:
    payload = ApiKeyCreated(
        key_id=str(KEY_ID),
        digest=digest_of(key),
        scopes=scopes or ("audit:read", "something:newer"),
        role=ROLE_ADMIN,
        user_id=ADMIN.user_id,
        email=ADMIN.email,
    )
    if expires is not None:
        payload.expires_at.CopyFrom(Timestamp(seconds=int(expires.timestamp())))
    return event(payload, 1, workspace)


REVOKED = event(ApiKeyRevoked(key_id=str(KEY_ID)), 2)


async def ask(service: Service, key: str = KEY, path: str = "/api/v1/audit") -> httpx.Response:
    async with service.program(key) as client:
        return await client.get(path)


async def test_a_key_is_let_in_once_it_was_heard_of(service: Service) -> None:
    early = await ask(service)
    assert (early.status_code, "made a moment ago" in early.json()["detail"]) == (401, True)
    await deliver(service.consumer("workspaces"), told())
    assert (await ask(service)).status_code == 200
    assert (await ask(service, path="/audit")).status_code == 403, "no page"


@pytest.mark.parametrize("order", list(permutations([told(), REVOKED])), ids=["in order", "out of order"])
async def test_a_revocation_counts_in_any_order_and_twice(service: Service, order: Sequence[Event[Message]]) -> None:
    for one in (*order, *order):
        await deliver(service.consumer("workspaces"), one)
    assert (await ask(service)).status_code == 401


async def test_its_holder_is_told_of_the_revocation(service: Service) -> None:
    await deliver(service.consumer("workspaces"), told(), REVOKED)
    assert "has been revoked" in (await ask(service)).json()["detail"]
    assert "is not known" in (await ask(service, mint(MINE, KEY_ID))).json()["detail"]


async def test_an_expired_key_is_refused(service: Service) -> None:
    await deliver(service.consumer("workspaces"), told(expires=datetime(2020, 1, 1, tzinfo=UTC)))
    assert "has expired" in (await ask(service)).json()["detail"]


async def test_a_missing_scope_is_named(service: Service) -> None:
    await deliver(service.consumer("workspaces"), told("runs:read"))
    refused = await ask(service)
    assert (refused.status_code, refused.json()["scope"]) == (403, "audit:read")


async def test_another_workspaces_key_opens_its_own_workspace_only(service: Service) -> None:
    theirs = WorkspaceId(QUILLSTONE.organization_id)
    other = mint(theirs, KEY_ID)
    await deliver(service.consumer("workspaces"), told())
    assert (await ask(service, other)).status_code == 401
    await deliver(service.consumer("workspaces"), told(key=other, workspace=theirs))
    assert [(await ask(service, key)).status_code for key in (KEY, other)] == [200, 200]
    await deliver(service.consumer("workspaces"), REVOKED)
    assert [(await ask(service, key)).status_code for key in (KEY, other)] == [401, 200]


async def test_who_made_it_and_left_or_is_no_admin_takes_it_along(service: Service) -> None:
    """Also where the message that revokes the key comes later than that about the person."""
    added = event(MemberAdded(user_id=ADMIN.user_id, role=ROLE_ADMIN), 1, aggregate=ADMIN.user_id)
    lowered = event(
        MemberRoleChanged(user_id=ADMIN.user_id, before=ROLE_ADMIN, after=ROLE_MEMBER), 2, aggregate=ADMIN.user_id
    )
    removed = event(MemberRemoved(user_id=ADMIN.user_id), 3, aggregate=ADMIN.user_id)
    await deliver(service.consumer("workspaces"), told(), added)
    assert (await ask(service)).status_code == 200
    for change, title in (
        (lowered, "This needs a workspace admin"),
        (removed, "You are no longer a member of this workspace"),
    ):
        await deliver(service.consumer("workspaces"), change)
        refused = await ask(service)
        assert (refused.status_code, refused.json()["title"]) == (403, title)


async def test_use_is_told_once_in_some_minutes(service: Service, dsns: ServiceDsns) -> None:
    await deliver(service.consumer("workspaces"), told())
    for _ in range(5):
        assert (await ask(service)).status_code == 200
    [(topic, used)] = await said(dsns)
    assert (topic, used.workspace_id, isinstance(used.payload, ApiKeyUsed)) == ("api-key-uses", MINE, True)
    async with connected(dsns.owner) as connection:
        # The owner is bound by the policies too: it says for which workspace it works.
        await connection.execute("ALTER TABLE known_api_keys NO FORCE ROW LEVEL SECURITY")
        await connection.execute("UPDATE known_api_keys SET use_noted_at = use_noted_at - interval '6 minutes'")
    assert (await ask(service)).status_code == 200
    assert len(await said(dsns)) == 2


async def test_a_key_without_a_digest_is_parked(service: Service, dsns: ServiceDsns) -> None:
    broken = event(ApiKeyCreated(key_id=str(KEY_ID), digest=b"short", user_id=ADMIN.user_id), 1)
    assert await service.consumer("workspaces").process([delivery(broken)]) == [Verdict.ACK]
    assert len(await parked_reasons(dsns)) == 1


async def test_while_nobody_can_tell_no_key_is_let_in(service: Service, parts: Assembly) -> None:
    await deliver(service.consumer("workspaces"), told())
    await parts.db.close()
    assert (await ask(service)).status_code == 503
