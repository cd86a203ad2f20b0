"""Pages of schedules. Everybody in the workspace reads them and may run one now; admins change them."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from analysis.domain.schedule import Schedule, ScheduleId
from analysis.domain.schedule_times import WEEKDAYS
from analysis.handlers.deliveries import Deliveries
from analysis.handlers.desk import Desk
from analysis.handlers.schedules import Schedules
from analysis.http.frame import Frame
from analysis.http.paths import id_in_path
from analysis.http.runs import DIRECTION_NAMES, SEE_OTHER
from analysis.http.schedule_inputs import ScheduleForm, form_of, setting_of
from analysis.http.schedule_words import DAY_NAMES, RANGES, SKIPPED, cadence_words, calendar_note, range_words
from core.errors import CallmineError, Conflict, InvalidInput, OutOfQuota
from core.ids import uuid7
from web import Session, admin, member
from web.routes import new_router

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]
Sent = Annotated[ScheduleForm, Form()]
Version = Annotated[int, Form()]
RequestId = Annotated[uuid.UUID | None, Form()]

# What the page says once a change is made.
DONE = {
    "saved": "The schedule is saved",
    "activated": "The schedule is active",
    "paused": "The schedule is paused",
    "deleted": "The schedule is deleted",
}

Change = Callable[[ScheduleId], Awaitable[str]]


class ScheduleRoutes:
    """The routes of this page family."""

    def __init__(self, desk: Desk, schedules: Schedules, deliveries: Deliveries, frame: Frame) -> None:
        self._desk = desk
        self._schedules = schedules
        self._deliveries = deliveries
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(include_in_schema=False)
        router.add_api_route("/schedules", self.listed, methods=["GET"])
        router.add_api_route("/schedules", self.create, methods=["POST"])
        router.add_api_route("/schedules/new", self.new, methods=["GET"])
        router.add_api_route("/schedules/{schedule_id}", self.schedule, methods=["GET"])
        router.add_api_route("/schedules/{schedule_id}", self.save, methods=["POST"])
        router.add_api_route("/schedules/{schedule_id}/edit", self.edit, methods=["GET"])
        router.add_api_route("/schedules/{schedule_id}/review", self.review, methods=["GET"])
        router.add_api_route("/schedules/{schedule_id}/activate", self.activate, methods=["POST"])
        router.add_api_route("/schedules/{schedule_id}/pause", self.pause, methods=["POST"])
        router.add_api_route("/schedules/{schedule_id}/run", self.run_now, methods=["POST"])
        router.add_api_route("/schedules/{schedule_id}/delete", self.delete, methods=["POST"])
        return router

    async def listed(self, request: Request, session: Member, done: str = "") -> Response:
        """All schedules, each with its next firing and what became of the last one."""
        found = await self._schedules.listed(session.workspace_id)
        return await self._page(request, "schedules.html", session, listed=found, done=DONE.get(done, ""))

    async def new(self, request: Request, session: Admin) -> Response:
        """The form for a new schedule."""
        situation = await self._desk.situation(session.workspace_id)
        sent = ScheduleForm(model=next(iter(situation.plan.models), ""), max_calls=50, cap=True)
        return await self._form(request, session, sent, None)

    async def create(self, request: Request, session: Admin, sent: Sent) -> Response:
        """Draft a schedule and go on to its review."""
        situation = await self._desk.situation(session.workspace_id)
        try:
            setting = setting_of(sent, situation)
            new_id = await self._schedules.create(session.workspace_id, setting, session.actor, sent.request_id)
        except (InvalidInput, Conflict) as error:
            return await self._form(request, session, sent, None, error)
        return RedirectResponse(f"/schedules/{new_id}/review", SEE_OTHER)

    async def schedule(
        self,
        request: Request,
        session: Member,
        schedule_id: str,
        before: Annotated[datetime | None, Query()] = None,
        done: str = "",
    ) -> Response:
        """A schedule with its history."""
        found = await self._schedules.schedule(session.workspace_id, _id(schedule_id))
        return await self._one(request, session, found, before=before, done=DONE.get(done, ""))

    async def edit(self, request: Request, session: Admin, schedule_id: str) -> Response:
        """The form that changes a schedule."""
        found = await self._schedules.schedule(session.workspace_id, _id(schedule_id))
        return await self._form(request, session, form_of(found.setting, found.version), found)

    async def save(self, request: Request, session: Admin, schedule_id: str, sent: Sent) -> Response:
        """Change a schedule; a draft goes on to its review."""
        found = await self._schedules.schedule(session.workspace_id, _id(schedule_id))
        situation = await self._desk.situation(session.workspace_id)
        try:
            setting = setting_of(sent, situation)
            await self._schedules.edit(session.workspace_id, found.id, sent.version, setting, session.actor)
        except (InvalidInput, Conflict) as error:
            return await self._form(request, session, sent, found, error)
        where = "/review" if found.state.value == "draft" else "?done=saved"
        return RedirectResponse(f"/schedules/{found.id}{where}", SEE_OTHER)

    async def review(self, request: Request, session: Admin, schedule_id: str) -> Response:
        """What the schedule would do, before it is activated."""
        return await self._review(request, session, _id(schedule_id))

    async def activate(self, request: Request, session: Admin, schedule_id: str, version: Version) -> Response:
        """Let it fire, as it was reviewed."""
        found = _id(schedule_id)
        try:
            await self._schedules.activate(session.workspace_id, found, version, session.actor)
        except (InvalidInput, Conflict) as error:
            return await self._review(request, session, found, error)
        return RedirectResponse(f"/schedules/{found}?done=activated", SEE_OTHER)

    async def pause(self, request: Request, session: Admin, schedule_id: str) -> Response:
        """Let it fire no more."""

        async def change(found: ScheduleId) -> str:
            await self._schedules.pause(session.workspace_id, found, session.actor)
            return f"/schedules/{found}?done=paused"

        return await self._after(request, session, schedule_id, change)

    async def run_now(
        self, request: Request, session: Member, schedule_id: str, request_id: RequestId = None
    ) -> Response:
        """Start a run of it now and go to its page."""

        async def change(found: ScheduleId) -> str:
            run_id = await self._schedules.run_now(session.workspace_id, found, session.actor, request_id)
            return f"/runs/{run_id}"

        return await self._after(request, session, schedule_id, change)

    async def delete(self, request: Request, session: Admin, schedule_id: str) -> Response:
        """It is gone."""

        async def change(found: ScheduleId) -> str:
            await self._schedules.delete(session.workspace_id, found, session.actor)
            return "/schedules?done=deleted"

        return await self._after(request, session, schedule_id, change)

    async def _after(self, request: Request, session: Session, schedule_id: str, change: Change) -> Response:
        """Make the change and go on; or the schedule's page with what is wrong."""
        found = _id(schedule_id)
        try:
            return RedirectResponse(await change(found), SEE_OTHER)
        except (InvalidInput, Conflict, OutOfQuota) as error:
            known = await self._schedules.schedule(session.workspace_id, found)
            return await self._one(request, session, known, error=error)

    async def _one(
        self,
        request: Request,
        session: Session,
        found: Schedule,
        *,
        before: datetime | None = None,
        done: str = "",
        error: CallmineError | None = None,
    ) -> Response:
        moment = before if before is None or before.tzinfo is not None else None
        return await self._page(
            request,
            "schedule.html",
            session,
            error,
            schedule=found,
            ahead=await self._schedules.ahead(session.workspace_id, found),
            history=await self._schedules.history(session.workspace_id, found.id, moment),
            first=moment is None,
            done=done,
            request_id=str(uuid7()),
        )

    async def _review(
        self, request: Request, session: Session, schedule_id: ScheduleId, error: CallmineError | None = None
    ) -> Response:
        found = await self._schedules.schedule(session.workspace_id, schedule_id)
        ahead = await self._schedules.ahead(session.workspace_id, found)
        return await self._page(request, "schedule_review.html", session, error, schedule=found, ahead=ahead)

    async def _form(
        self,
        request: Request,
        session: Session,
        sent: ScheduleForm,
        schedule: Schedule | None,
        error: CallmineError | None = None,
    ) -> Response:
        """The form, with what was filled in and what is wrong with it."""
        return await self._page(
            request,
            "schedule_form.html",
            session,
            error,
            question=sent,
            schedule=schedule,
            situation=await self._desk.situation(session.workspace_id),
            delivery=await self._deliveries.chosen(session.workspace_id),
            directions=DIRECTION_NAMES,
            request_id=str(sent.request_id or uuid7()),
        )

    async def _page(
        self, request: Request, template: str, session: Session, error: CallmineError | None = None, **values: object
    ) -> Response:
        values |= {
            "error": error,
            "model_names": self._desk.offer.titles,
            "cadence_words": cadence_words,
            "calendar_note": calendar_note,
            "range_words": range_words,
            "skipped_words": SKIPPED,
            "ranges": RANGES,
            "weekdays": tuple(zip(WEEKDAYS, DAY_NAMES, strict=True)),
        }
        status = error.status if error else 200
        return await self._frame.page(request, template, session, status_code=status, **values)


def _id(text: str) -> ScheduleId:
    return ScheduleId(id_in_path(text, "schedule"))
