"""The JSON API of schedules, `/api/v1/schedules`: the same use cases as the pages."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from analysis.domain.request import as_document
from analysis.domain.schedule import Firing, Schedule, ScheduleId
from analysis.domain.schedule_times import WEEKDAYS
from analysis.handlers.desk import Desk
from analysis.handlers.schedules import Schedules
from analysis.http.paths import id_in_path
from analysis.http.schedule_inputs import ScheduleChange, ScheduleInput, Seen, setting_of
from analysis.http.views import FiringsView, RunStarted, SchedulesView, ScheduleView
from web import Scope, Session, admin, check_match, idempotent, member, needs
from web.routes import new_router

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]
RequestId = Annotated[uuid.UUID | None, Depends(idempotent)]

CREATED, ACCEPTED, NO_CONTENT = 201, 202, 204

READS, WRITES = [needs(Scope.SCHEDULES_READ)], [needs(Scope.SCHEDULES_WRITE)]

# The days of a stored question stand for nothing.
_NOT_SHOWN = {"first_day", "last_day", "timezone"}


class RunNow(BaseModel):
    """The same `request_id` always gives the same run."""

    model_config = ConfigDict(extra="forbid")

    request_id: uuid.UUID | None = None


class ScheduleApi:
    """The routes of the API."""

    def __init__(self, desk: Desk, schedules: Schedules) -> None:
        self._desk = desk
        self._schedules = schedules

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(prefix="/api/v1/schedules")
        one = "/{schedule_id}"
        router.add_api_route("", self.listed, response_model=SchedulesView, methods=["GET"], dependencies=READS)
        router.add_api_route(
            "",
            self.create,
            response_model=ScheduleView,
            methods=["POST"],
            status_code=CREATED,
            dependencies=WRITES,
        )
        router.add_api_route(one, self.schedule, response_model=ScheduleView, methods=["GET"], dependencies=READS)
        router.add_api_route(one, self.edit, response_model=ScheduleView, methods=["PUT"], dependencies=WRITES)
        router.add_api_route(one, self.delete, methods=["DELETE"], status_code=NO_CONTENT, dependencies=WRITES)
        router.add_api_route(
            f"{one}/activate",
            self.activate,
            response_model=ScheduleView,
            methods=["POST"],
            dependencies=WRITES,
        )
        router.add_api_route(
            f"{one}/pause",
            self.pause,
            response_model=ScheduleView,
            methods=["POST"],
            dependencies=WRITES,
        )
        router.add_api_route(
            f"{one}/run",
            self.run_now,
            response_model=RunStarted,
            methods=["POST"],
            status_code=ACCEPTED,
            dependencies=[needs(Scope.RUNS_WRITE, costly=True)],
        )
        router.add_api_route(
            f"{one}/firings",
            self.firings,
            response_model=FiringsView,
            methods=["GET"],
            dependencies=READS,
        )
        return router

    async def listed(self, session: Member) -> JSONResponse:
        """All schedules, each with what became of its last firing."""
        found = await self._schedules.listed(session.workspace_id)
        listed = [{**_schedule(one), "last_firing": _firing(last) if last else None} for one, last in found]
        return JSONResponse({"schedules": listed})

    async def create(self, session: Admin, sent: ScheduleInput, once: RequestId) -> JSONResponse:
        """Draft a schedule. The same `request_id` always gives the same one."""
        setting = setting_of(sent, await self._desk.situation(session.workspace_id))
        new_id = await self._schedules.create(session.workspace_id, setting, session.actor, sent.request_id or once)
        answer = await self._answer(session, new_id)
        return JSONResponse(answer, CREATED, {"location": f"/api/v1/schedules/{new_id}"})

    async def schedule(self, session: Member, schedule_id: str) -> JSONResponse:
        """One schedule, with its next firings were it active, and what a month of it uses at worst."""
        return JSONResponse(await self._answer(session, _id(schedule_id)))

    async def edit(self, request: Request, session: Admin, schedule_id: str, sent: ScheduleChange) -> JSONResponse:
        """Replace everything that can be set; what is left out goes back to its default."""
        found = _id(schedule_id)
        check_match(request, await self._answer(session, found))
        setting = setting_of(sent, await self._desk.situation(session.workspace_id))
        await self._schedules.edit(session.workspace_id, found, sent.version, setting, session.actor)
        return JSONResponse(await self._answer(session, found))

    async def delete(self, request: Request, session: Admin, schedule_id: str) -> Response:
        """It is gone; its runs and reports stay."""
        found, version = _id(schedule_id), None
        if "if-match" in request.headers:
            seen = await self._answer(session, found)
            check_match(request, seen)
            version = int(str(seen["version"]))
        await self._schedules.delete(session.workspace_id, found, session.actor, version)
        return Response(status_code=NO_CONTENT)

    async def activate(self, session: Admin, schedule_id: str, sent: Seen) -> JSONResponse:
        """Let it fire, as it was at the version that was read."""
        found = _id(schedule_id)
        await self._schedules.activate(session.workspace_id, found, sent.version, session.actor)
        return JSONResponse(await self._answer(session, found))

    async def pause(self, session: Admin, schedule_id: str) -> JSONResponse:
        """Let it fire no more."""
        found = _id(schedule_id)
        await self._schedules.pause(session.workspace_id, found, session.actor)
        return JSONResponse(await self._answer(session, found))

    async def run_now(
        self, session: Member, schedule_id: str, once: RequestId, sent: RunNow | None = None
    ) -> JSONResponse:
        """Start a run of it beside those of its cadence."""
        request_id = (sent.request_id if sent else None) or once
        run_id = await self._schedules.run_now(session.workspace_id, _id(schedule_id), session.actor, request_id)
        return JSONResponse({"run_id": str(run_id)}, ACCEPTED, {"location": f"/api/v1/runs/{run_id}"})

    async def firings(
        self, session: Member, schedule_id: str, before: Annotated[AwareDatetime | None, Query()] = None
    ) -> JSONResponse:
        """A page of its history, newest first; `next` goes into `before` for the page after."""
        history = await self._schedules.history(session.workspace_id, _id(schedule_id), before)
        return JSONResponse({"firings": [_firing(one) for one in history.firings], "next": _time(history.next)})

    async def _answer(self, session: Session, schedule_id: ScheduleId) -> dict[str, object]:
        found = await self._schedules.schedule(session.workspace_id, schedule_id)
        ahead = await self._schedules.ahead(session.workspace_id, found)
        return {
            **_schedule(found),
            "ahead": {
                "timezone": ahead.zone.key,
                "firings": [_time(firing) for firing in ahead.firings],
                "first_day": ahead.question.first_day.isoformat(),
                "last_day": ahead.question.last_day.isoformat(),
                "most_firings_a_month": ahead.firings_a_month,
                "most_calls_a_month": ahead.calls_a_month,
            },
        }


def _schedule(schedule: Schedule) -> dict[str, object]:
    setting, timing = schedule.setting, schedule.setting.timing
    asked = {name: value for name, value in as_document(setting.question).items() if name not in _NOT_SHOWN}
    return {
        "schedule_id": str(schedule.id),
        "state": schedule.state.value,
        "version": schedule.version,
        "name": setting.name,
        "cadence": timing.cadence.value,
        "time": f"{timing.at:%H:%M}",
        "weekdays": [WEEKDAYS[day] for day in timing.weekdays],
        "month_day": timing.month_day,
        "timezone": setting.timezone,
        "range": setting.range.value,
        "cap": setting.cap,
        "delivery": setting.delivery.where.value,
        "channel": setting.delivery.channel.id if setting.delivery.channel else None,
        "question": asked,
        "next_firing_at": _time(schedule.next_firing_at),
        "created_by": schedule.created_by,
        "created_at": _time(schedule.created_at),
        "updated_at": _time(schedule.updated_at),
    }


def _firing(firing: Firing) -> dict[str, object]:
    return {
        "planned_at": _time(firing.planned_at),
        "fired_at": _time(firing.fired_at),
        "outcome": firing.outcome.value,
        "reason": firing.reason.value if firing.reason else None,
        "firings": firing.count,
        "first_planned_at": _time(firing.first_planned_at),
        "late": firing.is_late,
        "by_hand": firing.by_hand,
        "run_id": str(firing.run_id) if firing.run_id else None,
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _id(text: str) -> ScheduleId:
    return ScheduleId(id_in_path(text, "schedule"))
