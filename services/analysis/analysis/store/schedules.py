"""Schedules and their execution history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time

from msgspec import Struct

from analysis.domain.request import Question, RunId, as_document, from_document
from analysis.domain.run import RunState
from analysis.domain.schedule import Firing, Outcome, Schedule, ScheduleId, ScheduleState, Setting, SkipReason
from analysis.domain.schedule_ranges import Range
from analysis.domain.schedule_times import Cadence, Timing
from analysis.store.deliveries import delivery_of
from core.ids import WorkspaceId
from database import Row, Tx


class ScheduleClaim(Struct, frozen=True):
    """A schedule that is due. Its fence is worth something only until it is claimed again."""

    workspace_id: WorkspaceId
    id: ScheduleId
    fence: int


class Origin(Struct, frozen=True):
    """The schedule that has made a run; `id` is None when it is deleted by now."""

    id: ScheduleId | None
    title: str
    planned_at: datetime
    by_hand: bool


class Skipped(Struct, frozen=True):
    """An active schedule whose last firing was skipped."""

    id: ScheduleId
    title: str
    planned_at: datetime
    reason: SkipReason


async def hold_timezone(tx: Tx) -> str:
    """The workspace's timezone, which does not change until the transaction ends; UTC while none is known. Comes before `lock`."""
    return str(await tx.fetch_value("workspace_timezone_held") or "UTC")


async def add(tx: Tx, schedule_id: ScheduleId, setting: Setting, created_by: str) -> bool:
    """A draft; False when there is one of that id."""
    return await tx.execute("insert_schedule", id=schedule_id, created_by=created_by, **_columns(setting)) == 1


async def count(tx: Tx) -> int:
    """How many schedules there are, the deleted ones left out."""
    return int(str(await tx.fetch_value("count_schedules")))


async def listed(tx: Tx) -> list[tuple[Schedule, Firing | None]]:
    """All schedules, each with the last line of its history."""
    return [(_schedule(row), _firing(row) if row["outcome"] else None) for row in await tx.fetch("schedules_listed")]


async def schedule(tx: Tx, schedule_id: ScheduleId) -> Schedule | None:
    """One schedule, or None."""
    row = await tx.fetch_one("schedule_by_id", id=schedule_id)
    return _schedule(row) if row else None


async def lock(tx: Tx, schedule_id: ScheduleId) -> Schedule | None:
    """One schedule, locked until the transaction ends; None where there is none."""
    row = await tx.fetch_one("schedule_for_update", id=schedule_id)
    return _schedule(row) if row else None


async def save(tx: Tx, schedule_id: ScheduleId, setting: Setting, next_firing_at: datetime | None) -> None:
    """Another setting for a schedule that is locked."""
    await tx.execute("save_schedule", id=schedule_id, next_firing_at=next_firing_at, **_columns(setting))


async def turn(tx: Tx, schedule_id: ScheduleId, state: ScheduleState, next_firing_at: datetime | None) -> None:
    """Another state for a schedule that is locked; only an active one has a next firing."""
    await tx.execute("turn_schedule", id=schedule_id, state=state.value, next_firing_at=next_firing_at)


async def claim(tx: Tx, now: datetime, limit: int, seconds: float) -> list[ScheduleClaim]:
    """Claim at most `limit` schedules that are due for `seconds`; `tx` is a sweep."""
    return [
        ScheduleClaim(WorkspaceId(row["workspace_id"]), ScheduleId(row["id"]), row["fence"])
        for row in await tx.fetch("claim_schedules", now=now, limit=limit, seconds=seconds)
    ]


async def renew(tx: Tx, claim: ScheduleClaim, seconds: float) -> bool:
    """Keep the claim for another `seconds`; False when it is lost."""
    return await tx.execute("schedule_renew", id=claim.id, fence=claim.fence, seconds=seconds) == 1


async def advance(tx: Tx, schedule_id: ScheduleId, next_firing_at: datetime) -> None:
    """The firing is over; let the next one be claimed when it is due."""
    await tx.execute("advance_schedule", id=schedule_id, next_firing_at=next_firing_at)


async def following(tx: Tx, now: datetime) -> list[Schedule]:
    """The active schedules that follow the workspace's timezone and are not due, locked."""
    return [_schedule(row) for row in await tx.fetch("schedules_following", now=now)]


