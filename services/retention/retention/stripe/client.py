"""What is asked of Stripe. Never within a transaction; each POST under a key that makes its repetition harmless."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cloud.secrets import Secrets
from core.errors import Conflict, NotFound, Permanent, Transient
from core.ids import WorkspaceId
from core.late import Late
from core.log import logger
from egress import Egress
from retention.domain.billing import Account, Picture, StripeSubscription
from retention.domain.purchases import Kind, Purchase, Session
from retention.stripe import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    import stripe

    Open = Callable[[Egress, str, float, str], stripe.StripeClient]

log = logger("retention.stripe")

# Whose fields `wire` reads. A later version is taken up here and there together.
API_VERSION = "2026-10-28.endive"

SECRET = "stripe-secret-key"  # noqa: S105 - the name of the secret, not the secret

# A page of subscriptions, Stripe's largest, and how many of them: a customer has one or two.
_PAGE, _PAGES = 100, 10

INVOICES = 12
"""Invoices that are read and shown: a year of them. Stripe's portal has them all."""


class Missing(NotFound):
    """There is no such thing at Stripe, or not any more."""


class Refused(Permanent):
    """Stripe does not accept the request; nothing that the person who made it could do anything about."""

    status = 502
    problem = "provider"
    title = "Stripe did not do what was asked"


class AccountRefused(Transient):
    """Stripe does not accept our key, or there is none: our team has to look at it."""


class Way(Struct, frozen=True):
    """Where a checkout or the portal leads back to. Stripe puts the session's id into `paid`."""

    paid: str
    back: str


