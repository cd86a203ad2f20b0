"""`/settings/billing`, and the plan for programs. Everybody sees what is paid for; admins pay."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from msgspec import Struct
from pydantic import BaseModel

from core.errors import CallmineError, NotFound
from core.ids import parse_uuid, uuid7
from database import Database
from retention.domain.billing import Tariff, money
from retention.domain.plans import Catalogue, Subscription
from retention.domain.purchases import MOST_PACKS
from retention.handlers.purchasing import PAGE, RETURN, Purchasing
from retention.http.billing_api import BillingApi, buyer
from retention.store import billing, readings
from retention.store import plans as store
from retention.store.readings import Waiting
from retention.stripe.client import INVOICES
from web import Pages, Scope, Session, admin, member, needs

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]

# Sent by the form, made with the page: a form that is sent twice asks Stripe for one thing.
RequestId = Annotated[str, Form(max_length=40)]
PlanField = Annotated[str, Form(max_length=20)]
WaitingQuery = Annotated[str, Query(max_length=20)]

# How soon the page asks again while Stripe is being read, which takes a second or two; and while that is put off, which may last.
_ASK_SECONDS = {Waiting.DUE: 2, Waiting.PUT_OFF: 15}


class PlanView(BaseModel):
    """The workspace's plan as a client reads it."""

    plan: str
    report_window_days: int
    monthly_calls: int
    concurrent_runs: int
    models: list[str]


class BillingRoutes(Struct, frozen=True):
    """The routes. Without a tariff, and what goes with it, nothing is sold."""

    pages: Pages
    db: Database
    catalogue: Catalogue
    tariff: Tariff | None
    purchasing: Purchasing | None

    def add_to(self, routes: APIRouter) -> None:
        """Add them all."""
        routes.add_api_route(PAGE, self.page, methods=["GET"])
        routes.add_api_route(f"{PAGE}/checkout", self.checkout, methods=["POST"])
        routes.add_api_route(f"{PAGE}/addon", self.addon, methods=["POST"])
        routes.add_api_route(f"{PAGE}/change", self.change, methods=["POST"])
        routes.add_api_route(f"{PAGE}/portal", self.portal, methods=["POST"])
        routes.add_api_route(f"{PAGE}/keep", self.keep, methods=["POST"])
        routes.add_api_route(RETURN, self.returned, methods=["GET"])
        routes.add_api_route(
            "/api/v1/plan",
            self.plan,
            methods=["GET"],
            response_model=PlanView,
            dependencies=[needs(Scope.SETTINGS_READ)],
        )
        BillingApi(self.db, self.purchasing).add_to(routes)

    async def page(self, request: Request, session: Member, waiting: WaitingQuery = "") -> Response:
        """Plan, usage, payments, invoices. A page that waits for Stripe asks with what it waits for, and gets nothing while that is so."""
        if waiting:
            async with self.db.workspace(session.workspace_id) as tx:
                if await readings.waiting(tx) == waiting:
                    return Response(status_code=204)
        return await self._shown(request, session)

    async def checkout(self, request: Request, session: Admin, request_id: RequestId, plan: PlanField) -> Response:
        """On to Stripe, to pay for a plan."""
        try:
            address = await self._selling().buy_plan(buyer(session), parse_uuid(request_id, "request_id"), plan)
        except CallmineError as error:
            return await self._shown(request, session, error)
        return self._leaving(request, session, address)

    async def addon(
        self, request: Request, session: Admin, request_id: RequestId, packs: Annotated[int, Form()] = 1
    ) -> Response:
        """On to Stripe, to pay for packs of calls."""
        try:
            address = await self._selling().buy_addon(buyer(session), parse_uuid(request_id, "request_id"), packs)
        except CallmineError as error:
            return await self._shown(request, session, error)
        return self._leaving(request, session, address)

    async def change(self, request: Request, session: Admin, request_id: RequestId, plan: PlanField) -> Response:
        """On to Stripe, to change the subscription to another plan."""
        return await self._to_portal(request, session, request_id, plan)

    async def portal(self, request: Request, session: Admin, request_id: RequestId) -> Response:
        """On to Stripe's portal: payment methods, invoices, the end of the subscription."""
        return await self._to_portal(request, session, request_id, "")

    async def keep(self, request: Request, session: Admin, request_id: RequestId) -> Response:
        """Take back what was arranged for later."""
        try:
            await self._selling().keep(buyer(session), parse_uuid(request_id, "request_id"))
        except CallmineError as error:
            return await self._shown(request, session, error)
        return RedirectResponse(PAGE, status_code=303)

    async def returned(
        self, request: Request, session: Admin, session_id: Annotated[str, Query(max_length=255)] = ""
    ) -> Response:
        """Back from Stripe. What the address says is only a hint to read there again."""
        try:
            await self._selling().returned(session.workspace_id, session_id)
        except CallmineError as error:
            return await self._shown(request, session, error)
        return RedirectResponse(PAGE, status_code=303)

    async def plan(self, session: Member) -> PlanView:
        """The plan, and what it allows."""
        async with self.db.workspace(session.workspace_id) as tx:
            subscription = await store.subscription(tx)
        if subscription is None:
            raise NotFound("This workspace has no plan yet: it gets one within seconds of being created.")
        allowed = self.catalogue[subscription.plan]
        return PlanView(
            plan=subscription.plan,
            report_window_days=allowed.report_window_days,
            monthly_calls=allowed.monthly_calls,
            concurrent_runs=allowed.concurrent_runs,
            models=list(allowed.models),
        )

    async def _to_portal(self, request: Request, session: Session, request_id: str, plan: str) -> Response:
        try:
            address = await self._selling().portal(buyer(session), parse_uuid(request_id, "request_id"), plan)
        except CallmineError as error:
            return await self._shown(request, session, error)
        return self._leaving(request, session, address)

    def _selling(self) -> Purchasing:
        if self.purchasing is None:
            raise NotFound("Nothing is sold in this installation.")
        return self.purchasing

    def _leaving(self, request: Request, session: Session, address: str) -> Response:
        # Not a redirect: the policy for forms holds for all hosts that Stripe would lead the browser on to, which are its own affair.
        headers = {"refresh": f"0; url={address}"}
        return self.pages.render(request, "leaving.html", session, headers=headers, address=address)

    async def _shown(self, request: Request, session: Session, error: CallmineError | None = None) -> Response:
        async with self.db.workspace(session.workspace_id) as tx:
            # First: where nothing is waited for any more, what follows is the newest, and the page need not ask again.
            waiting = await readings.waiting(tx)
            subscription = await store.subscription(tx)
            account = await billing.account(tx)
            invoices = await billing.latest_invoices(tx, INVOICES)
        return self.pages.render(
            request,
            "billing.html",
            session,
            status_code=error.status if error else 200,
            subscription=subscription,
            plans=list(self.catalogue.items()),
            tariff=self.tariff,
            trial_ends_at=_trial_end(subscription, self.tariff),
            account=account,
            invoices=invoices,
            waiting=waiting,
            ask_seconds=_ASK_SECONDS[waiting] if waiting else 0,
            problem=error,
            money=money,
            most_packs=MOST_PACKS,
            request_id=uuid7(),
        )


def _trial_end(subscription: Subscription | None, tariff: Tariff | None) -> datetime | None:
    """When the trial ends; None where there is none."""
    if subscription is None or tariff is None:
        return None
    return subscription.trial_end(tariff.trial_days)
