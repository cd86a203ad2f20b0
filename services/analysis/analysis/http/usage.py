"""What is used of the plan and of bought calls: a page, a part for retention's page of payments, and the API.

Usage is kept here and shown from here, so that it is right at the moment it is shown: retention, which owns the plan, has no copy of it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from analysis.handlers.desk import Desk, Situation
from analysis.http.frame import Frame
from web import Scope, Session, member, needs
from web.routes import new_router

Member = Annotated[Session, Depends(member)]


class UsageView(BaseModel):
    """Analysed calls. `used` are those that the month's plan has paid for; `addon_calls` are bought ones that are left."""

    plan: str
    monthly_calls: int
    used: int
    left: int
    addon_calls: int
    promised: int
    month_begins_at: str | None
    month_ends_at: str | None


class UsageRoutes:
    """The routes."""

    def __init__(self, desk: Desk, frame: Frame) -> None:
        self._desk = desk
        self._frame = frame

    def router(self) -> APIRouter:
        """All routes."""
        router = new_router()
        router.add_api_route("/usage", self.page, methods=["GET"], include_in_schema=False)
        router.add_api_route("/usage/part", self.part, methods=["GET"], include_in_schema=False)
        router.add_api_route(
            "/api/v1/usage",
            self.api,
            response_model=UsageView,
            methods=["GET"],
            dependencies=[needs(Scope.SETTINGS_READ)],
        )
        return router

    async def page(self, request: Request, session: Member) -> Response:
        """The page."""
        situation = await self._desk.situation(session.workspace_id)
        return await self._frame.page(request, "usage.html", session, plan=situation.plan, quota=situation.quota)

    async def part(self, request: Request, session: Member) -> Response:
        """The bar alone, for htmx."""
        situation = await self._desk.situation(session.workspace_id)
        return await self._frame.part(request, "usage_part.html", session, plan=situation.plan, quota=situation.quota)

    async def api(self, session: Member) -> UsageView:
        """What is used of the month, and what is left."""
        return _view(await self._desk.situation(session.workspace_id))


def _view(situation: Situation) -> UsageView:
    quota = situation.quota
    return UsageView(
        plan=situation.plan.name,
        monthly_calls=quota.monthly_calls,
        used=quota.used,
        left=quota.left,
        addon_calls=quota.addon_calls,
        promised=quota.promised,
        month_begins_at=quota.month.begins_at.isoformat() if quota.month else None,
        month_ends_at=quota.month.ends_at.isoformat() if quota.month else None,
    )
