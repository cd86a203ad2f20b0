"""Schedules: what admins set, what anybody may run now, and what the tick fires.

A schedule belongs to the workspace, not to who made it: it goes on when that person has left.

Everything that changes a schedule's next firing holds the workspace's timezone first, then locks the schedule; a change of the timezone
locks in the same order. So no next firing is ever counted by a timezone that was given up.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from google.protobuf.message import Message
from msgspec import Struct, field
from msgspec.structs import replace

from analysis import events
from analysis.domain.plan import Plan, Quota, QuotaUsedUp, RunTooLarge
from analysis.domain.request import Question, RunId
from analysis.domain.schedule import (
    FIRED_BY,
    MOST_SCHEDULES,
    Change,
    Firing,
    Outcome,
    Schedule,
    ScheduleId,
    ScheduleState,
    Setting,
    SkipReason,
    changes,
    check_setting,
    most_calls_a_month,
    request_id_of,
)
from analysis.domain.schedule_times import firings_after, next_firing
from analysis.handlers.asking import check_question, queue_run
from analysis.handlers.deliveries import checked as checked_delivery
from analysis.handlers.lifecycle import Lifecycle
from analysis.models.offer import Offer, read_offer
from analysis.store import plans, runs
from analysis.store import schedules as store
from contracts import Actor, ActorKind, Source
from core.errors import Conflict, InvalidInput, NotFound
from core.faultpoints import reach
from core.ids import WorkspaceId, uuid7
from database import Database, Tx
from messaging import Outbox

# Who fires: the service, because of a schedule.
TICK = Actor(ActorKind.SYSTEM, FIRED_BY, "", Source.SCHEDULE)

# Firings on a page of the history, and those that are shown ahead.
PAGE = 25
AHEAD = 5

Tell = Callable[[ScheduleId, Sequence[Change]], Message]


class Elsewhere(Conflict):
    """Somebody else has changed the schedule since it was looked at."""

    title = "Somebody else changed this in the meantime"


class Ahead(Struct, frozen=True):
    """What a schedule would do as it is set now: its next firings, and what a month costs at worst.

    `question` is that of the first firing, `asked_now` that of one at this moment. `problem` says why firings would be skipped.
    """

    zone: ZoneInfo
    firings: list[datetime]
    question: Question
    asked_now: Question
    firings_a_month: int
    calls_a_month: int
    plan: Plan
    quota: Quota
    problem: str = ""


class History(Struct, frozen=True):
    """A page of what became of a schedule's firings; `next` goes on from there, None on the last page."""

    firings: list[Firing]
    next: datetime | None


