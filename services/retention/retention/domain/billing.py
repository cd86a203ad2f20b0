"""What Stripe says of a workspace's payments, and the plan that follows from it. Pure.

Events only say that something may have changed. The plan follows from the whole state as it was read last, never from an event, so that
late, repeated and reordered events come to the same end.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from core.errors import InvalidInput
from retention.domain.plans import PlanName

# In the order of the plans: of two subscriptions the larger one counts.
_RANK = {name: rank for rank, name in enumerate(PlanName)}

# docs.stripe.com/currencies: amounts of these are whole units, of the others hundredths.
_WITHOUT_CENTS = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]  # codes of ISO 4217
)

_IDS = {kind: re.compile(rf"{kind}_[A-Za-z0-9_]{{1,250}}") for kind in ("cus", "sub", "cs", "in")}

SUBSCRIPTIONS = "subscriptions"
"""What is read of a workspace as a whole: its customer, with all subscriptions and invoices."""


class Status(enum.StrEnum):
    """A subscription's state at Stripe; UNKNOWN stands for what a later version of their API may bring."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> Status:
        return cls.UNKNOWN


# Never paid for, and not yet: nothing follows from them.
_NOT_BEGUN = frozenset({Status.INCOMPLETE, Status.INCOMPLETE_EXPIRED})
_PAID_FOR = frozenset({Status.TRIALING, Status.ACTIVE})


class Reason(enum.StrEnum):
    """Why a workspace came to the free plan; part of the audit entry."""

    TRIAL_ENDED = "trial ended"
    GRACE_ENDED = "payment failed, and was not made up for in time"
    SUBSCRIPTION_ENDED = "subscription ended"


class Trouble(enum.StrEnum):
    """What people have to look at; the words are for the operators' listing and the log."""

    UNKNOWN_PRICE = "a subscription has a price that the plans file does not name"
    SEVERAL = "the customer has several subscriptions: the largest counts, all are paid for"
    CUSTOMER_DELETED = "the customer does not exist at Stripe any more"
    UNKNOWN_STATUS = "a subscription is in a state that this version does not know"


class Price(Struct, frozen=True):
    """A price at Stripe. `amount` is in the currency's smallest unit and is what the page shows; what is charged is Stripe's."""

    id: str
    amount: int


class AddonPack(Struct, frozen=True):
    """Analysed calls that are bought once."""

    price: Price
    calls: int


class Tariff(Struct, frozen=True):
    """What is charged for: prices by plan, for a month each, and packs of calls. Days of grace follow a payment that failed."""

    prices: Mapping[PlanName, Price]
    addon: AddonPack
    currency: str
    trial_days: int
    grace_days: int

    @property
    def grace(self) -> timedelta:
        """How long a plan is kept after a payment failed."""
        return timedelta(days=self.grace_days)

    def plan_of(self, price_id: str) -> PlanName | None:
        """The plan that a price is for; None for a price of none."""
        return next((plan for plan, price in self.prices.items() if price.id == price_id), None)


class StripeSubscription(Struct, frozen=True):
    """A subscription as Stripe has it.

    `price_id` is empty for one with no price or several. `anchored_at`: its months begin by this. `ends_at`: it ends then, if nothing is
    done. `next_price_id` and `next_at`: another price follows then. `failing_since`: when the invoice was made that is not paid.
    `checkout_id` is our own id of the checkout that it came from.
    """

    id: str
    status: Status
    price_id: str
    item_id: str
    created_at: datetime
    anchored_at: datetime
    period_end: datetime
    ends_at: datetime | None = None
    next_price_id: str = ""
    next_at: datetime | None = None
    schedule_id: str = ""
    failing_since: datetime | None = None
    checkout_id: str = ""


class Invoice(Struct, frozen=True):
    """An invoice as Stripe has it; `total` in the smallest unit of `currency`."""

    id: str
    number: str
    status: str
    total: int
    currency: str
    created_at: datetime


class Picture(Struct, frozen=True):
    """All that Stripe said of a customer at one moment. `deleted`: there is no such customer any more."""

    customer_id: str
    deleted: bool
    subscriptions: Sequence[StripeSubscription] = ()
    invoices: Sequence[Invoice] = ()


class Account(Struct, frozen=True):
    """What is known of a workspace's payments: its customer, and the subscription that counts.

    `status` is empty where no subscription counts. `plan` is what is paid for; `grace_until` is set while a payment is missing.
    `live` counts the subscriptions that have not ended. `trouble` is empty, or what people have to look at.
    """

    customer_id: str
    customer_deleted: bool = False
    subscription_id: str = ""
    item_id: str = ""
    schedule_id: str = ""
    status: str = ""
    plan: PlanName | None = None
    period_end: datetime | None = None
    ends_at: datetime | None = None
    next_plan: PlanName | None = None
    next_at: datetime | None = None
    grace_until: datetime | None = None
    live: int = 0
    trouble: str = ""

    @property
    def subscribed(self) -> bool:
        """Whether there is a subscription to change, rather than one to be bought."""
        return self.live > 0 and not self.customer_deleted

    @property
    def changes_at(self) -> datetime | None:
        """When something that was arranged takes effect; None where nothing was."""
        return self.ends_at or self.next_at


