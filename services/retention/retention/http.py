"""Pages: `/settings/billing` for members, `/sub-processors` for everybody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from core.errors import NotFound
from database import Database
from retention import store
from retention.domain import Catalogue, SubProcessor, Subscription
from web import Pages, Scope, Session, member, needs

Member = Annotated[Session, Depends(member)]


class PlanView(BaseModel):
    """The workspace's plan as a client reads it."""

    plan: str
    report_window_days: int
    monthly_calls: int
    concurrent_runs: int
    models: list[str]


def router(db: Database, catalogue: Catalogue, sub_processors: list[SubProcessor]) -> APIRouter:
    """The routes."""
    pages = Pages("retention")
    routes = APIRouter()

    async def current_plan(session: Session) -> Subscription | None:
        async with db.workspace(session.workspace_id) as tx:
            return await store.subscription(tx)

    @routes.get("/settings/billing")
    async def billing(request: Request, session: Member) -> Response:
        subscription = await current_plan(session)
        return pages.render(request, "billing.html", session, subscription=subscription, plans=list(catalogue.items()))

    @routes.get("/api/v1/plan", dependencies=[needs(Scope.SETTINGS_READ)])
    async def plan(session: Member) -> PlanView:
        """The plan, and what it allows."""
        subscription = await current_plan(session)
        if subscription is None:
            raise NotFound("This workspace has no plan yet: it gets one within seconds of being created.")
        allowed = catalogue[subscription.plan]
        return PlanView(
            plan=subscription.plan,
            report_window_days=allowed.report_window_days,
            monthly_calls=allowed.monthly_calls,
            concurrent_runs=allowed.concurrent_runs,
            models=list(allowed.models),
        )

    @routes.get("/sub-processors")
    async def register(request: Request) -> Response:
        return pages.render(request, "sub_processors.html", None, sub_processors=sub_processors)

    return routes