async def retime(tx: Tx, times: Mapping[ScheduleId, datetime]) -> None:
    """Other next firings for schedules that are locked."""
    await tx.execute("retime_schedules", ids=list(times), times=list(times.values()))


async def last_carried_out(tx: Tx, schedule_id: ScheduleId) -> datetime | None:
    """When the last firing that made a run was planned; None where there was none."""
    value = await tx.fetch_value("last_carried_out", schedule_id=schedule_id)
    return value if isinstance(value, datetime) else None


async def is_under_way(tx: Tx, schedule_id: ScheduleId) -> bool:
    """Whether a run of the schedule has not ended."""
    return bool(await tx.fetch_value("schedule_under_way", schedule_id=schedule_id))


async def record(tx: Tx, schedule_id: ScheduleId, firing: Firing) -> bool:
    """A line of the history; False when that firing has one."""
    inserted = await tx.execute(
        "insert_firing",
        schedule_id=schedule_id,
        planned_at=firing.planned_at,
        outcome=firing.outcome.value,
        reason=firing.reason.value if firing.reason else "",
        firings=firing.count,
        first_planned_at=firing.first_planned_at,
        by_hand=firing.by_hand,
        run_id=firing.run_id,
        fired_at=firing.fired_at,
    )
    return inserted == 1


async def history(tx: Tx, schedule_id: ScheduleId, before: datetime | None, limit: int) -> list[Firing]:
    """At most `limit` lines of the history, the newest first, planned earlier than `before`."""
    rows = await tx.fetch("firings_page", schedule_id=schedule_id, before=before, limit=limit)
    return [_firing(row) for row in rows]


async def origin(tx: Tx, run_id: RunId) -> Origin | None:
    """The schedule that has made a run; None for a run that a person asked for."""
    row = await tx.fetch_one("schedule_of_run", run_id=run_id)
    if row is None:
        return None
    gone = row["state"] == ScheduleState.DELETED.value
    return Origin(None if gone else ScheduleId(row["id"]), _title(row), row["planned_at"], row["by_hand"])


async def skipped(tx: Tx) -> list[Skipped]:
    """Active schedules whose last firing was skipped, the latest first."""
    return [
        Skipped(ScheduleId(row["id"]), _title(row), row["planned_at"], SkipReason(row["reason"]))
        for row in await tx.fetch("schedules_skipped")
    ]


def _columns(setting: Setting) -> dict[str, object]:
    timing = setting.timing
    return {
        "name": setting.name,
        "request": as_document(setting.question),
        "cap": setting.cap,
        "range": setting.range.value,
        "cadence": timing.cadence.value,
        "minute_of_day": 60 * timing.at.hour + timing.at.minute,
        "weekdays": list(timing.weekdays),
        "month_day": timing.month_day,
        "timezone": setting.timezone,
        "delivery": setting.delivery.where.value,
        "channel_id": setting.delivery.channel.id if setting.delivery.channel else None,
        "channel_name": setting.delivery.channel.name if setting.delivery.channel else "",
    }


def _schedule(row: Row) -> Schedule:
    return Schedule(
        id=ScheduleId(row["id"]),
        state=ScheduleState(row["state"]),
        version=row["version"],
        setting=Setting(
            name=row["name"],
            question=_question(row),
            timing=Timing(
                cadence=Cadence(row["cadence"]),
                at=time(*divmod(row["minute_of_day"], 60)),
                weekdays=tuple(row["weekdays"]),
                month_day=row["month_day"],
            ),
            range=Range(row["range"]),
            timezone=row["timezone"],
            cap=row["cap"],
            delivery=delivery_of(row),
        ),
        next_firing_at=row["next_firing_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _question(row: Row) -> Question:
    return from_document(row["request"])


def _title(row: Row) -> str:
    return row["name"] or _question(row).title


def _firing(row: Row) -> Firing:
    return Firing(
        planned_at=row["planned_at"],
        outcome=Outcome(row["outcome"]),
        fired_at=row["fired_at"],
        reason=SkipReason(row["reason"]) if row["reason"] else None,
        count=row["firings"],
        first_planned_at=row["first_planned_at"],
        by_hand=row["by_hand"],
        run_id=RunId(row["run_id"]) if row["run_id"] else None,
        run_state=RunState(row["run_state"]) if row["run_state"] else None,
    )
