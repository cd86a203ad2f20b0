"""What an admin buys: a plan or packs of analysed calls; what a checkout session has to say before anything is credited. Pure."""

from __future__ import annotations

import enum
import uuid

from msgspec import Struct

from core.errors import Conflict, InvalidInput
from core.ids import WorkspaceId
from retention.domain.billing import Account, Tariff
from retention.domain.plans import PlanName

MOST_PACKS = 20
"""Packs in one purchase; more are a second purchase."""

START_SECONDS = 3600
"""How long a purchase can be begun again under the same id: well within the 24 hours for which Stripe knows an idempotency key."""


class Kind(enum.StrEnum):
    """What is bought."""

    PLAN = "plan"
    ADDON = "addon"


class Item(Struct, frozen=True):
    """What is to be bought, as it was offered. `packs`, of `calls` each, are 0 for a plan."""

    kind: Kind
    price_id: str
    plan: PlanName | None = None
    packs: int = 0
    calls: int = 0


class Purchase(Struct, frozen=True):
    """An item that an admin set out to buy. `session_id` is empty until Stripe has given one; `age` is in seconds."""

    id: uuid.UUID
    item: Item
    user_id: str
    email: str
    session_id: str = ""
    credited: bool = False
    age: float = 0.0


class Session(Struct, frozen=True):
    """A checkout session as Stripe has it. `price_id` and `quantity` are those of its only line, empty and 0 where it has several."""

    id: str
    mode: str
    status: str
    payment_status: str
    customer_id: str
    reference: str
    workspace_id: str
    checkout_id: str
    price_id: str
    quantity: int
    url: str = ""

    @property
    def paid(self) -> bool:
        """Whether nothing is owed for it."""
        return self.payment_status in {"paid", "no_payment_required"}


def plan_item(text: str, tariff: Tariff, account: Account | None) -> Item:
    """The plan called `text`, for a workspace with `account`. Raises InvalidInput, and Conflict where one is paid for already."""
    plan = PlanName.parse(text)
    price = tariff.prices.get(plan)
    if price is None:
        raise InvalidInput(f"The {plan.value} plan cannot be bought: choose one of {', '.join(tariff.prices)}.")
    if account is not None and account.subscribed:
        raise Conflict("There is a subscription already. Change that one instead of buying a second.")
    return Item(Kind.PLAN, price.id, plan)


def addon_item(packs: int, tariff: Tariff) -> Item:
    """So many packs of calls. Raises InvalidInput."""
    if not 1 <= packs <= MOST_PACKS:
        raise InvalidInput(f"Buy 1 to {MOST_PACKS} packs at a time.")
    return Item(Kind.ADDON, tariff.addon.price.id, packs=packs, calls=tariff.addon.calls)


def check_restart(known: Purchase, item: Item) -> None:
    """A purchase is begun again under its id. Raises Conflict where it is another one, or too old for Stripe to know it."""
    # What it costs may have been changed meanwhile; what it is for may not.
    if (known.item.kind, known.item.plan, known.item.packs) != (item.kind, item.plan, item.packs):
        raise Conflict("This form was used for something else. Open the page again.")
    if known.age > START_SECONDS or known.credited:
        raise Conflict("This form is too old. Open the page again.")


def objection(session: Session, workspace_id: WorkspaceId, customer_id: str) -> str:
    """Why a session is not this workspace's; empty where it is. Each of the names that we gave it has to agree, and the customer too."""
    if session.reference != workspace_id or session.workspace_id != workspace_id:
        return "the checkout session names another workspace, or none"
    if customer_id and session.customer_id != customer_id:
        return "the checkout session is another customer's"
    return ""


def calls_of(session: Session, purchase: Purchase) -> int:
    """The calls to credit for a paid session. Raises InvalidInput for one that is not for packs as they were offered."""
    item = purchase.item
    if item.kind is not Kind.ADDON or session.mode != "payment":
        raise InvalidInput("the checkout session is not for an add-on")
    if session.price_id != item.price_id or not 1 <= session.quantity <= MOST_PACKS:
        raise InvalidInput("the checkout session is for something that is not sold here")
    return session.quantity * item.calls
