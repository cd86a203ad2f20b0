"""Stripe's objects as API version 2026-10-28.endive writes them; with all fields that are always there, and those that Callmine reads."""

from __future__ import annotations

import secrets
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.sandbox.settings import StripePrice

Record = dict[str, Any]

API_VERSION = "2026-10-28.endive"

_NO_TAX = {"disabled_reason": None, "enabled": False, "liability": None}


def new_id(kind: str) -> str:
    """An id of Stripe's kind."""
    return f"{kind}_{secrets.token_hex(12)}"


def listing(url: str, data: Sequence[Record], *, more: bool = False) -> Record:
    """A list object."""
    return {"object": "list", "data": list(data), "has_more": more, "url": url}


def month_after(stamp: int, anchor: int) -> int:
    """A month later, on the anchor's day, or the last one of a month that is too short."""
    at, day = datetime.fromtimestamp(stamp, UTC), datetime.fromtimestamp(anchor, UTC).day
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return int(at.replace(year=year, month=month, day=min(day, monthrange(year, month)[1])).timestamp())


def customer(fields: Record, now: int) -> Record:
    """A customer; ``fields`` are its name, email and metadata."""
    return {
        "id": new_id("cus"),
        "object": "customer",
        "balance": 0,
        "created": now,
        "currency": None,
        "delinquent": False,
        "email": None,
        "livemode": False,
        "metadata": {},
        "name": None,
        **fields,
    }


def price(offer: StripePrice) -> Record:
    """A price."""
    recurring = {
        "interval": "month",
        "interval_count": 1,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    return {
        "id": offer.id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": 1_760_000_000,
        "currency": offer.currency,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": f"prod_{offer.id.removeprefix('price_')}",
        "recurring": recurring if offer.monthly else None,
        "type": "recurring" if offer.monthly else "one_time",
        "unit_amount": offer.amount,
        "unit_amount_decimal": str(offer.amount),
    }


def session(fields: Record, now: int) -> Record:
    """A checkout session that nobody has paid yet."""
    return {
        "id": f"cs_test_{secrets.token_hex(24)}",
        "object": "checkout.session",
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "client_reference_id": None,
        "created": now,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "expires_at": now + 86_400,
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "payment_intent": None,
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "ui_mode": "hosted_page",
        **fields,
    }


def line(parent: Record, of: Record, quantity: int) -> Record:
    """A line of a session or an invoice."""
    amount = of["unit_amount"] * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount": amount,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": of["currency"],
        "description": of["id"],
        "discountable": True,
        "discounts": [],
        "livemode": False,
        "metadata": {},
        "period": {"start": parent["created"], "end": parent["created"]},
        "price": of,
        "quantity": quantity,
        "subtotal": amount,
    }


def subscription(customer_id: str, of: Record, metadata: Record, now: int) -> Record:
    """An active subscription of one price."""
    subscription_id = new_id("sub")
    item = {
        "id": new_id("si"),
        "object": "subscription_item",
        "created": now,
        "current_period_start": now,
        "current_period_end": month_after(now, now),
        "discounts": [],
        "metadata": {},
        "plan": {"id": of["id"], "object": "plan", "amount": of["unit_amount"], "currency": of["currency"]},
        "price": of,
        "quantity": 1,
        "subscription": subscription_id,
        "tax_rates": [],
    }
    return {
        "id": subscription_id,
        "object": "subscription",
        "automatic_tax": _NO_TAX,
        "billing_cycle_anchor": now,
        "billing_mode": {"type": "flexible"},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": now,
        "currency": of["currency"],
        "customer": customer_id,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listing(f"/v1/subscription_items?subscription={subscription_id}", [item]),
        "latest_invoice": None,
        "livemode": False,
        "metadata": metadata,
        "pause_collection": None,
        "schedule": None,
        "start_date": now,
        "status": "active",
        "trial_end": None,
    }


def schedule(of: Record, following: Record, now: int) -> Record:
    """The schedule by which a subscription goes to another price at the end of its period."""
    item = of["items"]["data"][0]
    ends = item["current_period_end"]
    phases = [
        {"start_date": item["current_period_start"], "end_date": ends, "items": [_phase_item(item["price"]["id"])]},
        {"start_date": ends, "end_date": month_after(ends, ends), "items": [_phase_item(following["id"])]},
    ]
    return {
        "id": new_id("sub_sched"),
        "object": "subscription_schedule",
        "created": now,
        "current_phase": {"start_date": item["current_period_start"], "end_date": ends},
        "customer": of["customer"],
        "end_behavior": "release",
        "livemode": False,
        "metadata": {},
        "phases": phases,
        "released_at": None,
        "released_subscription": None,
        "status": "active",
        "subscription": of["id"],
    }


def _phase_item(price_id: str) -> Record:
    return {"price": price_id, "plan": price_id, "quantity": 1, "discounts": [], "metadata": {}}


def invoice(customer_id: str, number: str, lines: Sequence[tuple[Record, int]], now: int) -> Record:
    """An open invoice, which a payment was not tried for yet."""
    invoice_id = new_id("in")
    made = [
        line({"created": now}, of, quantity) | {"object": "line_item", "id": new_id("il")} for of, quantity in lines
    ]
    total = sum(one["amount"] for one in made)
    return {
        "id": invoice_id,
        "object": "invoice",
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "automatic_tax": _NO_TAX | {"provider": None, "status": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": lines[0][0]["currency"],
        "customer": customer_id,
        "default_tax_rates": [],
        "discounts": [],
        "lines": listing(f"/v1/invoices/{invoice_id}/lines", made),
        "livemode": False,
        "metadata": {},
        "number": number,
        "parent": None,
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "open",
        "status_transitions": {
            "finalized_at": now,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": total,
        "total": total,
    }


def portal(customer_id: str, return_url: str, flow: Record | None, now: int) -> Record:
    """A session of the customer portal."""
    return {
        "id": new_id("bps"),
        "object": "billing_portal.session",
        "configuration": "bpc_sandbox",
        "created": now,
        "customer": customer_id,
        "flow": flow,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": return_url,
    }


def event(kind: str, of: Record, now: int) -> Record:
    """An event about an object as it is now."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": of},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