class Judgement(Struct, frozen=True):
    """What follows from a picture: the account as it is now, the plan (None: none follows, it stays as it is), and when to look again.

    `anchored_at` is the beginning of the plan's months where it is paid for, `because` why it is free, `checkout_id` where it came from.
    """

    account: Account
    plan: PlanName | None
    look_at: datetime | None
    anchored_at: datetime | None = None
    because: Reason | None = None
    checkout_id: str = ""


def judge(picture: Picture, tariff: Tariff, now: datetime, before: Account | None = None) -> Judgement:
    """What follows from `picture` at `now`. `before` only tells whether a customer that is gone, with all that it had, was paying."""
    known = [one for one in picture.subscriptions if one.status not in _NOT_BEGUN]
    grants = [(one, plan) for one in known if (plan := _granted(one, tariff, now))]
    live = [one for one in known if one.status is not Status.CANCELED]
    trouble = _trouble(picture, known, live, tariff)
    bare = Account(picture.customer_id, picture.deleted, live=len(live), trouble=trouble.value if trouble else "")
    if grants:
        return _paid(bare, grants, tariff)
    if trouble in {Trouble.UNKNOWN_PRICE, Trouble.UNKNOWN_STATUS}:
        # Somebody pays for something that cannot be told from here: nothing is taken from them.
        return Judgement(bare, None, None)
    if not known and not (picture.deleted and before is not None and before.subscribed):
        return Judgement(bare, None, None)
    return Judgement(_shown(bare, live, tariff), PlanName.FREE, None, because=_because(live, tariff))


def _granted(one: StripeSubscription, tariff: Tariff, now: datetime) -> PlanName | None:
    """The plan that a subscription gives at `now`."""
    if one.status in _PAID_FOR:
        return tariff.plan_of(one.price_id)
    if one.status is Status.PAST_DUE and now < grace_end(one, tariff):
        return tariff.plan_of(one.price_id)
    return None


def grace_end(one: StripeSubscription, tariff: Tariff) -> datetime:
    """When the grace of a subscription that is past due ends: counted from Stripe's own time, whenever it is heard of."""
    return (one.failing_since or one.created_at) + tariff.grace


def _paid(bare: Account, grants: Sequence[tuple[StripeSubscription, PlanName]], tariff: Tariff) -> Judgement:
    best, plan = max(grants, key=lambda pair: (_RANK[pair[1]], pair[0].created_at, pair[0].id))
    account = _account(bare, best, tariff)
    # An hour after Stripe changes it: their invoice is a draft for about as long (docs.stripe.com/billing/subscriptions/overview).
    moments = [moment + timedelta(hours=1) for moment in (best.period_end, account.changes_at) if moment]
    look_at = min([*moments, *([account.grace_until] if account.grace_until else [])])
    return Judgement(account, plan, look_at, best.anchored_at, checkout_id=best.checkout_id)


def _account(bare: Account, one: StripeSubscription, tariff: Tariff) -> Account:
    next_plan = tariff.plan_of(one.next_price_id) if one.next_price_id else None
    return Account(
        customer_id=bare.customer_id,
        customer_deleted=bare.customer_deleted,
        subscription_id=one.id,
        item_id=one.item_id,
        schedule_id=one.schedule_id,
        status=one.status.value,
        plan=tariff.plan_of(one.price_id),
        period_end=one.period_end,
        ends_at=one.ends_at,
        next_plan=PlanName.FREE if one.ends_at else next_plan,
        next_at=one.next_at if next_plan else None,
        grace_until=grace_end(one, tariff) if one.status is Status.PAST_DUE else None,
        live=bare.live,
        trouble=bare.trouble,
    )


def _shown(bare: Account, live: Sequence[StripeSubscription], tariff: Tariff) -> Account:
    """The account where nothing is granted: with the subscription that has not ended, if there is one, for it is to be settled."""
    if not live or bare.customer_deleted:
        return bare
    return _account(bare, max(live, key=lambda one: (one.created_at, one.id)), tariff)


def _because(live: Sequence[StripeSubscription], tariff: Tariff) -> Reason:
    unpaid = any(one.status in {Status.PAST_DUE, Status.UNPAID} and tariff.plan_of(one.price_id) for one in live)
    return Reason.GRACE_ENDED if unpaid else Reason.SUBSCRIPTION_ENDED


def _trouble(
    picture: Picture, known: Sequence[StripeSubscription], live: Sequence[StripeSubscription], tariff: Tariff
) -> Trouble | None:
    if picture.deleted:
        return Trouble.CUSTOMER_DELETED
    if any(one.status is Status.UNKNOWN for one in known):
        return Trouble.UNKNOWN_STATUS
    if any(tariff.plan_of(one.price_id) is None for one in live):
        return Trouble.UNKNOWN_PRICE
    return Trouble.SEVERAL if len(live) > 1 else None


def parse_stripe_id(kind: str, text: str) -> str:
    """Return `text` as one of Stripe's ids of a `kind` such as cus, sub, cs or in, or raise InvalidInput. What passes is safe in a path."""
    if not _IDS[kind].fullmatch(text):
        raise InvalidInput(f"the id of Stripe's is missing or malformed: expected {kind}_ and letters or digits")
    return text


def money(amount: int, currency: str) -> str:
    """`USD 99.00` for 9900 in usd; `JPY 500` for 500 in jpy."""
    if currency in _WITHOUT_CENTS:
        return f"{currency.upper()} {amount:,}"
    return f"{currency.upper()} {amount / 100:,.2f}"
