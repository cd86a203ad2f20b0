"""`/settings/delivery` and `/api/v1/delivery`: where finished reports are posted. Admins only.

Notices are dismissed by whom they are for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from analysis.domain.deliveries import Covers, DeliveryId, DeliverySettings, Posting, reason_words
from analysis.domain.notices import Told
from analysis.domain.request import RunId
from analysis.handlers.deliveries import Deliveries
from analysis.http.frame import Frame
from analysis.http.paths import id_in_path
from analysis.http.runs import SEE_OTHER
from analysis.store.channels import ChannelList
from core.errors import CallmineError, Conflict, InvalidInput
from web import Scope, Session, admin, member, needs
from web.routes import new_router

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]

PAGE = "/settings/delivery"
ACCEPTED = 202

_LONGEST_ID = 200

# What the page says once something is done.
DONE = {"saved": "Saved", "asked": "Slack is being asked for its channels", "repeated": "It is being posted"}


class DeliveryForm(BaseModel):
    """The choice from a browser. `other_channel`: the id of one that is not in the list."""

    model_config = ConfigDict(extra="forbid")

    post: bool = False
    channel: str = Field(default="", max_length=_LONGEST_ID)
    other_channel: str = Field(default="", max_length=_LONGEST_ID)
    covers: Covers = Covers.ALL
    version: int = 0


class DeliveryChange(BaseModel):
    """The choice from a program: `channel` is a channel's id, null for none; `version` is that which was read."""

    model_config = ConfigDict(extra="forbid")

    channel: str | None = Field(default=None, max_length=_LONGEST_ID)
    covers: Covers = Covers.ALL
    version: int


class DeliveryRoutes:
    """The pages."""

    def __init__(self, deliveries: Deliveries, frame: Frame) -> None:
        self._deliveries = deliveries
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(include_in_schema=False)
        router.add_api_route(PAGE, self.page, methods=["GET"])
        router.add_api_route(PAGE, self.save, methods=["POST"])
        router.add_api_route(f"{PAGE}/channels", self.channels, methods=["GET"])
        router.add_api_route(f"{PAGE}/channels", self.ask, methods=["POST"])
        router.add_api_route("/deliveries/{delivery_id}/repeat", self.repeat, methods=["POST"])
        router.add_api_route("/notices/{notice_id}/dismiss", self.dismiss, methods=["POST"])
        return router

    async def page(self, request: Request, session: Admin, done: str = "") -> Response:
        """The settings, the channels to choose from and the latest deliveries."""
        return await self._page(request, session, done=DONE.get(done, ""))

    async def save(self, request: Request, session: Admin, sent: Annotated[DeliveryForm, Form()]) -> Response:
        """Choose."""
        channel = sent.other_channel.strip() or sent.channel.strip() if sent.post else ""
        try:
            if sent.post and not channel:
                raise InvalidInput("choose the channel that reports are posted to, or not to post them")
            await self._deliveries.choose(session.workspace_id, channel, sent.covers, sent.version, session.actor)
        except (InvalidInput, Conflict) as error:
            return await self._page(request, session, sent=sent, error=error)
        return RedirectResponse(f"{PAGE}?done=saved", SEE_OTHER)

    async def channels(self, request: Request, session: Admin) -> Response:
        """The channels to choose from, as long as they are being read; for htmx."""
        chosen = await self._deliveries.chosen(session.workspace_id)
        return await self._frame.part(
            request,
            "delivery_channels.html",
            session,
            delivery=chosen,
            question=_form(chosen.settings),
            reason_words=reason_words,
        )

    async def ask(self, request: Request, session: Admin) -> Response:
        """Have Slack's channels read anew."""
        try:
            await self._deliveries.ask_for_channels(session.workspace_id)
        except Conflict as error:
            return await self._page(request, session, error=error)
        return RedirectResponse(f"{PAGE}?done=asked", SEE_OTHER)

    async def repeat(self, request: Request, session: Admin, delivery_id: str) -> Response:
        """Have a delivery posted (again) that is not known to be there."""
        found = DeliveryId(id_in_path(delivery_id, "delivery"))
        try:
            known = await self._deliveries.repeat(session.workspace_id, found)
        except Conflict as error:
            return await self._page(request, session, error=error)
        if known.report_id is not None:
            return RedirectResponse(f"/reports/{known.report_id}#delivery", SEE_OTHER)
        return RedirectResponse(f"{PAGE}?done=repeated", SEE_OTHER)

    async def dismiss(self, request: Request, session: Member, notice_id: str) -> Response:
        """A notice was read: it is gone. Without JavaScript, on to the dashboard."""
        found = id_in_path(notice_id, "notice")
        await self._deliveries.dismiss(session.workspace_id, found, session.user_id, is_admin=session.is_admin)
        if request.headers.get("hx-request") == "true":
            return Response("")
        return RedirectResponse("/dashboard", SEE_OTHER)

    async def _page(
        self,
        request: Request,
        session: Session,
        *,
        sent: DeliveryForm | None = None,
        done: str = "",
        error: CallmineError | None = None,
    ) -> Response:
        chosen = await self._deliveries.chosen(session.workspace_id)
        return await self._frame.page(
            request,
            "delivery.html",
            session,
            status_code=error.status if error else 200,
            delivery=chosen,
            question=sent or _form(chosen.settings),
            reason_words=reason_words,
            done=done,
            error=error,
        )


