"""Use cases of an admin who pays: buy a plan or packs of calls, open Stripe's portal, keep a plan that was to end, come back.

    note (committed) -> ask Stripe -> note the answer

Nothing is bought here, nor believed of what the browser brings back: the worker reads at Stripe what became of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from msgspec import Struct

from core.errors import Conflict, NotFound
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database, Tx
from retention.domain.billing import SUBSCRIPTIONS, Account, Tariff, parse_stripe_id
from retention.domain.plans import PlanName
from retention.domain.purchases import Item, Purchase, Session, addon_item, check_restart, plan_item
from retention.store import billing, purchases, readings
from retention.store.readings import Cause
from retention.stripe.client import Missing, Stripe, Way

PAGE = "/settings/billing"
RETURN = f"{PAGE}/return"


class Buyer(Struct, frozen=True):
    """Who buys, and for which workspace."""

    workspace_id: WorkspaceId
    user_id: str
    email: str


class Purchasing(Struct, frozen=True):
    """The use cases. `public_url` is where browsers come back to; `wake` is called when something is to be read at Stripe."""

    db: Database
    stripe: Stripe
    tariff: Tariff
    public_url: str
    wake: Callable[[], None]

    async def buy_plan(self, buyer: Buyer, request_id: uuid.UUID, plan: str) -> str:
        """The address of the page where a plan is paid for. Raises InvalidInput, Conflict, Transient."""
        return await self._buy(buyer, request_id, lambda account: plan_item(plan, self.tariff, account))

    async def buy_addon(self, buyer: Buyer, request_id: uuid.UUID, packs: int) -> str:
        """The address of the page where packs of calls are paid for. Raises InvalidInput, Conflict, Transient."""
        return await self._buy(buyer, request_id, lambda _: addon_item(packs, self.tariff))

    async def portal(self, buyer: Buyer, request_id: uuid.UUID, plan: str = "") -> str:
        """The address of Stripe's portal, at the change to `plan` if one is given. Raises InvalidInput, Conflict, NotFound, Transient."""
        account = await self._account(buyer.workspace_id)
        price_id = self._change(account, plan) if plan else None
        back = f"{self.public_url}{RETURN}"
        try:
            return await self.stripe.open_portal(account, back, f"portal:{buyer.workspace_id}:{request_id}", price_id)
        except Missing:
            await self._look_again(buyer.workspace_id)
            raise

    async def keep(self, buyer: Buyer, request_id: uuid.UUID) -> None:
        """Take back what was arranged for later. Raises Conflict where nothing was, NotFound, Transient."""
        account = await self._account(buyer.workspace_id)
        if account.changes_at is None:
            raise Conflict("Nothing is arranged that could be taken back. It may have been already.")
        try:
            await self.stripe.keep_plan(account, f"keep:{buyer.workspace_id}:{request_id}")
        finally:
            await self._look_again(buyer.workspace_id)

    async def returned(self, workspace_id: WorkspaceId, session_id: str) -> None:
        """Somebody came back from Stripe, after a checkout if `session_id` is given: what may have changed is read there at once."""
        async with self.db.workspace(workspace_id) as tx:
            if session_id and await purchases.is_session(tx, parse_stripe_id("cs", session_id)):
                await readings.ask(tx, session_id, Cause.WEB)
            if await billing.account(tx) is not None:
                await readings.ask(tx, SUBSCRIPTIONS, Cause.WEB)
        self.wake()

    async def _buy(self, buyer: Buyer, request_id: uuid.UUID, offer: Callable[[Account | None], Item]) -> str:
        async with self.db.workspace(buyer.workspace_id) as tx:
            account = await billing.account(tx)
            purchase = await _begun(tx, request_id, offer(account), buyer)
            name = await billing.workspace_name(tx)
        reach("checkout.after_note")
        if purchase.session_id:
            return await self._again(purchase.session_id)
        known = account.customer_id if account and not account.customer_deleted else ""
        session = await self._checkout(buyer, purchase, name, known)
        reach("checkout.after_call")
        async with self.db.workspace(buyer.workspace_id) as tx:
            if not await purchases.note_session(tx, purchase.id, session.id):
                raise Conflict("This form was used twice. Open the page again.")
        return session.url

    async def _checkout(self, buyer: Buyer, purchase: Purchase, name: str, known: str) -> Session:
        """A checkout session, for a new customer where the known one is gone."""
        if known:
            try:
                return await self._ask_checkout(buyer, purchase, known)
            except Missing:
                async with self.db.workspace(buyer.workspace_id) as tx:
                    await billing.gone(tx, known)
        made = await self.stripe.create_customer(
            buyer.workspace_id, name, buyer.email, f"customer:{buyer.workspace_id}:{purchase.id}"
        )
        reach("checkout.after_customer")
        async with self.db.workspace(buyer.workspace_id) as tx:
            customer_id = await billing.adopt(tx, made)
        return await self._ask_checkout(buyer, purchase, customer_id)

    async def _ask_checkout(self, buyer: Buyer, purchase: Purchase, customer_id: str) -> Session:
        # The customer is part of the key: another one makes another request of it, which Stripe would refuse under the same.
        key = f"checkout:{buyer.workspace_id}:{purchase.id}:{customer_id}"
        paid = f"{self.public_url}{RETURN}?session_id={{CHECKOUT_SESSION_ID}}"
        way = Way(paid, f"{self.public_url}{PAGE}")
        return await self.stripe.create_checkout(buyer.workspace_id, customer_id, purchase, way, key)

    async def _again(self, session_id: str) -> str:
        """The page of a session that was made before, if it can still be paid."""
        session = await self.stripe.session(session_id)
        if session.status != "open" or not session.url:
            raise Conflict("This was paid, or given up. Open the page again.")
        return session.url

    async def _account(self, workspace_id: WorkspaceId) -> Account:
        async with self.db.workspace(workspace_id) as tx:
            account = await billing.account(tx)
        if account is None or account.customer_deleted:
            raise NotFound("Nothing has been paid for here yet. Choose a plan first.")
        return account

    async def _look_again(self, workspace_id: WorkspaceId) -> None:
        async with self.db.workspace(workspace_id) as tx:
            await readings.ask(tx, SUBSCRIPTIONS, Cause.WEB)
        self.wake()

    def _change(self, account: Account, plan: str) -> str:
        """The price of a plan that the subscription can be changed to."""
        wanted = PlanName.parse(plan)
        price = self.tariff.prices.get(wanted)
        if price is None or wanted is account.plan:
            raise Conflict("The subscription cannot be changed to this plan.")
        if not account.subscribed or not account.item_id:
            raise Conflict("There is no subscription that could be changed. Open Stripe's portal to see what there is.")
        return price.id


async def _begun(tx: Tx, request_id: uuid.UUID, item: Item, buyer: Buyer) -> Purchase:
    """The purchase under this id: noted now, or noted when the same form was sent before. Raises Conflict for another one."""
    if not await purchases.start(tx, request_id, item, buyer.user_id, buyer.email):
        known = await purchases.purchase(tx, request_id)
        if known is None:
            raise Conflict("This form cannot be used. Open the page again.")
        check_restart(known, item)
        return known
    return Purchase(request_id, item, buyer.user_id, buyer.email)