class Stripe:
    """The calls. All raise Transient when Stripe cannot be asked now, and Refused."""

    def __init__(self, egress: Egress, base_url: str, secrets: Secrets, timeout: float = 20.0) -> None:
        """`timeout` in seconds covers one call with its repetitions."""
        self._secrets = secrets
        self._given = (egress, base_url, timeout, API_VERSION)
        self._opened: stripe.StripeClient | None = None

    async def customer(self, customer_id: str) -> wire.CustomerRecord:
        """A customer; one that does not exist as one that was deleted."""
        try:
            async with self._asking() as (client, options):
                found = await client.v1.customers.retrieve_async(customer_id, None, options)
        except Missing:
            return wire.CustomerRecord(id=customer_id, deleted=True)
        return wire.read(wire.CustomerRecord, found.to_dict())

    async def picture(self, customer: wire.CustomerRecord, now: datetime) -> Picture:
        """All that Stripe says of a customer. Subscriptions of one that was deleted are still told, as canceled."""
        try:
            subscriptions = await self._subscriptions(customer.id, now)
            async with self._asking() as (client, options):
                page = await client.v1.invoices.list_async({"customer": customer.id, "limit": INVOICES}, options)
        except Missing:
            return Picture(customer.id, deleted=True)
        records = [wire.read(wire.InvoiceRecord, one) for one in wire.read(wire.Page, page.to_dict()).data]
        invoices = [wire.invoice(one) for one in records if one.status not in {None, "draft"}]
        return Picture(customer.id, customer.deleted, subscriptions, invoices)

    async def _subscriptions(self, customer_id: str, now: datetime) -> list[StripeSubscription]:
        found: list[StripeSubscription] = []
        wanted: Any = {
            "customer": customer_id,
            "status": "all",
            "limit": _PAGE,
            "expand": ["data.schedule", "data.latest_invoice"],
        }
        for _ in range(_PAGES):
            async with self._asking() as (client, options):
                found_page = await client.v1.subscriptions.list_async(wanted, options)
            page = wire.read(wire.Page, found_page.to_dict())
            records = [wire.read(wire.SubscriptionRecord, one) for one in page.data]
            # Asked for by customer; what belongs to another one is not taken for its own, whoever is wrong.
            found += [one.subscription(now) for one in records if one.customer == customer_id]
            if not page.has_more or not records:
                return found
            wanted["starting_after"] = records[-1].id
        raise Refused("Stripe names more subscriptions of one customer than anybody can have.")

    async def session(self, session_id: str) -> Session:
        """A checkout session. Raises Missing."""
        async with self._asking() as (client, options):
            found = await client.v1.checkout.sessions.retrieve_async(session_id, {"expand": ["line_items"]}, options)
        return wire.read(wire.SessionRecord, found.to_dict()).session()

    async def invoice(self, invoice_id: str) -> wire.InvoiceRecord:
        """An invoice. Raises Missing."""
        async with self._asking() as (client, options):
            found = await client.v1.invoices.retrieve_async(invoice_id, None, options)
        return wire.read(wire.InvoiceRecord, found.to_dict())

    async def create_customer(self, workspace_id: WorkspaceId, name: str, email: str, key: str) -> str:
        """A customer for the workspace; its id."""
        async with self._asking(key) as (client, options):
            made = await client.v1.customers.create_async(
                {"name": name or workspace_id, "email": email, "metadata": {"workspace_id": workspace_id}}, options
            )
        return made.id

    async def delete_customer(self, customer_id: str) -> None:
        """Delete a customer, name and address included; its subscriptions end at once. One that is not there any more is fine."""
        try:
            async with self._asking() as (client, options):
                await client.v1.customers.delete_async(customer_id, None, options)
        except Missing:
            return

    async def create_checkout(
        self, workspace_id: WorkspaceId, customer_id: str, purchase: Purchase, way: Way, key: str
    ) -> Session:
        """A checkout session for a purchase. Raises Missing where the customer is gone."""
        item = purchase.item
        metadata = {"workspace_id": workspace_id, "checkout_id": str(purchase.id)}
        more = (
            {"mode": "subscription", "subscription_data": {"metadata": metadata}}
            if item.kind is Kind.PLAN
            else {"mode": "payment", "invoice_creation": {"enabled": True, "invoice_data": {"metadata": metadata}}}
        )
        wanted: Any = {
            "customer": customer_id,
            "client_reference_id": workspace_id,
            "metadata": metadata,
            "line_items": [{"price": item.price_id, "quantity": item.packs or 1}],
            "success_url": way.paid,
            "cancel_url": way.back,
            **more,
        }
        async with self._asking(key) as (client, options):
            made = await client.v1.checkout.sessions.create_async(wanted, options)
        return wire.read(wire.SessionRecord, made.to_dict()).session()

    async def open_portal(self, account: Account, return_url: str, key: str, price_id: str | None = None) -> str:
        """The address of Stripe's portal for the customer; with a `price_id` at the page that changes the subscription to it.

        Raises Missing where the customer or the subscription is gone.
        """
        wanted: Any = {"customer": account.customer_id, "return_url": return_url}
        if price_id:
            item = {"id": account.item_id, "price": price_id, "quantity": 1}
            confirm = {"subscription": account.subscription_id, "items": [item]}
            wanted["flow_data"] = {"type": "subscription_update_confirm", "subscription_update_confirm": confirm}
        async with self._asking(key) as (client, options):
            made = await client.v1.billing_portal.sessions.create_async(wanted, options)
        return str(made.url)

    async def keep_plan(self, account: Account, key: str) -> None:
        """Take back what was arranged for later, as it is at Stripe now: the end of the subscription, or another price. Raises Missing."""
        async with self._asking() as (client, options):
            found = await client.v1.subscriptions.retrieve_async(
                account.subscription_id, {"expand": ["schedule"]}, options
            )
        record = wire.read(wire.SubscriptionRecord, found.to_dict())
        if record.customer != account.customer_id:
            raise Missing("There is no such subscription at Stripe.")
        if record.schedule is not None and record.schedule.status == "active":
            async with self._asking(f"{key}:schedule") as (client, options):
                await client.v1.subscription_schedules.release_async(record.schedule.id, None, options)
        # Stripe takes one of the two, the one by which it was arranged.
        stays: Any = {"cancel_at_period_end": False} if record.cancel_at_period_end else {"cancel_at": ""}
        if record.cancel_at_period_end or record.cancel_at is not None:
            async with self._asking(f"{key}:end") as (client, options):
                await client.v1.subscriptions.update_async(record.id, stays, options)

    async def _client(self) -> stripe.StripeClient:
        open_client = await _OPEN.get()
        if self._opened is None:
            self._opened = open_client(*self._given)
        return self._opened

    @asynccontextmanager
    async def _asking(self, key: str = "") -> AsyncIterator[tuple[stripe.StripeClient, Any]]:
        """The client and the options of a request, and Stripe's errors in our words, which quote none of theirs."""
        try:
            secret = (await self._secrets.read(SECRET)).decode().strip()
        except NotFound:
            log.error("the secret with Stripe's key does not exist", missing=SECRET)
            raise AccountRefused("Stripe is not set up here. Our team has to look at it.", retry_after=300) from None
        options: Mapping[str, str] = {"api_key": secret, **({"idempotency_key": key} if key else {})}
        client = await self._client()
        import stripe

        try:
            yield client, options
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                raise Missing("There is no such thing at Stripe, or not any more.") from None
            log.error("Stripe refuses a request", status=error.http_status or 0, code=error.code or "")
            raise Refused("Stripe did not accept this. Our team has to look at it.") from None
        except stripe.IdempotencyError:
            raise Conflict("This form was used for something else. Open the page again.") from None
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            log.error("Stripe refuses our key", status=error.http_status or 0)
            raise AccountRefused("Stripe does not let us in. Our team has to look at it.", retry_after=300) from None
        except stripe.StripeError as error:
            log.warning("Stripe has no answer", status=error.http_status or 0, code=error.code or "")
            raise Transient("Stripe has no answer at the moment. Try again shortly.") from None


def load_stripe() -> Open:
    """Stripe's client."""
    from retention.stripe.transport import opened

    return opened


_OPEN = Late(load_stripe)
