"""Where reports are posted: chosen, audited, listed; and who is told on the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from analysis.domain.deliveries import Covers, DeliveryId
from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.calls.v1.calls_pb2 import FetchFailed
from callmine.integrations.v1.integrations_pb2 import IntegrationDisconnected
from callmine.plans.v1.plans_pb2 import PlanChanged
from core.errors import Conflict, InvalidInput, NotFound
from integration.analysis.delivery_bench import (
    GENERAL,
    LEADERSHIP,
    LIST,
    SALES,
    DeliveryBench,
    delivery_bench,
)
from integration.analysis.slack_bench import SLACK
from integration.analysis.world import ACME, MAYA, RIVAL, World, question
from testkit.outside import Outside

POSTED = ("posted", "")
UNREADABLE = ("unclear", "history_not_readable")


@pytest.fixture
async def bench(world: World, outside: Outside) -> AsyncIterator[DeliveryBench]:
    async with delivery_bench(world, outside) as bench:
        yield bench


async def test_a_person_may_have_it_posted_again_where_it_is_not_known_to_be_there(bench: DeliveryBench) -> None:
    await bench.ready(LEADERSHIP)
    await bench.work()
    [row] = await bench.rows()
    await bench.choose(GENERAL)
    await bench.world.deliveries.repeat(ACME, DeliveryId(row["id"]))
    await bench.slack.answer(await bench.slack.granted())
    await bench.work()
    [message] = bench.posted()
    [after] = await bench.rows()
    assert (message["channel"], await bench.ends(), after["id"] == row["id"]) == ("general", [POSTED], False)
    assert ("", "delivery") not in await bench.told(), "what was told of its failure is no news"
    with pytest.raises(Conflict):
        await bench.world.deliveries.repeat(ACME, DeliveryId(after["id"]))
    with pytest.raises(NotFound):
        await bench.world.deliveries.repeat(RIVAL, DeliveryId(after["id"]))


async def test_the_choice_is_audited_with_what_differs(bench: DeliveryBench) -> None:
    await bench.list_channels()
    await bench.choose(SALES)
    await bench.choose(SALES)
    await bench.choose("", Covers.SCHEDULES)
    actions = await bench.world.sent_of(AdminAction)
    told = []
    for event in actions:
        assert isinstance(event.payload, AdminAction)
        told.append({one.field: (one.before, one.after) for one in event.payload.diff})
        assert event.actor is not None
        assert event.actor.id == MAYA.id
    assert told == [
        {"slack_channel": ("", f'"#sales ({SALES})"'), "slack_reports": ("", '"all"')},
        {"slack_channel": (f'"#sales ({SALES})"', ""), "slack_reports": ('"all"', "")},
    ]


async def test_a_choice_of_what_has_changed_since_is_refused(bench: DeliveryBench) -> None:
    await bench.choose(SALES)
    with pytest.raises(Conflict):
        await bench.world.deliveries.choose(ACME, GENERAL, Covers.ALL, 0, MAYA)
    for wrong in ("sales", "#sales", "U012ABCDEF", "D012ABCDEF", "c012abcdef", "C012<!channel>"):
        with pytest.raises(InvalidInput):
            await bench.world.deliveries.choose(ACME, wrong, Covers.ALL, 1, MAYA)


async def test_slacks_channels_are_there_to_choose_from(bench: DeliveryBench) -> None:
    await bench.list_channels()
    found = await bench.world.deliveries.channels(ACME)
    assert [(one.name, one.joined) for one in found.channels] == [
        ("general", True),
        ("sales", True),
        ("leadership", False),
    ]
    assert (found.under_way, found.reason, found.truncated) == (False, "", False)
    states = [row["state"] for row in await bench.world.rows("SELECT state FROM slack_grants")]
    assert states == ["over"]
    await bench.list_channels()
    assert len((await bench.world.deliveries.channels(ACME)).channels) == 3
    assert (await bench.world.deliveries.channels(RIVAL)).channels == ()


async def test_a_list_that_cannot_be_read_says_why_and_leaves_the_one_before(bench: DeliveryBench) -> None:
    await bench.list_channels()
    bench.arm({"body": '{"ok": false, "error": "missing_scope"}'}, path=LIST)
    await bench.list_channels()
    found = await bench.world.deliveries.channels(ACME)
    assert (len(found.channels), found.reason, found.under_way) == (3, "list_missing_scope", False)


async def test_a_list_is_asked_for_once_at_a_time_and_only_of_a_connected_slack(bench: DeliveryBench) -> None:
    await bench.world.deliveries.ask_for_channels(ACME)
    with pytest.raises(Conflict):
        await bench.world.deliveries.ask_for_channels(ACME)
    assert len(await bench.asked()) == 1
    with pytest.raises(Conflict):
        await bench.world.deliveries.ask_for_channels(RIVAL)


async def test_the_channels_of_a_slack_that_is_gone_are_not_kept(bench: DeliveryBench) -> None:
    await bench.list_channels()
    gone = bench.world.event(IntegrationDisconnected(provider=SLACK), f"{ACME}:slack")
    await bench.slack.hear(gone)
    assert (await bench.world.deliveries.channels(ACME)).channels == []


async def test_the_person_who_asked_is_told_and_nobody_else(bench: DeliveryBench) -> None:
    run_id = await bench.world.finished_run()
    assert await bench.told() == [(MAYA.id, "report")]
    around = await bench.world.desk.surroundings(ACME, ["somebody else", ""])
    assert around.notices == []
    [notice] = (await bench.world.desk.surroundings(ACME, [MAYA.id])).notices
    assert (notice.title, notice.run_id) == ("What do buyers say about our price?", run_id)
    with pytest.raises(NotFound):
        await bench.world.deliveries.dismiss(ACME, notice.id, "somebody else", is_admin=True)
    with pytest.raises(NotFound):
        await bench.world.deliveries.dismiss(RIVAL, notice.id, MAYA.id, is_admin=True)
    for _ in range(2):
        await bench.world.deliveries.dismiss(ACME, notice.id, MAYA.id, is_admin=False)
    assert await bench.told() == []


async def test_who_reads_the_report_is_told_no_more(bench: DeliveryBench) -> None:
    run_id = await bench.world.finished_run()
    await bench.world.deliveries.opened(ACME, "somebody else", run_id)
    assert await bench.told() == [(MAYA.id, "report")]
    await bench.world.deliveries.opened(ACME, MAYA.id, run_id)
    assert await bench.told() == []


async def test_nobody_is_told_of_a_run_that_the_plan_hides(bench: DeliveryBench) -> None:
    await bench.world.finished_run()
    await bench.world.owner(
        "UPDATE runs SET created_at = now() - interval '31 days', finished_at = now() - interval '31 days'"
    )
    assert (await bench.world.desk.surroundings(ACME, [MAYA.id])).notices == []
    upgraded = bench.world.event(
        PlanChanged(plan="scale", report_window_days=0, monthly_calls=50, concurrent_runs=1), ACME, sequence=9
    )
    await bench.world.deliver(upgraded, topic="plans")
    assert len((await bench.world.desk.surroundings(ACME, [MAYA.id])).notices) == 1


async def test_a_failed_run_is_told_to_who_asked_until_it_is_gone_on_with(bench: DeliveryBench) -> None:
    await bench.choose()
    run_id = await bench.world.desk.start(ACME, question(), MAYA)

    await bench.world.deliver(bench.world.event(FetchFailed(run_id=str(run_id), reason="Gong is away"), str(run_id)))
    assert (await bench.rows(), await bench.told()) == ([], [(MAYA.id, "failure")])
    [notice] = (await bench.world.desk.surroundings(ACME, [MAYA.id])).notices
    assert (notice.kind, notice.report_id) == ("failure", None)
    await bench.world.desk.resume(ACME, run_id, MAYA)
    assert (await bench.world.desk.surroundings(ACME, [MAYA.id])).notices == []
