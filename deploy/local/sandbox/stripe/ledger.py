"""What the sandbox's Stripe knows, and what happens there: somebody pays, a card fails, a month passes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.sandbox.clock import Clock
from local.sandbox.settings import StripePrice
from local.sandbox.stripe import records
from local.sandbox.stripe.records import Record

# Events that are remembered; enough for any test, and bounded.
MOST_EVENTS = 1000
_KINDS = ("customers", "subscriptions", "schedules", "invoices", "sessions", "lines", "portals", "keys")


class NoSuchThing(LookupError):
    """An id that names nothing here; ``what`` and ``id`` are for the answer."""

    def __init__(self, what: str, identifier: str) -> None:
        super().__init__(f"No such {what}: '{identifier}'")


@dataclass(slots=True)
class Ledger:
    """All objects by kind and id. ``told`` hears of each event; ``kept_in`` makes the ledger outlive a restart."""

    clock: Clock
    prices: Sequence[StripePrice]
    kept_in: Path | None = None
    told: list[Callable[[Record], object]] = field(default_factory=list)
    tables: dict[str, dict[str, Record]] = field(default_factory=lambda: {kind: {} for kind in _KINDS})
    events: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.kept_in and self.kept_in.is_file():
            self.tables |= json.loads(self.kept_in.read_text("utf-8"))

    @property
    def now(self) -> int:
        """The time in seconds, as Stripe writes it."""
        return int(self.clock.now().timestamp())

    def keep(self) -> None:
        """Write everything down, if that is wanted."""
        if self.kept_in is None:
            return
        self.kept_in.parent.mkdir(parents=True, exist_ok=True)
        draft = self.kept_in.with_suffix(".part")
        draft.write_text(json.dumps(self.tables), "utf-8")
        draft.replace(self.kept_in)

    def find(self, kind: str, identifier: str) -> Record:
        """The object itself. Raises NoSuchThing."""
        found = self.tables[kind].get(identifier)
        if found is None:
            raise NoSuchThing(kind.removesuffix("s"), identifier)
        return found

    def living_customer(self, customer_id: str) -> Record:
        """A customer that was not deleted. Raises NoSuchThing."""
        found = self.find("customers", customer_id)
        if found.get("deleted"):
            raise NoSuchThing("customer", customer_id)
        return found

    def price(self, price_id: str) -> Record:
        """A price. Raises NoSuchThing."""
        found = next((one for one in self.prices if one.id == price_id), None)
        if found is None:
            raise NoSuchThing("price", price_id)
        return records.price(found)

    def add(self, kind: str, record: Record) -> Record:
        """Keep a new object."""
        self.tables[kind][record["id"]] = record
        return record

    def of_customer(self, kind: str, customer_id: str) -> list[Record]:
        """The customer's objects of a kind, newest first."""
        mine = [one for one in self.tables[kind].values() if one.get("customer") == customer_id]
        return sorted(mine, key=lambda one: -int(one["created"]))

    def tell(self, kind: str, record: Record) -> None:
        """Something happened."""
        event = records.event(kind, copy.deepcopy(record), self.now)
        self.events.append(event)
        del self.events[:-MOST_EVENTS]
        for hear in self.told:
            hear(event)

    # Checkout.

    def pay(self, session_id: str, *, later: bool = False) -> Record:
        """Somebody pays at the page of a session; ``later`` by a way that takes days, such as a transfer."""
        session = self.find("sessions", session_id)
        if session["status"] != "open":
            return session
        kept = self.tables["lines"][session_id]
        line = kept["listing"]["data"][0]
        if session["mode"] == "subscription":
            subscription = self.subscribe(session["customer"], line["price"]["id"], kept["subscription_metadata"])
            session |= {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
        elif not later:
            session["invoice"] = self._charge(session["customer"], [(line["price"], line["quantity"])])["id"]
        session |= {"status": "complete", "payment_status": "unpaid" if later else "paid"}
        self.tell("checkout.session.completed", session)
        return session

    def settle(self, session_id: str, *, paid: bool) -> None:
        """What was to be paid later has arrived, or will not."""
        session = self.find("sessions", session_id)
        session["payment_status"] = "paid" if paid else "unpaid"
        self.tell(f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", session)

    def subscribe(self, customer_id: str, price_id: str, metadata: Record) -> Record:
        """A new subscription, its first month paid."""
        subscription = records.subscription(customer_id, self.price(price_id), metadata, self.now)
        self.add("subscriptions", subscription)
        self._charge(customer_id, [(self.price(price_id), 1)], subscription)
        self.tell("customer.subscription.created", subscription)
        return subscription

    # What happens to a subscription.

    def update(self, subscription: Record, **changes: object) -> Record:
        """Change fields, and tell of it."""
        subscription |= changes
        self.tell("customer.subscription.updated", subscription)
        return subscription

    def change_price(self, subscription: Record, price_id: str) -> None:
        """To a dearer price at once, to a cheaper one at the end of the period, as the portal is set up to do."""
        item, wanted = subscription["items"]["data"][0], self.price(price_id)
        self.release(subscription)
        if wanted["unit_amount"] >= item["price"]["unit_amount"]:
            item["price"] = wanted
            self._charge(subscription["customer"], [(wanted, 1)], subscription)
            self.update(subscription)
            return
        made = self.add("schedules", records.schedule(subscription, wanted, self.now))
        self.update(subscription, schedule=made["id"])

    def release(self, subscription: Record) -> None:
        """Another price does not follow after all."""
        if subscription["schedule"]:
            schedule = self.find("schedules", subscription["schedule"])
            schedule |= {"status": "released", "released_at": self.now, "released_subscription": subscription["id"]}
            subscription["schedule"] = None

    def end_later(self, subscription: Record, *, ends: bool) -> None:
        """It ends with its period, or does not after all."""
        end = subscription["items"]["data"][0]["current_period_end"] if ends else None
        self.update(subscription, cancel_at_period_end=ends, cancel_at=end)

    def cancel(self, subscription: Record) -> None:
        """It ends now."""
        if subscription["status"] == "canceled":
            return
        subscription |= {"status": "canceled", "canceled_at": self.now, "ended_at": self.now}
        self.tell("customer.subscription.deleted", subscription)

    def renew(self, subscription: Record, *, paid: bool = True) -> None:
        """A month is over: what was arranged takes effect, and the next month is charged, if the card is good."""
        if subscription["cancel_at_period_end"]:
            self.cancel(subscription)
            return
        item = subscription["items"]["data"][0]
        if subscription["schedule"]:
            following = self.find("schedules", subscription["schedule"])["phases"][-1]["items"][0]["price"]
            item["price"] = self.price(following)
            self.release(subscription)
        start = item["current_period_end"]
        item |= {
            "current_period_start": start,
            "current_period_end": records.month_after(start, subscription["billing_cycle_anchor"]),
        }
        invoice = self._charge(subscription["customer"], [(item["price"], 1)], subscription, paid=paid)
        self.update(subscription, status="active" if paid else "past_due")
        if not paid:
            self.tell("invoice.payment_failed", invoice)

    def pay_open(self, subscription: Record) -> None:
        """The invoice that was open is paid."""
        invoice = self.find("invoices", subscription["latest_invoice"])
        self._paid(invoice)
        self.update(subscription, status="active")

    def delete_customer(self, customer_id: str) -> Record:
        """The customer is deleted; its subscriptions end at once."""
        customer = self.living_customer(customer_id)
        for subscription in self.of_customer("subscriptions", customer_id):
            self.cancel(subscription)
        customer["deleted"] = True
        return {"id": customer_id, "object": "customer", "deleted": True}

    def _charge(
        self,
        customer_id: str,
        lines: Sequence[tuple[Record, int]],
        subscription: Record | None = None,
        *,
        paid: bool = True,
    ) -> Record:
        number = f"{customer_id[-8:].upper()}-{len(self.of_customer('invoices', customer_id)) + 1:04}"
        invoice = self.add("invoices", records.invoice(customer_id, number, lines, self.now))
        invoice |= {"attempted": True, "attempt_count": 1}
        if subscription is not None:
            details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
            invoice["parent"] = {
                "type": "subscription_details",
                "quote_details": None,
                "subscription_details": details,
            }
            subscription["latest_invoice"] = invoice["id"]
        if paid:
            self._paid(invoice)
        return invoice

    def _paid(self, invoice: Record) -> None:
        invoice |= {"status": "paid", "amount_paid": invoice["total"], "amount_remaining": 0}
        invoice["status_transitions"]["paid_at"] = self.now
        self.tell("invoice.paid", invoice)
