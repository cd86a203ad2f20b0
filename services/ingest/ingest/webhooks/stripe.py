"""Stripe's webhooks: what has to be read again there, as ids and states. Never card data, amounts or names.

The scheme is checked here rather than by Stripe's client, which lets a time in the future pass and makes the image 31 MB larger.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter

from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_workspace_id
from ingest.domain.billing import BillingChange, BillingNews
from ingest.domain.webhooks import Reason
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.refusal import Refused
from ingest.webhooks.signing import check_signed, check_time, moment, present
from ingest.webhooks.wire import Id, Wire, moment_of, read_body

# How Checkout and everything else that Callmine makes at Stripe names its workspace.
WORKSPACE_KEY = "workspace_id"

_CHANGES: Mapping[str, BillingChange] = {
    "customer.subscription.created": BillingChange.SUBSCRIPTION,
    "customer.subscription.updated": BillingChange.SUBSCRIPTION,
    "customer.subscription.deleted": BillingChange.SUBSCRIPTION,
    "customer.subscription.paused": BillingChange.SUBSCRIPTION,
    "customer.subscription.resumed": BillingChange.SUBSCRIPTION,
    "checkout.session.completed": BillingChange.CHECKOUT,
    "checkout.session.async_payment_succeeded": BillingChange.CHECKOUT,
    "checkout.session.async_payment_failed": BillingChange.PAYMENT_FAILED,
    "invoice.payment_failed": BillingChange.PAYMENT_FAILED,
    "invoice.payment_action_required": BillingChange.PAYMENT_FAILED,
}


def _id(value: object) -> object:
    """An id, also where Stripe has put the object itself in its place."""
    return value.get("id") if isinstance(value, dict) else value


_Reference = Annotated[Id | None, BeforeValidator(_id)]


class _SubscriptionDetails(Wire):
    subscription: _Reference = None
    metadata: Mapping[str, str] | None = None


class _Parent(Wire):
    subscription_details: _SubscriptionDetails | None = None


class _Object(Wire):
    id: Id
    customer: _Reference = None
    subscription: _Reference = None
    client_reference_id: str | None = None
    metadata: Mapping[str, str] | None = None
    mode: str | None = None
    status: str | None = None
    payment_status: str | None = None
    # Where an invoice names its subscription, with that one's metadata.
    parent: _Parent | None = None

    @property
    def details(self) -> _SubscriptionDetails:
        """Of an invoice's subscription; empty for everything else."""
        return (self.parent and self.parent.subscription_details) or _SubscriptionDetails()


class _Data(Wire):
    object: _Object


class _Kind(Wire):
    type: str


class _Event(Wire):
    id: Id
    created: int
    data: _Data


_KIND = TypeAdapter(_Kind)
_EVENT = TypeAdapter(_Event)


def check_signature(secrets: Sequence[str], arrival: Arrival) -> None:
    """Stripe signed the body within five minutes of now. Raises Refused."""
    items = [item.strip().partition("=") for item in present(arrival.headers.get("stripe-signature")).split(",")]
    stamps = [value for name, _, value in items if name == "t"]
    if len(stamps) != 1:
        raise Refused(Reason.MALFORMED_SIGNATURE)
    at = moment(stamps[0])
    signed = f"{stamps[0]}.".encode() + arrival.body
    # The key is the whole text, `whsec_` included.
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    check_signed(expected, [value for name, _, value in items if name == "v1"])
    check_time(at, arrival.now)


def read_event(body: bytes) -> BillingNews | None:
    """What Stripe says; None for a type that means nothing here. Raises InvalidInput, which quotes nothing."""
    kind = read_body(_KIND, body).type
    change = _CHANGES.get(kind)
    if change is None:
        return None
    event = read_body(_EVENT, body)
    about = event.data.object
    is_checkout = kind.startswith("checkout.")
    subscription = about.id if change is BillingChange.SUBSCRIPTION else about.subscription
    return BillingNews(
        event_id=event.id,
        type=kind,
        change=change,
        occurred_at=moment_of(event.created),
        named=frozenset(_named(about)),
        customer_id=about.customer or "",
        subscription_id=subscription or about.details.subscription or "",
        checkout_session_id=about.id if is_checkout else "",
        invoice_id=about.id if kind.startswith("invoice.") else "",
        mode=about.mode or "",
        status=(about.payment_status if is_checkout else about.status) or "",
    )


def _named(about: _Object) -> Iterator[WorkspaceId]:
    """The workspaces that the object names. Another text in the same place is none of ours."""
    texts = [about.client_reference_id]
    texts += [(metadata or {}).get(WORKSPACE_KEY) for metadata in (about.metadata, about.details.metadata)]
    for text in filter(None, texts):
        try:
            yield parse_workspace_id(text)
        except InvalidInput:
            continue
