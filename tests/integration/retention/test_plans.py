"""Each workspace gets a plan once; changes are told in order, and audited."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import datetime
from urllib.parse import urlsplit

import asyncpg
import pytest
from google.protobuf.message import Message

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from callmine.plans.v1.plans_pb2 import PlanChanged
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from contracts import Actor, ActorKind, Event
from core.errors import NotFound
from core.ids import WorkspaceId
from local.postgres import ServiceDsns
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from retention.catalogue import read_plans
from retention.cli import app
from retention.domain.plans import PlanName
from retention.events import announce
from retention.handlers import PlanChange, Plans
from retention.settings import Settings
from testkit.commands import run
from testkit.messages import deliver, said
from testkit.outside import MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service, environment_for
from testkit.tables import every_row

MINE, THEIRS = WorkspaceId(HARBORLINE.organization_id), WorkspaceId(QUILLSTONE.organization_id)


def created(workspace_id: WorkspaceId = MINE, sequence: int = 1) -> Event[Message]:
    payload = WorkspaceCreated(name="Harborline", slug="harborline", timezone="UTC")
    return workspace_event(payload, workspace_id, sequence)


def updated(name: str, sequence: int, workspace_id: WorkspaceId = MINE) -> Event[Message]:
    payload = WorkspaceUpdated(name=name, slug="harborline", timezone="Europe/Vienna")
    return workspace_event(payload, workspace_id, sequence)


def workspace_event(payload: Message, workspace_id: WorkspaceId, sequence: int) -> Event[Message]:
    return Event(
        workspace_id=workspace_id, payload=payload, producer="ingest", aggregate_id=workspace_id, sequence=sequence
    )


TRIAL = PlanChanged(
    plan="trial",
    report_window_days=30,
    monthly_calls=50,
    concurrent_runs=1,
    models=["openai/small", "anthropic/small"],
)


def anchored(plan: PlanChanged, anchor: datetime) -> PlanChanged:
    """The same plan with the beginning of its months."""
    told = PlanChanged()
    told.CopyFrom(plan)
    told.billing_anchor.FromDatetime(anchor)
    return told


async def first_day(postgres_url: str, dsns: ServiceDsns) -> datetime:
    """When the months of the only workspace begin."""
    admin_url = urlsplit(postgres_url)._replace(path=urlsplit(dsns.app).path).geturl()
    connection = await asyncpg.connect(admin_url)
    try:
        anchored: datetime = await connection.fetchval("SELECT anchored_at FROM subscriptions")
    finally:
        await connection.close()
    return anchored


async def test_a_new_workspace_is_put_on_trial_once(retention: Service, postgres_url: str) -> None:
    event = created()
    await deliver(retention.consumer("workspaces"), event)
    [(topic, said_event)] = await said(retention.dsns)
    anchor = await first_day(postgres_url, retention.dsns)
    assert (topic, said_event.payload, said_event.sequence) == ("plans", anchored(TRIAL, anchor), 1)
    assert (said_event.aggregate_id, said_event.causation_id) == (MINE, str(event.event_id))
    settled = await every_row(postgres_url, retention.dsns)
    await deliver(retention.consumer("workspaces"), event, event)
    assert await every_row(postgres_url, retention.dsns) == settled


async def test_told_of_twice_under_two_ids_it_still_gets_one_plan(retention: Service) -> None:
    """Clerk's webhook and a back-fill may both announce a workspace."""
    await deliver(retention.consumer("workspaces"), created(), created())
    await deliver(retention.consumer("workspaces"), created(sequence=2))
    assert len(await said(retention.dsns)) == 1


async def test_updates_before_the_creation_are_not_undone_by_it(retention: Service, postgres_url: str) -> None:
    await deliver(retention.consumer("workspaces"), updated("Newest", 3))
    assert await said(retention.dsns) == []
    await deliver(retention.consumer("workspaces"), updated("Older", 2), created())
    [row] = (await every_row(postgres_url, retention.dsns))["workspaces"]
    assert "Newest" in row
    anchor = await first_day(postgres_url, retention.dsns)
    assert [event.payload for _, event in await said(retention.dsns)] == [anchored(TRIAL, anchor)]


async def test_everything_again_in_any_order_changes_no_row(retention: Service, postgres_url: str) -> None:
    events = [created(), created(THEIRS), *(updated(f"Name {number}", number) for number in range(2, 9))]
    await deliver(retention.consumer("workspaces"), *events)
    settled = await every_row(postgres_url, retention.dsns)
    again = events * 2
    random.Random(5).shuffle(again)
    await deliver(retention.consumer("workspaces"), *again)
    assert await every_row(postgres_url, retention.dsns) == settled
    assert len(settled["subscriptions"]) == 2


