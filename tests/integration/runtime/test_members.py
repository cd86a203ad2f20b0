"""Who was removed is refused at the next request, whatever the token says; in whatever order the messages come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import permutations

import pytest
from google.protobuf.message import Message

from callmine.workspaces.v1.workspaces_pb2 import (
    ROLE_ADMIN,
    ROLE_MEMBER,
    MemberAdded,
    MemberRemoved,
    MemberRoleChanged,
)
from contracts import Event
from core.ids import WorkspaceId
from local.postgres import ServiceDsns
from local.sandbox.clerk.people import HARBORLINE, PEOPLE, QUILLSTONE
from runtime import Assembly
from testkit.messages import deliver
from testkit.outside import ADMIN, Outside
from testkit.services import Service, started

BOTH = PEOPLE[4]  # a member of Harborline and an admin of Quillstone
PATH = "/api/v1/audit"


@pytest.fixture
async def service(parts: Assembly, dsns: ServiceDsns) -> AsyncIterator[Service]:
    async with started(parts, dsns) as running:
        yield running


def said(
    payload: Message, sequence: int, workspace: str = HARBORLINE.organization_id, user: str = ADMIN.user_id
) -> Event[Message]:
    return Event(
        workspace_id=WorkspaceId(workspace),
        payload=payload,
        producer="ingest",
        aggregate_id=f"{workspace}:{user}",
        sequence=sequence,
    )


async def status(service: Service, token: str) -> int:
    async with service.program(token) as client:
        return (await client.get(PATH)).status_code


ADDED = said(MemberAdded(user_id=ADMIN.user_id, role=ROLE_ADMIN), 1)
REMOVED = said(MemberRemoved(user_id=ADMIN.user_id), 2)
ADDED_AGAIN = said(MemberAdded(user_id=ADMIN.user_id, role=ROLE_ADMIN), 3)


async def test_a_removed_person_is_told_so_at_the_next_request(service: Service, outside: Outside) -> None:
    token = outside.token(ADMIN)
    assert await status(service, token) == 200
    await deliver(service.consumer("workspaces"), ADDED, REMOVED)
    async with service.program(token) as client:
        refused = await client.get(PATH)
    assert refused.status_code == 403
    assert refused.json()["title"] == "You are no longer a member of this workspace"
    async with service.browser(token) as client:
        page = await client.get("/audit")
    assert page.status_code == 403
    assert ADMIN.email not in page.text, "an error page for somebody who was let in"


@pytest.mark.parametrize("order", list(permutations([ADDED, REMOVED, ADDED_AGAIN])))
async def test_the_last_word_counts_in_any_order_and_twice(
    service: Service, outside: Outside, order: Sequence[Event[Message]]
) -> None:
    for event in (*order, *order):
        await deliver(service.consumer("workspaces"), event)
    assert await status(service, outside.token(ADMIN)) == 200


@pytest.mark.parametrize("order", list(permutations([ADDED, REMOVED])))
async def test_a_late_addition_brings_nobody_back(
    service: Service, outside: Outside, order: Sequence[Event[Message]]
) -> None:
    for event in order:
        await deliver(service.consumer("workspaces"), event)
    assert await status(service, outside.token(ADMIN)) == 403


async def test_a_removal_from_one_workspace_says_nothing_of_another(service: Service, outside: Outside) -> None:
    removed = said(MemberRemoved(user_id=BOTH.user_id), 2, user=BOTH.user_id)
    await deliver(service.consumer("workspaces"), removed)
    assert await status(service, outside.token(BOTH, QUILLSTONE)) == 200
    async with service.program(outside.token(BOTH, HARBORLINE)) as client:
        assert (await client.get(PATH)).json()["title"] == "You are no longer a member of this workspace"


async def test_who_lost_a_role_has_the_lesser_one_before_the_token_ends(service: Service, outside: Outside) -> None:
    token = outside.token(ADMIN)
    lowered = said(MemberRoleChanged(user_id=ADMIN.user_id, before=ROLE_ADMIN, after=ROLE_MEMBER), 2)
    await deliver(service.consumer("workspaces"), ADDED, lowered)
    async with service.program(token) as client:
        assert (await client.get(PATH)).json()["title"] == "This needs a workspace admin"
    raised = said(MemberRoleChanged(user_id=ADMIN.user_id, before=ROLE_MEMBER, after=ROLE_ADMIN), 3)
    await deliver(service.consumer("workspaces"), raised)
    assert await status(service, token) == 200


async def test_nobody_is_made_an_admin_by_it(service: Service, outside: Outside) -> None:
    member = PEOPLE[1]
    raised = said(MemberAdded(user_id=member.user_id, role=ROLE_ADMIN), 1, user=member.user_id)
    await deliver(service.consumer("workspaces"), raised)
    assert await status(service, outside.token(member)) == 403


async def test_while_nobody_can_tell_nobody_is_let_in(service: Service, outside: Outside, parts: Assembly) -> None:
    await parts.db.close()
    assert await status(service, outside.token(ADMIN)) == 503