class Schedules(Struct, frozen=True):
    """The use cases. Every method works in the given workspace and raises NotFound for what is not in it."""

    db: Database
    outbox: Outbox
    lifecycle: Lifecycle
    offer: Offer = field(default_factory=read_offer)

    async def listed(self, workspace_id: WorkspaceId) -> list[tuple[Schedule, Firing | None]]:
        """All schedules, each with the last line of its history; active ones first."""
        async with self.db.workspace(workspace_id) as tx:
            return await store.listed(tx)

    async def skipped(self, workspace_id: WorkspaceId) -> list[store.Skipped]:
        """Active schedules whose last firing came to nothing."""
        async with self.db.workspace(workspace_id) as tx:
            return await store.skipped(tx)

    async def origin(self, workspace_id: WorkspaceId, run_id: RunId) -> store.Origin | None:
        """The schedule that has made a run; None for a run that a person asked for."""
        async with self.db.workspace(workspace_id) as tx:
            return await store.origin(tx, run_id)

    async def schedule(self, workspace_id: WorkspaceId, schedule_id: ScheduleId) -> Schedule:
        """One schedule."""
        async with self.db.workspace(workspace_id) as tx:
            return _found(await store.schedule(tx, schedule_id))

    async def history(self, workspace_id: WorkspaceId, schedule_id: ScheduleId, before: datetime | None) -> History:
        """What became of its firings, the newest first, planned earlier than `before`."""
        async with self.db.workspace(workspace_id) as tx:
            _found(await store.schedule(tx, schedule_id))
            found = await store.history(tx, schedule_id, before, PAGE + 1)
        shown = found[:PAGE]
        return History(shown, shown[-1].planned_at if len(found) > PAGE else None)

    async def ahead(self, workspace_id: WorkspaceId, schedule: Schedule) -> Ahead:
        """What it would do, were it active; `problem` says why its next firing would be skipped as things are."""
        setting, now = schedule.setting, self.lifecycle.clock.now()
        async with self.db.workspace(workspace_id) as tx:
            timezone = await plans.timezone_of(tx)
            plan = await plans.plan_of(tx)
            quota = await plans.quota_of(tx, plan, now)
            last = await store.last_carried_out(tx, schedule.id)
        zone = setting.zone(timezone)
        coming = firings_after(setting.timing, zone, now)
        firings = [next(coming) for _ in range(AHEAD)]
        most = most_calls_a_month(setting, plan, now, timezone)
        question = setting.asked(firings[0], last, timezone)
        model_gone = not self.offer.includes(plan, setting.question.model)
        problem = f"the {plan.title} plan no longer includes its model: choose another one" if model_gone else ""
        asked_now = setting.asked(now, last, timezone)
        return Ahead(zone, firings, question, asked_now, *most, plan, quota, problem)

    async def create(
        self, workspace_id: WorkspaceId, setting: Setting, actor: Actor, schedule_id: uuid.UUID | None = None
    ) -> ScheduleId:
        """A draft. The same `schedule_id` always gives the same schedule. Raises InvalidInput, and Conflict where there are too many."""
        new_id = ScheduleId(schedule_id or uuid7())
        async with self.db.workspace(workspace_id) as tx:
            checked = await self._checked(tx, setting)
            if await store.count(tx) >= MOST_SCHEDULES:
                raise Conflict(f"a workspace has {MOST_SCHEDULES} schedules at most: delete one that is not needed")
            if await store.add(tx, new_id, checked, actor.id):
                told = changes(None, (ScheduleState.DRAFT, checked))
                await self._tell(tx, new_id, 1, events.schedule_created, told, actor)
        return new_id

    async def edit(
        self, workspace_id: WorkspaceId, schedule_id: ScheduleId, version: int, setting: Setting, actor: Actor
    ) -> None:
        """Another setting, in whatever state the schedule is. Raises InvalidInput, and Elsewhere when it is at another version.

        The next firing is counted from now on, but for one that is due already: that takes place, with the new question.
        """
        async with self.db.workspace(workspace_id) as tx:
            timezone = await store.hold_timezone(tx)
            known = await self._locked(tx, schedule_id, version)
            checked = await self._checked(tx, setting)
            told = changes((known.state, known.setting), (known.state, checked))
            if not told:
                return
            now, following = self.lifecycle.clock.now(), known.next_firing_at
            if following is not None and following > now:
                following = next_firing(checked.timing, checked.zone(timezone), now)
            await store.save(tx, schedule_id, checked, following)
            await self._tell(tx, schedule_id, known.version + 1, events.schedule_edited, told, actor)

    async def activate(self, workspace_id: WorkspaceId, schedule_id: ScheduleId, version: int, actor: Actor) -> None:
        """Let it fire from now on; what was not fired while it was paused is not made up for.

        Raises Elsewhere when it is not what was reviewed, and InvalidInput when its question can no longer be asked.
        """
        async with self.db.workspace(workspace_id) as tx:
            timezone = await store.hold_timezone(tx)
            known = await self._locked(tx, schedule_id, version)
            if known.state is ScheduleState.ACTIVE:
                return
            await self._checked(tx, known.setting)
            zone = known.setting.zone(timezone)
            following = next_firing(known.setting.timing, zone, self.lifecycle.clock.now())
            await self._turn(tx, known, ScheduleState.ACTIVE, following, actor)

    async def pause(self, workspace_id: WorkspaceId, schedule_id: ScheduleId, actor: Actor) -> None:
        """Let it fire no more until it is activated again. Raises Conflict for a draft."""
        async with self.db.workspace(workspace_id) as tx:
            known = await self._locked(tx, schedule_id)
            if known.state is ScheduleState.DRAFT:
                raise Conflict("the schedule is a draft, which does not fire")
            if known.state is ScheduleState.ACTIVE:
                await self._turn(tx, known, ScheduleState.PAUSED, None, actor)

    async def delete(
        self, workspace_id: WorkspaceId, schedule_id: ScheduleId, actor: Actor, version: int | None = None
    ) -> None:
        """It is gone for everybody; its runs and reports stay, and a run under way goes on.

        Raises Elsewhere where it is at another version than `version`.
        """
        async with self.db.workspace(workspace_id) as tx:
            known = await self._locked(tx, schedule_id, version)
            await store.turn(tx, schedule_id, ScheduleState.DELETED, None)
            told = changes((known.state, known.setting), None)
            await self._tell(tx, schedule_id, known.version + 1, events.schedule_deleted, told, actor)

    async def run_now(
        self, workspace_id: WorkspaceId, schedule_id: ScheduleId, actor: Actor, request_id: uuid.UUID | None = None
    ) -> RunId:
        """A run beside those of the cadence, in whatever state the schedule is; the next firing stays as it is.

        The same `request_id` always gives the same run. Raises what asking the question by hand raises, and Conflict while a run of the
        schedule is under way.
        """
        request_id = request_id or uuid7()
        async with self.db.workspace(workspace_id) as tx:
            timezone = await store.hold_timezone(tx)
            known = await self._locked(tx, schedule_id)
            earlier = await runs.run_of_request(tx, request_id)
            if earlier is not None:
                return earlier
            if await store.is_under_way(tx, schedule_id):
                raise Conflict("a run of this schedule is under way: wait for its end, or cancel it")
            now = self.lifecycle.clock.now()
            question = known.setting.asked(now, await store.last_carried_out(tx, schedule_id), timezone)
            run_id = await queue_run(
                tx, self.lifecycle, self.offer, question, actor, request_id, capped=known.setting.cap
            )
            firing = Firing(now, Outcome.STARTED, now, by_hand=True, run_id=run_id)
            if not await store.record(tx, schedule_id, firing):
                raise Conflict("the schedule fires at this very moment: look at its history")
        return run_id

    async def fire(self, tx: Tx, claim: store.ScheduleClaim) -> Firing | None:
        """Let a schedule fire that is due: its run, the lines of its history and its next firing, all in the caller's transaction.

        None when it is not due any more, whoever has seen to it.
        """
        timezone = await store.hold_timezone(tx)
        known = await store.lock(tx, claim.id)
        now = self.lifecycle.clock.now()
        if known is None or known.next_firing_at is None or known.next_firing_at > now:
            return None
        due = known.setting.due(known.next_firing_at, now, timezone)
        if due.missed is not None:
            missed = due.missed
            line = Firing(missed.last, Outcome.MISSED, now, count=missed.count, first_planned_at=missed.first)
            await store.record(tx, known.id, line)
            reach("analysis.schedule.missed")
        firing = await self._fired(tx, known, due.planned_at, now, timezone)
        reach("analysis.schedule.fired")
        await store.record(tx, known.id, firing)
        reach("analysis.schedule.recorded")
        await store.advance(tx, known.id, due.next_at)
        reach("analysis.schedule.advanced")
        return firing

    async def _fired(self, tx: Tx, known: Schedule, planned_at: datetime, now: datetime, timezone: str) -> Firing:
        """The firing's run, or why it has none."""
        skipped = Firing(planned_at, Outcome.SKIPPED, now)
        if await store.is_under_way(tx, known.id):
            return replace(skipped, reason=SkipReason.STILL_UNDER_WAY)
        if not (await plans.integration(tx, "gong")).connected:
            return replace(skipped, reason=SkipReason.GONG_NOT_CONNECTED)
        if not self.offer.includes(await plans.plan_of(tx), known.setting.question.model):
            return replace(skipped, reason=SkipReason.MODEL_NOT_IN_PLAN)
        question = known.setting.asked(planned_at, await store.last_carried_out(tx, known.id), timezone)
        request_id = request_id_of(known.id, planned_at)
        try:
            run_id = await queue_run(
                tx, self.lifecycle, self.offer, question, TICK, request_id, capped=known.setting.cap
            )
        except QuotaUsedUp:
            return replace(skipped, reason=SkipReason.NO_QUOTA)
        except RunTooLarge:
            return replace(skipped, reason=SkipReason.TOO_FEW_LEFT)
        except InvalidInput:
            return replace(skipped, reason=SkipReason.NOT_ASKABLE)
        return Firing(planned_at, Outcome.STARTED, now, run_id=run_id)

    async def _checked(self, tx: Tx, setting: Setting) -> Setting:
        """The setting, with the question as it would be asked now. Raises InvalidInput."""
        check_setting(setting)
        asked = setting.asked(self.lifecycle.clock.now(), None, await plans.timezone_of(tx))
        await check_question(tx, self.lifecycle, self.offer, asked)
        return replace(setting, question=asked, delivery=await checked_delivery(tx, setting.delivery))

    async def _locked(self, tx: Tx, schedule_id: ScheduleId, version: int | None = None) -> Schedule:
        known = _found(await store.lock(tx, schedule_id))
        if version is not None and known.version != version:
            raise Elsewhere("The schedule is another one by now. Look at it, and do it again if you still want to.")
        return known

    async def _turn(
        self, tx: Tx, known: Schedule, state: ScheduleState, next_firing_at: datetime | None, actor: Actor
    ) -> None:
        await store.turn(tx, known.id, state, next_firing_at)
        told = changes((known.state, known.setting), (state, known.setting))
        await self._tell(tx, known.id, known.version + 1, events.schedule_edited, told, actor)

    async def _tell(
        self, tx: Tx, schedule_id: ScheduleId, version: int, tell: Tell, told: Sequence[Change], actor: Actor
    ) -> None:
        action = tell(schedule_id, told)
        await self.outbox.add(tx, action, aggregate_id=str(schedule_id), sequence=version, actor=actor)
        reach("analysis.schedule.told")


async def retime(tx: Tx, timezone: str, now: datetime) -> None:
    """The workspace has another timezone: schedules that follow it fire at the same time of day there, from their next firing on.

    One that is due already takes place, as it was due by the timezone before.
    """
    times = {
        one.id: next_firing(one.setting.timing, one.setting.zone(timezone), now)
        for one in await store.following(tx, now)
    }
    if times:
        await store.retime(tx, times)


def _found(known: Schedule | None) -> Schedule:
    if known is None:
        raise NotFound("there is no such schedule in this workspace")
    return known