async def change(retention: Service, name: str, workspace_id: WorkspaceId = MINE) -> PlanChange | None:
    plans = Plans(read_plans(None))
    async with retention.parts.db.workspace(workspace_id) as tx:
        changed = await plans.change(tx, PlanName.parse(name))
        if changed is not None:
            await announce(tx, retention.parts.outbox, changed, Actor(id="retention"))
        return changed


async def test_the_command_changes_the_plan_tells_everybody_and_is_audited(
    retention: Service, settings: Settings
) -> None:
    await deliver(retention.consumer("workspaces"), created())
    environment = environment_for(settings)
    said_by_command = [
        (await run(app, "plan", MINE, name, env=environment)).stdout for name in ("growth", "growth", "free")
    ]
    assert said_by_command == [
        f"{MINE} is on growth now.\n",
        f"{MINE} was on growth already.\n",
        f"{MINE} is on free now.\n",
    ]

    events = await said(retention.dsns)
    assert [topic for topic, _ in events] == ["plans", "plans", "audit", "plans", "audit"]
    plans = [event for topic, event in events if topic == "plans"]
    assert [(event.payload.plan, event.sequence) for event in plans if isinstance(event.payload, PlanChanged)] == [
        ("trial", 1),
        ("growth", 2),
        ("free", 3),
    ]
    audited = events[2][1]
    assert audited.payload == AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_BILLING_PLAN_CHANGED,
        target_kind="workspace",
        target_id=MINE,
        diff=[FieldChange(field="plan", before='"trial"', after='"growth"')],
    )
    assert audited.actor == Actor(ActorKind.SYSTEM, "retention")


async def test_the_command_says_what_is_wrong(retention: Service, settings: Settings) -> None:
    environment = environment_for(settings)
    cases = {
        ("not-a-workspace", "growth"): "workspace_id is missing or malformed",
        (MINE, "gold"): "choose one of trial, free",
        (THEIRS, "growth"): "There is no such workspace",
    }
    for arguments, words in cases.items():
        result = await run(app, "plan", *arguments, env=environment)
        assert (result.exit_code, words in result.output) == (1, True), result.output
    assert await said(retention.dsns) == []


async def test_changes_at_the_same_time_are_told_one_after_the_other(retention: Service) -> None:
    """Each entry of the log has the plan that the one before it led to."""
    await deliver(retention.consumer("workspaces"), created())
    await asyncio.gather(*(change(retention, name) for name in ("free", "starter", "growth", "scale")))
    changes = [
        event.payload.diff[0] for _, event in await said(retention.dsns) if isinstance(event.payload, AdminAction)
    ]
    versions = [event.sequence for topic, event in await said(retention.dsns) if topic == "plans"]
    by_before = {json.loads(one.before): json.loads(one.after) for one in changes}
    chain = ["trial"]
    while chain[-1] in by_before:
        chain.append(by_before[chain[-1]])
    assert len(chain) == 5
    assert sorted(versions) == [1, 2, 3, 4, 5]


async def test_a_workspace_nobody_told_of_has_no_plan_to_change(retention: Service) -> None:
    with pytest.raises(NotFound):
        await change(retention, "growth", THEIRS)


async def test_members_see_their_own_plan_and_strangers_none(retention: Service, outside: Outside) -> None:
    await deliver(retention.consumer("workspaces"), created())
    await change(retention, "growth")
    async with retention.program(outside.token(MEMBER)) as mine, retention.browser(outside.token(MEMBER)) as browser:
        told = (await mine.get("/api/v1/plan")).json()
        page = await browser.get("/settings/billing")
    assert (told["plan"], told["report_window_days"], told["monthly_calls"]) == ("growth", 365, 1000)
    assert page.text.count('aria-current="true"') == 1
    assert "Growth" in page.text.split('aria-current="true"', 1)[1].split("</tr>", 1)[0]
    async with retention.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as theirs:
        assert (await theirs.get("/api/v1/plan")).status_code == 404
    async with retention.browser(outside.token(OTHER_ADMIN, QUILLSTONE)) as browser:
        assert "being set up" in (await browser.get("/settings/billing")).text
    async with retention.program() as stranger:
        assert (await stranger.get("/api/v1/plan")).status_code == 401
        assert (await stranger.get("/settings/billing")).status_code == 401
