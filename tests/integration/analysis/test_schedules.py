"""Schedules on the real database: what fires, once, and what is told of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta

import pytest

from analysis.domain.run import RunState
from analysis.domain.schedule import Firing, Outcome, ScheduleId, ScheduleState, Setting, SkipReason
from analysis.domain.schedule_ranges import Range
from analysis.domain.schedule_times import Cadence, Timing
from analysis.handlers.schedules import Elsewhere
from analysis.store.schedules import ScheduleClaim
from analysis.workers.pool import PoolSettings, WorkPool
from analysis.workers.schedules import ScheduleWork
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.fetches.v1.fetches_pb2 import FetchRequested
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, Provider
from callmine.plans.v1.plans_pb2 import PlanChanged
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceUpdated
from contracts import ActorKind, Source
from core import faultpoints
from core.errors import Conflict, InvalidInput, NotFound, OutOfQuota
from core.ids import WorkspaceId, uuid7
from integration.analysis.world import ACME, MAYA, RIVAL, World, question

DAILY = Timing(Cadence.DAILY, time(9))


class Crash(BaseException):
    """What kill -9 is to a process."""


@pytest.fixture
async def acme(world: World) -> World:
    """A workspace that has connected Gong."""
    await connect_gong(world, ACME)
    return world


async def connect_gong(world: World, workspace_id: WorkspaceId) -> None:
    connected = world.event(IntegrationConnected(provider=Provider.PROVIDER_GONG), "gong", workspace_id)
    await world.deliver(connected, topic="integrations")


def setting(
    timing: Timing = DAILY,
    chosen: Range = Range.LAST_7_DAYS,
    *,
    cap: bool = True,
    timezone: str | None = None,
    **asked: object,
) -> Setting:
    return Setting("", question(**asked), timing, chosen, timezone, cap)


async def active(world: World, chosen: Setting | None = None, workspace_id: WorkspaceId = ACME) -> ScheduleId:
    new_id = await world.schedules.create(workspace_id, chosen or setting(), MAYA)
    await world.schedules.activate(workspace_id, new_id, 1, MAYA)
    return new_id


async def planned(world: World, schedule_id: ScheduleId) -> datetime:
    found = (await world.schedules.schedule(ACME, schedule_id)).next_firing_at
    assert found is not None
    return found


async def move_to(world: World, moment: datetime, by: timedelta = timedelta(seconds=1)) -> None:
    """Let the clock of the use cases show `by` after `moment`."""
    world.clock.by = timedelta()
    world.clock.by = moment + by - world.clock.now()


def pool(world: World) -> WorkPool[ScheduleClaim]:
    return WorkPool("schedule", ScheduleWork(world.schedules), PoolSettings(4, lease=30, poll=0.05))


async def tick(world: World) -> int:
    """One process looks for what is due, with the leases of those that have died over."""
    await world.owner("UPDATE schedules SET lease_until = now() - interval '1 second'")
    return await pool(world).drain()


async def history(world: World, schedule_id: ScheduleId) -> list[Firing]:
    return (await world.schedules.history(ACME, schedule_id, None)).firings


async def runs(world: World) -> int:
    return len(await world.rows("SELECT id FROM runs"))


async def test_a_draft_is_reviewed_activated_and_fires_when_its_time_comes(acme: World) -> None:
    new_id = await acme.schedules.create(ACME, setting(), MAYA)
    draft = await acme.schedules.schedule(ACME, new_id)
    assert (draft.state, draft.version, draft.next_firing_at) == (ScheduleState.DRAFT, 1, None)
    ahead = await acme.schedules.ahead(ACME, draft)
    assert len(ahead.firings) == 5
    assert all(later - one == timedelta(days=1) for one, later in zip(ahead.firings, ahead.firings[1:], strict=False))
    assert (ahead.firings_a_month, ahead.calls_a_month) == (31, 31 * 50)

    await acme.schedules.activate(ACME, new_id, draft.version, MAYA)
    moment = await planned(acme, new_id)
    assert moment == ahead.firings[0]
    assert (moment.hour, moment.minute) == (9, 0)
    assert await tick(acme) == 0

    await move_to(acme, moment)
    assert await tick(acme) == 1
    (firing,) = await history(acme, new_id)
    assert (firing.planned_at, firing.outcome, firing.by_hand, firing.is_late) == (
        moment,
        Outcome.STARTED,
        False,
        False,
    )
    assert firing.run_id is not None
    run = await acme.desk.run(ACME, firing.run_id)
    yesterday = (moment - timedelta(days=1)).date()
    assert run.state is RunState.RUNNING
    assert (run.question.first_day, run.question.last_day) == (yesterday - timedelta(days=6), yesterday)
    assert run.question.brief == question().brief
    assert run.requested_by == "analysis"
    (asked,) = await acme.sent_of(FetchRequested)
    assert (asked.actor.kind, asked.actor.source) == (ActorKind.SYSTEM, Source.SCHEDULE)
    assert await planned(acme, new_id) == moment + timedelta(days=1)
    assert await tick(acme) == 0
    origin = await acme.schedules.origin(ACME, firing.run_id)
    assert origin is not None
    assert (origin.id, origin.planned_at) == (new_id, moment)


async def test_many_missed_firings_are_made_up_for_once(acme: World) -> None:
    new_id = await active(acme)
    moment = await planned(acme, new_id)
    await move_to(acme, moment + timedelta(days=5), by=timedelta(hours=3))
    assert await tick(acme) == 1
    made_up, missed = await history(acme, new_id)
    assert (made_up.planned_at, made_up.outcome, made_up.is_late) == (
        moment + timedelta(days=5),
        Outcome.STARTED,
        True,
    )
    assert (missed.outcome, missed.count) == (Outcome.MISSED, 5)
    assert (missed.first_planned_at, missed.planned_at) == (moment, moment + timedelta(days=4))
    assert await runs(acme) == 1
    assert await planned(acme, new_id) == moment + timedelta(days=6)
    assert await tick(acme) == 0


POINTS = ("claimed", "missed", "fired", "recorded", "advanced", "before_commit", "committed")


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_that_dies_while_it_fires_leaves_nothing_half_done(acme: World, point: str) -> None:
    new_id = await active(acme)
    moment = await planned(acme, new_id)
    await move_to(acme, moment + timedelta(days=2))
    left = 1

    def trap(reached: str) -> None:
        nonlocal left
        if reached == f"analysis.schedule.{point}" and left:
            left -= 1
            raise Crash

    faultpoints.arm(trap)
    try:
        with pytest.raises(BaseExceptionGroup):
            await tick(acme)
    finally:
        faultpoints.arm(None)
    assert left == 0
    committed = point == "committed"
    assert len(await history(acme, new_id)) == (2 if committed else 0)
    assert await runs(acme) == int(committed)
    assert await tick(acme) == int(not committed)
    assert [one.outcome for one in await history(acme, new_id)] == [Outcome.STARTED, Outcome.MISSED]
    assert await runs(acme) == 1
    assert len(await acme.sent_of(FetchRequested)) == 1
    assert await planned(acme, new_id) == moment + timedelta(days=3)


async def test_two_processes_that_hold_one_claim_fire_once(acme: World) -> None:
    new_id = await active(acme)
    await move_to(acme, await planned(acme, new_id))
    work = ScheduleWork(acme.schedules)
    claims: list[ScheduleClaim] = []
    for _ in range(4):  # as if every lease had run out while its holder was asleep
        claims += await work.claim(1, 0)
    assert len(claims) == 4
    await asyncio.gather(*(work.do(claim) for claim in claims))
    assert [one.outcome for one in await history(acme, new_id)] == [Outcome.STARTED]
    assert await runs(acme) == 1


async def test_ticking_processes_share_what_is_due(acme: World) -> None:
    scale = PlanChanged(plan="scale", monthly_calls=5000, concurrent_runs=10, models=["openai/small"])
    await acme.deliver(acme.event(scale, "plan"), topic="plans")
    ids = [await active(acme) for _ in range(12)]
    await move_to(acme, await planned(acme, ids[0]))
    assert sum(await asyncio.gather(*(pool(acme).drain() for _ in range(3)))) == 12
    assert await runs(acme) == 12
    for one in ids:
        assert [line.outcome for line in await history(acme, one)] == [Outcome.STARTED]


async def skipped(world: World, schedule_id: ScheduleId) -> SkipReason | None:
    """Let the next firing come; why it was skipped."""
    before = await runs(world)
    await move_to(world, await planned(world, schedule_id))
    await tick(world)
    firing = (await history(world, schedule_id))[0]
    assert firing.outcome is Outcome.SKIPPED
    assert await runs(world) == before
    return firing.reason


async def plan(world: World, calls: int, *models: str) -> None:
    told = PlanChanged(plan="free", monthly_calls=calls, concurrent_runs=1, models=models or ["openai/small"])
    await world.deliver(world.event(told, "plan"), topic="plans")


async def test_a_firing_that_cannot_be_is_skipped_with_its_reason_and_the_next_one_takes_place(acme: World) -> None:
    new_id = await active(acme)
    await plan(acme, 0)
    assert await skipped(acme, new_id) is SkipReason.NO_QUOTA
    await plan(acme, 100, "anthropic/small")
    assert await skipped(acme, new_id) is SkipReason.MODEL_NOT_IN_PLAN
    ahead = await acme.schedules.ahead(ACME, await acme.schedules.schedule(ACME, new_id))
    assert "no longer includes its model" in ahead.problem
    await acme.owner("UPDATE integrations SET state = 'needs_reconnect'")
    assert await skipped(acme, new_id) is SkipReason.GONG_NOT_CONNECTED
    (told,) = await acme.schedules.skipped(ACME)
    assert (told.id, told.reason) == (new_id, SkipReason.GONG_NOT_CONNECTED)
    await acme.owner("UPDATE integrations SET state = 'connected'")
    await plan(acme, 100)
    await move_to(acme, await planned(acme, new_id))
    await tick(acme)
    assert (await history(acme, new_id))[0].outcome is Outcome.STARTED
    assert await acme.schedules.skipped(ACME) == []
    assert await skipped(acme, new_id) is SkipReason.STILL_UNDER_WAY


async def test_too_little_quota_skips_only_a_schedule_that_may_not_be_capped(acme: World) -> None:
    whole, capped = await active(acme, setting(cap=False)), await active(acme, setting(cap=True))
    await plan(acme, 20)
    assert await skipped_of(acme, whole) == [SkipReason.TOO_FEW_LEFT]
    (firing,) = await history(acme, capped)
    assert firing.run_id is not None
    assert (await acme.desk.run(ACME, firing.run_id)).call_limit == 20


async def skipped_of(world: World, schedule_id: ScheduleId) -> list[SkipReason | None]:
    await move_to(world, await planned(world, schedule_id))
    await tick(world)
    return [one.reason for one in await history(world, schedule_id)]


async def test_since_the_last_firing_leaves_no_day_out(acme: World) -> None:
    new_id = await active(acme, setting(chosen=Range.SINCE_LAST_FIRING, max_calls=5))
    first = await planned(acme, new_id)
    days = []
    for skip in (False, True, False):
        await plan(acme, 0 if skip else 500)
        await move_to(acme, await planned(acme, new_id))
        await tick(acme)
        line = (await history(acme, new_id))[0]
        if line.run_id is not None:
            asked = (await acme.desk.run(ACME, line.run_id)).question
            days.append((asked.first_day, asked.last_day))
            await acme.desk.cancel(ACME, line.run_id, MAYA)
        else:  # somebody does not wait for the next one: that one asks about the same days all the same
            await plan(acme, 500)
            await acme.desk.cancel(ACME, await acme.schedules.run_now(ACME, new_id, MAYA), MAYA)
    yesterday = first.date() - timedelta(days=1)
    assert days == [(yesterday, yesterday), (yesterday + timedelta(days=1), yesterday + timedelta(days=2))]


async def test_run_now_runs_beside_the_cadence(acme: World) -> None:
    draft = await acme.schedules.create(ACME, setting(), MAYA)
    request_id = uuid7()
    run_id = await acme.schedules.run_now(ACME, draft, MAYA, request_id)
    assert await acme.schedules.run_now(ACME, draft, MAYA, request_id) == run_id
    (line,) = await history(acme, draft)
    assert (line.by_hand, line.run_id, line.run_state) == (True, run_id, RunState.RUNNING)
    assert (await acme.desk.run(ACME, run_id)).requested_by == MAYA.id
    with pytest.raises(Conflict, match="under way"):
        await acme.schedules.run_now(ACME, draft, MAYA)
    await acme.desk.cancel(ACME, run_id, MAYA)
    await plan(acme, 0)
    with pytest.raises(OutOfQuota):
        await acme.schedules.run_now(ACME, draft, MAYA)
    assert len(await history(acme, draft)) == 1


async def test_pausing_forgets_what_would_have_fired(acme: World) -> None:
    new_id = await active(acme)
    moment = await planned(acme, new_id)
    await acme.schedules.pause(ACME, new_id, MAYA)
    await move_to(acme, moment + timedelta(days=3))
    assert await tick(acme) == 0
    await acme.schedules.activate(ACME, new_id, 3, MAYA)
    assert await planned(acme, new_id) == moment + timedelta(days=4)
    assert await history(acme, new_id) == []


async def test_an_edit_counts_the_next_firing_anew_but_for_one_that_is_due(acme: World) -> None:
    new_id = await active(acme)
    moment = await planned(acme, new_id)
    later = Timing(Cadence.DAILY, time(23, 30))
    await acme.schedules.edit(ACME, new_id, 2, setting(later), MAYA)
    assert (await planned(acme, new_id)).time() == time(23, 30)
    with pytest.raises(Elsewhere):
        await acme.schedules.edit(ACME, new_id, 2, setting(), MAYA)
    await acme.schedules.edit(ACME, new_id, 3, setting(), MAYA)
    assert await planned(acme, new_id) == moment
    await move_to(acme, moment)
    await acme.schedules.edit(ACME, new_id, 4, setting(later, brief="Who else was asked?"), MAYA)
    assert await planned(acme, new_id) == moment
    await tick(acme)
    (line,) = await history(acme, new_id)
    assert line.run_id is not None
    assert (await acme.desk.run(ACME, line.run_id)).question.brief == "Who else was asked?"
    assert (await planned(acme, new_id)).time() == time(23, 30)


async def test_of_two_admins_who_save_at_once_one_is_told(acme: World) -> None:
    new_id = await active(acme)
    edits = (acme.schedules.edit(ACME, new_id, 2, setting(max_calls=calls), MAYA) for calls in (7, 8, 9))
    outcomes = await asyncio.gather(*edits, return_exceptions=True)
    assert [type(one) for one in outcomes if one is not None] == [Elsewhere, Elsewhere]
    assert (await acme.schedules.schedule(ACME, new_id)).version == 3


async def test_another_timezone_of_the_workspace_moves_what_follows_it(acme: World) -> None:
    following = await active(acme)
    pinned = await active(acme, setting(timezone="Asia/Kolkata"))
    assert (await planned(acme, pinned)).time() == time(3, 30)
    told = acme.event(WorkspaceUpdated(name="Acme", timezone="Asia/Tokyo"), ACME)
    await acme.deliver(told, topic="workspaces")
    assert (await planned(acme, following)).time() == time(0, 0)
    assert await planned(acme, following) > datetime.now(UTC)
    assert (await planned(acme, pinned)).time() == time(3, 30)
    await move_to(acme, await planned(acme, following))
    await tick(acme)
    (line,) = await history(acme, following)
    assert line.run_id is not None
    assert (await acme.desk.run(ACME, line.run_id)).question.timezone == "Asia/Tokyo"


async def test_a_deleted_schedule_is_gone_and_its_runs_stay(acme: World) -> None:
    new_id = await active(acme)
    moment = await planned(acme, new_id)
    await move_to(acme, moment)
    await tick(acme)
    (line,) = await history(acme, new_id)
    await acme.schedules.delete(ACME, new_id, MAYA)
    with pytest.raises(NotFound):
        await acme.schedules.schedule(ACME, new_id)
    with pytest.raises(NotFound):
        await acme.schedules.activate(ACME, new_id, 3, MAYA)
    assert await acme.schedules.listed(ACME) == []
    assert line.run_id is not None
    assert (await acme.desk.run(ACME, line.run_id)).state is RunState.RUNNING
    origin = await acme.schedules.origin(ACME, line.run_id)
    assert origin is not None
    assert origin.id is None
    await move_to(acme, moment + timedelta(days=9))
    assert await tick(acme) == 0


async def test_every_change_of_an_admin_is_audited_without_the_brief(acme: World) -> None:
    new_id = await acme.schedules.create(ACME, setting(), MAYA)
    await acme.schedules.activate(ACME, new_id, 1, MAYA)
    await acme.schedules.activate(ACME, new_id, 2, MAYA)
    await acme.schedules.edit(ACME, new_id, 2, setting(max_calls=7, brief="Another question?"), MAYA)
    await acme.schedules.edit(ACME, new_id, 3, setting(max_calls=7, brief="Another question?"), MAYA)
    await acme.schedules.pause(ACME, new_id, MAYA)
    await acme.schedules.pause(ACME, new_id, MAYA)
    await acme.schedules.delete(ACME, new_id, MAYA)
    events = await acme.sent_of(AdminAction)
    actions = [event.payload for event in events if isinstance(event.payload, AdminAction)]
    kinds = [AdminActionType.Name(action.type).removeprefix("ADMIN_ACTION_TYPE_SCHEDULE_") for action in actions]
    assert kinds == ["CREATED", "EDITED", "EDITED", "EDITED", "DELETED"]
    assert {(action.target_kind, action.target_id) for action in actions} == {("schedule", str(new_id))}
    assert {(event.actor.id, event.actor.source) for event in events} == {(MAYA.id, Source.WEB)}
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    diffs = [{one.field: (one.before, one.after) for one in action.diff} for action in actions]
    assert diffs[0]["status"] == ("", '"draft"')
    assert diffs[0]["cadence"] == ("", '"daily"')
    assert diffs[1] == {"status": ('"draft"', '"active"')}
    assert diffs[2].keys() == {"max_calls", "brief"}
    assert diffs[2]["max_calls"] == ("50", "7")
    assert diffs[3] == {"status": ('"active"', '"paused"')}
    assert diffs[4]["status"] == ('"paused"', "")
    assert "question?" not in str(actions)


async def test_a_change_that_dies_before_its_commit_is_neither_made_nor_told(acme: World) -> None:
    def trap(reached: str) -> None:
        if reached == "analysis.schedule.told":
            raise Crash

    faultpoints.arm(trap)
    try:
        with pytest.raises(Crash):
            await acme.schedules.create(ACME, setting(), MAYA)
    finally:
        faultpoints.arm(None)
    assert await acme.schedules.listed(ACME) == []
    assert await acme.sent() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (setting(brief=" "), "the brief is empty"),
        (setting(model="openai/large"), "does not include the model OpenAI, large"),
        (setting(timezone="Mars/Base"), "not a timezone"),
        (setting(amount_min=5, amount_max=1), "range is reversed"),
        (setting(max_calls=0), "max_calls must be"),
        (setting(Timing(Cadence.MONTHLY, time(9), (), 32)), "from 1 to 31"),
    ],
)
async def test_what_cannot_be_asked_cannot_be_saved(acme: World, wrong: Setting, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        await acme.schedules.create(ACME, wrong, MAYA)
    new_id = await acme.schedules.create(ACME, setting(), MAYA)
    with pytest.raises(InvalidInput, match=words):
        await acme.schedules.edit(ACME, new_id, 1, wrong, MAYA)


async def test_one_workspace_sees_nothing_of_anothers(acme: World) -> None:
    new_id = await active(acme)
    for attempt in (
        acme.schedules.schedule(RIVAL, new_id),
        acme.schedules.history(RIVAL, new_id, None),
        acme.schedules.activate(RIVAL, new_id, 2, MAYA),
        acme.schedules.pause(RIVAL, new_id, MAYA),
        acme.schedules.delete(RIVAL, new_id, MAYA),
        acme.schedules.run_now(RIVAL, new_id, MAYA),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await acme.schedules.listed(RIVAL) == []
    assert await acme.schedules.create(RIVAL, setting(), MAYA, new_id) == new_id
    assert (await acme.schedules.schedule(ACME, new_id)).state is ScheduleState.ACTIVE
