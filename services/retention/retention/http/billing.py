"""`/settings/billing`, and the plan for programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from core.errors import NotFound
from database import Database
from retention.domain.plans import Catalogue, Subscription
from retention.store import plans as store
from web import Pages, Scope, Session, member, needs

Member = Annotated[Session, Depends(member)]


class PlanView(BaseModel):
    """The workspace's plan as a client reads it."""

    plan: str
    report_window_days: int
    monthly_calls: int
    concurrent_runs: int
    models: list[str]


def add_billing(routes: APIRouter, pages: Pages, db: Database, catalogue: Catalogue) -> None:
    """Add the routes of the plan."""

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
