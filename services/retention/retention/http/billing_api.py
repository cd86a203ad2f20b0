"""`/api/v1/billing`: what is paid for, and the way to Stripe. An admin who is signed in pays, a key never does."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from core.errors import NotFound
from core.ids import uuid7
from database import Database
from retention.domain.billing import Account, Invoice
from retention.domain.purchases import MOST_PACKS
from retention.handlers.purchasing import Buyer, Purchasing
from retention.store import billing
from retention.stripe.client import INVOICES
from web import Scope, Session, admin, idempotent, member, needs, people_only

Member = Annotated[Session, Depends(member)]
Admin = Annotated[Session, Depends(admin)]
RequestId = Annotated[uuid.UUID | None, Depends(idempotent)]

API = "/api/v1/billing"


class PlanWanted(BaseModel):
    """The plan that is to be paid for."""

    model_config = ConfigDict(extra="forbid")
    plan: str = Field(max_length=20, examples=["growth", "starter"])


class PacksWanted(BaseModel):
    """How many packs of calls are to be bought."""

    model_config = ConfigDict(extra="forbid")
    packs: int = Field(default=1, ge=1, le=MOST_PACKS)


class PortalWanted(BaseModel):
    """Where in Stripe's portal: at the change to a plan, or at its beginning."""

    model_config = ConfigDict(extra="forbid")
    plan: str = Field(default="", max_length=20, examples=["scale", ""])


class StripePage(BaseModel):
    """A page of Stripe's, for a person's browser."""

    url: str


class InvoiceView(BaseModel):
    """An invoice; `total` in the smallest unit of `currency`."""

    number: str
    status: str
    total: int
    currency: str
    created_at: datetime


class BillingView(BaseModel):
    """What is paid for, as it was last read at Stripe. `plan` is null where nothing is; what was arranged for later comes `next_at`."""

    plan: str | None
    status: str
    period_end: datetime | None
    ends_at: datetime | None
    next_plan: str | None
    next_at: datetime | None
    grace_until: datetime | None
    invoices: list[InvoiceView]


class BillingApi(Struct, frozen=True):
    """The routes. Without `purchasing` nothing is sold."""

    db: Database
    purchasing: Purchasing | None

    def add_to(self, routes: APIRouter) -> None:
        """Add them all."""
        people, reads = [people_only()], [needs(Scope.SETTINGS_READ)]
        routes.add_api_route(API, self.state, methods=["GET"], response_model=BillingView, dependencies=reads)
        for path, use, status in (
            ("checkout", self.checkout, 201),
            ("addons", self.addons, 201),
            ("portal", self.portal, 201),
            ("keep", self.keep, 204),
        ):
            routes.add_api_route(f"{API}/{path}", use, methods=["POST"], status_code=status, dependencies=people)

    async def state(self, session: Member) -> BillingView:
        """What is paid for, and the latest invoices."""
        async with self.db.workspace(session.workspace_id) as tx:
            account = await billing.account(tx)
            invoices = await billing.latest_invoices(tx, INVOICES)
        return _view(account or Account(""), invoices)

    async def checkout(self, session: Admin, wanted: PlanWanted, once: RequestId) -> StripePage:
        """Have a page made on which a plan is paid for. Nothing is bought until a person pays there, within a day."""
        return StripePage(url=await self._selling().buy_plan(buyer(session), once or uuid7(), wanted.plan))

    async def addons(self, session: Admin, wanted: PacksWanted, once: RequestId) -> StripePage:
        """Have a page made on which packs of calls are paid for."""
        return StripePage(url=await self._selling().buy_addon(buyer(session), once or uuid7(), wanted.packs))

    async def portal(self, session: Admin, wanted: PortalWanted) -> StripePage:
        """Have Stripe's portal opened: payment methods, invoices, another plan, the end of the subscription. It closes within minutes."""
        return StripePage(url=await self._selling().portal(buyer(session), uuid7(), wanted.plan))

    async def keep(self, session: Admin) -> None:
        """Keep the plan: take back its end, or a smaller plan that was to follow."""
        await self._selling().keep(buyer(session), uuid7())

    def _selling(self) -> Purchasing:
        if self.purchasing is None:
            raise NotFound("Nothing is sold in this installation.")
        return self.purchasing


def buyer(session: Session) -> Buyer:
    """The person of a session that belongs to an admin."""
    return Buyer(session.workspace_id, session.user_id, session.email)


def _view(account: Account, invoices: list[Invoice]) -> BillingView:
    return BillingView(
        plan=account.plan.value if account.plan else None,
        status=account.status,
        period_end=account.period_end,
        ends_at=account.ends_at,
        next_plan=account.next_plan.value if account.next_plan else None,
        next_at=account.next_at,
        grace_until=account.grace_until,
        invoices=[
            InvoiceView(
                number=one.number or one.id,
                status=one.status,
                total=one.total,
                currency=one.currency,
                created_at=one.created_at,
            )
            for one in invoices
        ],
    )
