"""Use cases of what was read at Stripe: plan, calls bought, payments that failed. Each in one transaction with the end of its reading.

A reading whose claim was lost meanwhile leaves nothing: somebody else has read since, and what they read is newer.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from contracts import Actor, ActorKind, Source
from core.errors import InvalidInput
from core.ids import parse_uuid
from core.log import logger
from database import Tx
from retention.domain.billing import Account, Judgement, Picture, Reason, Tariff, judge
from retention.domain.plans import Catalogue, PlanName
from retention.domain.purchases import Kind, Purchase, Session, calls_of, objection
from retention.handlers.plans import PlanChange
from retention.store import billing, purchases, readings
from retention.store import plans as plans_store
from retention.store.readings import Cause, Claim

log = logger("retention.billing")

STRIPE = Actor(kind=ActorKind.SYSTEM, id="stripe", source=Source.WEBHOOK)
ITSELF = Actor(id="retention")

# How soon a workspace of which nobody has told yet is looked at again: ingest tells of it within seconds, or minutes after an outage.
_NO_PLAN_SECONDS = 30.0


class Credit(Struct, frozen=True):
    """Calls that were bought by one checkout session."""

    session_id: str
    calls: int
    packs: int


class Failure(Struct, frozen=True):
    """A payment that failed: of an invoice, tried so often, or of a checkout session, where `attempts` is 0."""

    kind: str
    id: str
    status: str
    attempts: int = 0


class Telling(Protocol):
    """Who is told of what, in the transaction in which it happens."""

    async def plan_changed(self, tx: Tx, change: PlanChange, actor: Actor) -> None:
        """The workspace is on another plan, or its months begin at another time."""

    async def addon_credited(self, tx: Tx, credit: Credit, actor: Actor) -> None:
        """Calls were bought."""

    async def payment_failed(self, tx: Tx, failure: Failure, actor: Actor) -> None:
        """A payment failed."""


class Settling(Struct, frozen=True):
    """The use cases, by what is charged for and the plans there are."""

    tariff: Tariff
    catalogue: Catalogue
    tell: Telling

    async def subscriptions(self, tx: Tx, claim: Claim, picture: Picture) -> None:
        """The workspace's plan follows from what was read of its customer."""
        current = await plans_store.lock_subscription(tx)
        if current is None:
            await readings.again(tx, claim, _NO_PLAN_SECONDS, "the workspace has no plan yet")
            return
        before = await billing.account(tx)
        found = judge(picture, self.tariff, claim.now, before)
        if not await readings.end(tx, claim, look_at=found.look_at, outcome=found.account.trouble):
            return
        if before is None or before.customer_deleted:
            await billing.adopt(tx, picture.customer_id)
        if not await billing.keep(tx, found.account, picture.invoices):
            # The customer was replaced while the old one was read.
            await readings.ask(tx, claim.subject, Cause.SYSTEM)
            return
        if found.account.trouble:
            log.warning("payments have to be looked at", trouble=found.account.trouble)
        await self._follow(tx, claim, found, before, current.plan)

    async def _follow(self, tx: Tx, claim: Claim, found: Judgement, before: Account | None, plan: PlanName) -> None:
        if found.plan is None:
            return
        version = await plans_store.follow(tx, found.plan, found.anchored_at)
        if version is None:
            return
        because = found.because if found.plan is not plan else None
        change = PlanChange(found.plan, plan, version, self.catalogue[found.plan], because)
        await self.tell.plan_changed(tx, change, await _who(tx, claim, found, before))

    async def refuse(self, tx: Tx, claim: Claim, why: str) -> None:
        """What a reading was asked for is not this workspace's, or not there: noted for operators, and nothing else."""
        if await readings.end(tx, claim, outcome=why, refused=True):
            log.warning("a reading of Stripe was refused", why=why)

    async def session(self, tx: Tx, claim: Claim, session: Session) -> None:
        """A checkout session: calls are credited for one that is paid, once, however often it is read."""
        purchase = await _purchase_of(tx, session)
        account = await billing.account(tx)
        why = _objection(tx, session, purchase, account)
        if why or purchase is None or not await purchases.note_session(tx, purchase.id, session.id):
            await self.refuse(tx, claim, why or "another checkout session was made for this purchase")
            return
        try:
            calls = calls_of(session, purchase) if purchase.item.kind is Kind.ADDON else 0
        except InvalidInput as error:
            await self.refuse(tx, claim, str(error))
            return
        failed = claim.failure and not session.paid
        outcome = "" if session.paid else "not paid"
        if not await readings.end(tx, claim, outcome=outcome, told=failed):
            return
        actor = _buyer(purchase)
        if failed:
            await self.tell.payment_failed(tx, Failure("checkout", session.id, session.payment_status), STRIPE)
        if calls and session.paid and await purchases.credit(tx, purchase.id, session.id):
            await self.tell.addon_credited(tx, Credit(session.id, calls, session.quantity), actor)

    async def invoice(self, tx: Tx, claim: Claim, failure: Failure, customer_id: str) -> None:
        """An invoice whose payment failed: audited once, whatever became of it since."""
        account = await billing.account(tx)
        if account is None or account.customer_id != customer_id:
            await self.refuse(tx, claim, "the invoice is another customer's")
            return
        if await readings.end(tx, claim, told=claim.failure) and claim.failure:
            await self.tell.payment_failed(tx, failure, STRIPE)


async def end_trial(tx: Tx, tariff: Tariff, catalogue: Catalogue, tell: Telling) -> bool:
    """Put the workspace on free if its trial is over; False when there is none that is."""
    version = await plans_store.end_trial(tx, tariff.trial_days)
    if version is None:
        return False
    free = PlanName.FREE
    await tell.plan_changed(tx, PlanChange(free, PlanName.TRIAL, version, catalogue[free], Reason.TRIAL_ENDED), ITSELF)
    return True


def _objection(tx: Tx, session: Session, purchase: Purchase | None, account: Account | None) -> str:
    """Why a session is nothing that was begun here, by this workspace; empty where it is."""
    noted = purchase is not None and purchase.session_id == session.id
    # A customer may have been replaced since; a session that was noted at its making is ours all the same.
    customer_id = "" if noted or account is None else account.customer_id
    why = objection(session, tx.workspace_id, customer_id)
    return why or ("" if purchase else "the checkout session is for no purchase that was begun here")


async def _purchase_of(tx: Tx, session: Session) -> Purchase | None:
    try:
        return await purchases.purchase(tx, parse_uuid(session.checkout_id))
    except InvalidInput:
        return None


async def _who(tx: Tx, claim: Claim, found: Judgement, before: Account | None) -> Actor:
    """Who changed the plan: the admin who bought it, at first; afterwards Stripe told of it, or nobody did and it was time."""
    is_new = before is None or before.subscription_id != found.account.subscription_id
    if is_new and found.checkout_id:
        try:
            purchase = await purchases.purchase(tx, parse_uuid(found.checkout_id))
        except InvalidInput:
            purchase = None
        if purchase is not None:
            return _buyer(purchase)
    return STRIPE if claim.cause is Cause.WEBHOOK else ITSELF


def _buyer(purchase: Purchase) -> Actor:
    # Whose data was erased is named no more.
    if not purchase.user_id:
        return ITSELF
    return Actor(ActorKind.USER, purchase.user_id, purchase.email, Source.WEB)
