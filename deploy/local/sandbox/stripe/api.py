"""Stripe's API for programs, below ``/stripe/v1``: forms in, JSON out, each POST once for its idempotency key."""

from __future__ import annotations

import copy
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.stripe import forms, records
from local.sandbox.stripe.forms import Malformed, Node
from local.sandbox.stripe.ledger import Ledger, NoSuchThing
from local.sandbox.stripe.records import Record, listing
from local.sandbox.vendors import stripe_error

Answer = Callable[[str, Node], Record]

_MOST_ON_A_PAGE = 100


class Refused(Exception):
    """Stripe's answer to a request that it does not accept; ``param`` is what is wrong with it."""

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class StripeApi:
    """The routes. ``browser_url`` is where a browser reaches the sandbox's Stripe, without a closing slash."""

    ledger: Ledger
    secret_key: str
    browser_url: str

    def routes(self) -> list[Route]:
        """All that Callmine asks for."""
        return [
            self._route("/v1/customers", post=self._create_customer),
            self._route("/v1/customers/{id}", get=self._customer, delete=self._delete_customer),
            self._route("/v1/checkout/sessions", post=self._create_session),
            self._route("/v1/checkout/sessions/{id}", get=self._session),
            self._route("/v1/billing_portal/sessions", post=self._create_portal),
            self._route("/v1/subscriptions", get=self._subscriptions),
            self._route(
                "/v1/subscriptions/{id}", get=self._subscription, post=self._update_subscription, delete=self._cancel
            ),
            self._route("/v1/subscription_schedules/{id}/release", post=self._release),
            self._route("/v1/invoices", get=self._invoices),
            self._route("/v1/invoices/{id}", get=self._invoice),
            self._route("/v1/prices/{id}", get=lambda identifier, _: self.ledger.price(identifier)),
        ]

    def _route(
        self, path: str, *, get: Answer | None = None, post: Answer | None = None, delete: Answer | None = None
    ) -> Route:
        answers = {"GET": get, "POST": post, "DELETE": delete}

        async def endpoint(request: Request) -> Response:
            answer = answers[request.method]
            assert answer is not None, "only these methods are routed"  # noqa: S101
            return await self._answered(request, answer)

        return Route(path, endpoint, methods=[name for name, answer in answers.items() if answer])

    async def _answered(self, request: Request, answer: Answer) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not hmac.compare_digest(key.encode(), self.secret_key.encode()):
            return stripe_error(HTTPStatus.UNAUTHORIZED, "Invalid API Key provided")
        sent = await request.body() if request.method == "POST" else request.url.query.encode()
        known = self._known(request, sent)
        if known is not None:
            return known
        try:
            found = answer(request.path_params.get("id", ""), forms.read_form(sent))
        except NoSuchThing as error:
            missing = HTTPStatus.NOT_FOUND if request.method == "GET" else HTTPStatus.BAD_REQUEST
            return stripe_error(missing, str(error), "resource_missing", "id")
        except Refused as error:
            return stripe_error(HTTPStatus.BAD_REQUEST, str(error), param=error.param)
        except Malformed as error:
            return stripe_error(HTTPStatus.BAD_REQUEST, "Invalid request", param=str(error))
        if request.method != "GET":
            self._remember(request, sent, found)
            self.ledger.keep()
        return JSONResponse(found, headers={"request-id": records.new_id("req"), "stripe-version": records.API_VERSION})

    def _known(self, request: Request, sent: bytes) -> Response | None:
        """The answer that was given to this key before; an error where it was for something else."""
        key = request.headers.get("idempotency-key", "")
        known = self.ledger.tables["keys"].get(key) if key and request.method == "POST" else None
        if known is None:
            return None
        if known["request"] != _digest(request, sent):
            text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            return stripe_error(HTTPStatus.BAD_REQUEST, text, kind="idempotency_error")
        return JSONResponse(known["answer"], headers={"idempotent-replayed": "true"})

    def _remember(self, request: Request, sent: bytes, answer: Record) -> None:
        key = request.headers.get("idempotency-key", "")
        if key:
            kept = {"request": _digest(request, sent), "answer": copy.deepcopy(answer)}
            self.ledger.tables["keys"][key] = kept

    # Customers.

    def _create_customer(self, _: str, form: Node) -> Record:
        named = {name: forms.text(form, name) or None for name in ("name", "email")}
        fields = {**named, "metadata": _metadata(form)}
        return self.ledger.add("customers", records.customer(fields, self.ledger.now))

    def _customer(self, customer_id: str, _: Node) -> Record:
        found = self.ledger.find("customers", customer_id)
        return {"id": customer_id, "object": "customer", "deleted": True} if found.get("deleted") else found

    def _delete_customer(self, customer_id: str, _: Node) -> Record:
        return self.ledger.delete_customer(customer_id)

    # Checkout and the portal.

    def _create_session(self, _: str, form: Node) -> Record:
        mode = forms.text(form, "mode")
        if mode not in {"payment", "subscription"}:
            raise Refused("mode must be one of payment, subscription", "mode")
        customer = self.ledger.living_customer(forms.text(form, "customer"))
        [wanted] = forms.items(form, "line_items") or [{}]
        price, quantity = self.ledger.price(forms.text(wanted, "price")), int(forms.text(wanted, "quantity") or 1)
        if (price["type"] == "recurring") != (mode == "subscription"):
            raise Refused("You specified a price of another kind than the mode", "line_items[0][price]")
        fields = {
            "amount_subtotal": price["unit_amount"] * quantity,
            "amount_total": price["unit_amount"] * quantity,
            "cancel_url": forms.text(form, "cancel_url") or None,
            "client_reference_id": forms.text(form, "client_reference_id") or None,
            "currency": price["currency"],
            "customer": customer["id"],
            "metadata": _metadata(form),
            "mode": mode,
            "success_url": forms.text(form, "success_url") or None,
        }
        session = self.ledger.add("sessions", records.session(fields, self.ledger.now))
        session["url"] = f"{self.browser_url}/pay/{session['id']}"
        self.ledger.tables["lines"][session["id"]] = {
            "listing": listing(
                f"/v1/checkout/sessions/{session['id']}/line_items", [records.line(session, price, quantity)]
            ),
            "subscription_metadata": _metadata(forms.below(form, "subscription_data")),
        }
        return session

    def _session(self, session_id: str, query: Node) -> Record:
        found = dict(self.ledger.find("sessions", session_id))
        if found["status"] != "open":
            found["url"] = None
        if "line_items" in forms.texts(query, "expand"):
            found["line_items"] = self.ledger.tables["lines"][session_id]["listing"]
        return found

    def _create_portal(self, _: str, form: Node) -> Record:
        customer = self.ledger.living_customer(forms.text(form, "customer"))
        portal = records.portal(customer["id"], forms.text(form, "return_url"), self._flow(form), self.ledger.now)
        portal["url"] = f"{self.browser_url}/portal/{portal['id']}"
        return self.ledger.add("portals", portal)

    def _flow(self, form: Node) -> Record | None:
        """The one flow that is known here: confirming a change of the price."""
        told = forms.below(form, "flow_data")
        if not told:
            return None
        confirm = forms.below(told, "subscription_update_confirm")
        subscription_id = forms.text(confirm, "subscription")
        subscription = self.ledger.find("subscriptions", subscription_id)
        [item] = forms.items(confirm, "items") or [{}]
        if forms.text(item, "id") != subscription["items"]["data"][0]["id"]:
            raise Refused("The item is not the subscription's", "flow_data[subscription_update_confirm][items][0][id]")
        price = self.ledger.price(forms.text(item, "price"))
        return {
            "type": "subscription_update_confirm",
            "after_completion": {"type": "portal_homepage", "hosted_confirmation": None, "redirect": None},
            "subscription_cancel": None,
            "subscription_update": None,
            "subscription_update_confirm": {
                "subscription": subscription_id,
                "discounts": None,
                "items": [{"id": forms.text(item, "id"), "price": price["id"], "quantity": 1}],
            },
        }

    # Subscriptions and invoices.

    def _subscriptions(self, _: str, query: Node) -> Record:
        status = forms.text(query, "status")
        found = self.ledger.of_customer("subscriptions", forms.text(query, "customer"))
        if status != "all":
            found = [one for one in found if one["status"] == status or (not status and one["status"] != "canceled")]
        page = _page(found, query)
        expanded = [self._expanded(one, forms.texts(query, "expand"), "data.") for one in page]
        return listing("/v1/subscriptions", expanded, more=bool(page) and page[-1] is not found[-1])

    def _subscription(self, subscription_id: str, query: Node) -> Record:
        return self._expanded(self.ledger.find("subscriptions", subscription_id), forms.texts(query, "expand"))

    def _update_subscription(self, subscription_id: str, form: Node) -> Record:
        found = self.ledger.find("subscriptions", subscription_id)
        if found["status"] == "canceled":
            raise NoSuchThing("subscription", subscription_id)
        if "cancel_at_period_end" in form and "cancel_at" in form:
            raise Refused("Pass either cancel_at or cancel_at_period_end", "cancel_at")
        if "cancel_at_period_end" in form:
            self.ledger.end_later(found, ends=forms.text(form, "cancel_at_period_end") == "true")
        if "cancel_at" in form:
            self.ledger.update(found, cancel_at=int(forms.text(form, "cancel_at") or 0) or None)
        return found

    def _cancel(self, subscription_id: str, _: Node) -> Record:
        found = self.ledger.find("subscriptions", subscription_id)
        self.ledger.cancel(found)
        return found

    def _release(self, schedule_id: str, _: Node) -> Record:
        schedule = self.ledger.find("schedules", schedule_id)
        if schedule["status"] != "active":
            raise Refused("You cannot release a subscription schedule that is not active")
        subscription = self.ledger.find("subscriptions", schedule["subscription"])
        self.ledger.release(subscription)
        self.ledger.update(subscription)
        return schedule

    def _invoices(self, _: str, query: Node) -> Record:
        found = self.ledger.of_customer("invoices", forms.text(query, "customer"))
        page = _page(found, query)
        return listing("/v1/invoices", page, more=bool(page) and page[-1] is not found[-1])

    def _invoice(self, invoice_id: str, _: Node) -> Record:
        return self.ledger.find("invoices", invoice_id)

    def _expanded(self, subscription: Record, wanted: list[str], above: str = "") -> Record:
        """With the objects themselves in place of the ids that were asked for."""
        found = dict(subscription)
        for name, kind in (("schedule", "schedules"), ("latest_invoice", "invoices")):
            if f"{above}{name}" in wanted and found[name]:
                found[name] = self.ledger.find(kind, found[name])
        return found


def _page(found: list[Record], query: Node) -> list[Record]:
    size = max(1, min(_MOST_ON_A_PAGE, int(forms.text(query, "limit") or 10)))
    after = forms.text(query, "starting_after")
    start = next((place + 1 for place, one in enumerate(found) if one["id"] == after), 0) if after else 0
    return found[start : start + size]


def _metadata(form: Node) -> dict[str, str]:
    return {name: value for name, value in forms.below(form, "metadata").items() if isinstance(value, str)}


def _digest(request: Request, sent: bytes) -> str:
    return hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + sent).hexdigest()