class DeliveryApi:
    """The JSON API: the same use cases."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router(prefix="/api/v1")
        reads, writes = [needs(Scope.SETTINGS_READ)], [needs(Scope.SETTINGS_WRITE)]
        runs_read, runs_write = [needs(Scope.RUNS_READ)], [needs(Scope.RUNS_WRITE)]
        add = router.add_api_route
        add("/delivery", self.settings, methods=["GET"], dependencies=reads)
        add("/delivery", self.choose, methods=["PUT"], dependencies=writes)
        add("/delivery/notices", self.notices, methods=["GET"], dependencies=reads)
        add("/delivery/channels", self.channels, methods=["GET"], dependencies=reads)
        add("/delivery/channels", self.ask, methods=["POST"], status_code=ACCEPTED, dependencies=writes)
        repeat = "/deliveries/{delivery_id}/repeat"
        add(repeat, self.repeat, methods=["POST"], status_code=ACCEPTED, dependencies=runs_write)
        add("/runs/{run_id}/deliveries", self.of_run, methods=["GET"], dependencies=runs_read)
        return router

    async def settings(self, session: Admin) -> JSONResponse:
        """Where finished reports are posted."""
        return JSONResponse(_settings(await self._deliveries.settings(session.workspace_id)))

    async def choose(self, session: Admin, sent: DeliveryChange) -> JSONResponse:
        """Choose; audited."""
        chosen = await self._deliveries.choose(
            session.workspace_id, sent.channel or "", sent.covers, sent.version, session.actor
        )
        return JSONResponse(_settings(chosen))

    async def notices(self, session: Admin) -> JSONResponse:
        """What became of the notices that a sub-processor is going to be added, which go to who connected Slack."""
        found = await self._deliveries.announcements(session.workspace_id)
        return JSONResponse({"notices": [_told(one) for one in found]})

    async def channels(self, session: Admin) -> JSONResponse:
        """The channels to choose from, as they were read last."""
        return JSONResponse(_channels(await self._deliveries.channels(session.workspace_id)))

    async def ask(self, session: Admin) -> JSONResponse:
        """Have them read anew; `GET` shows when that is done."""
        await self._deliveries.ask_for_channels(session.workspace_id)
        return JSONResponse(_channels(await self._deliveries.channels(session.workspace_id)), ACCEPTED)

    async def repeat(self, session: Admin, delivery_id: str) -> JSONResponse:
        """Have a delivery posted (again) that is not known to be in its channel."""
        known = await self._deliveries.repeat(session.workspace_id, DeliveryId(id_in_path(delivery_id, "delivery")))
        found = await self._deliveries.of_run(session.workspace_id, known.run_id)
        return JSONResponse({"deliveries": [_posting(one) for one in found]}, ACCEPTED)

    async def of_run(self, session: Member, run_id: str) -> JSONResponse:
        """What became of a run's deliveries, the newest first."""
        found = await self._deliveries.of_run(session.workspace_id, RunId(id_in_path(run_id, "run")))
        return JSONResponse({"deliveries": [_posting(one) for one in found]})


def _form(settings: DeliverySettings) -> DeliveryForm:
    channel = settings.channel
    return DeliveryForm(
        post=channel is not None,
        channel=channel.id if channel else "",
        covers=settings.covers,
        version=settings.version,
    )


def _settings(settings: DeliverySettings) -> dict[str, object]:
    channel = settings.channel
    return {
        "channel": channel.id if channel else None,
        "channel_name": (channel.name or None) if channel else None,
        "covers": settings.covers.value,
        "version": settings.version,
    }


def _channels(found: ChannelList) -> dict[str, object]:
    return {
        "channels": [{"id": one.id, "name": one.name, "joined": one.joined} for one in found.channels],
        "under_way": found.under_way,
        "reason": found.reason or None,
        "truncated": found.truncated,
        "listed_at": _time(found.listed_at),
    }


def _posting(one: Posting) -> dict[str, object]:
    return {
        "delivery_id": str(one.id),
        "kind": one.kind.value,
        "report_id": str(one.report_id) if one.report_id else None,
        "channel": one.channel.id,
        "channel_name": one.channel.name or None,
        "state": one.state.value,
        "reason": one.reason or None,
        "created_at": _time(one.created_at),
        "ended_at": _time(one.ended_at),
    }


def _told(one: Told) -> dict[str, object]:
    return {
        "company": one.company,
        "in_effect_from": one.in_effect_from.isoformat(),
        "state": one.state.value,
        "reason": one.reason or None,
        "created_at": _time(one.created_at),
        "ended_at": _time(one.ended_at),
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
