"""What a person sees of Stripe: the page where a session is paid, and the customer portal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from local.sandbox.oauth.pages import page, sheet
from local.sandbox.stripe.ledger import Ledger, NoSuchThing
from local.sandbox.stripe.records import Record


@dataclass(frozen=True, slots=True)
class StripePages:
    """The pages. ``origins`` are those a browser may see the sandbox under."""

    ledger: Ledger
    origins: frozenset[str]

    def routes(self) -> list[Route]:
        """Both pages, what their forms do, and their style sheet."""
        return [
            Route("/pay/sheet.css", sheet, methods=["GET"]),
            Route("/pay/{id}", self._ask_to_pay, methods=["GET"]),
            Route("/pay/{id}", self._pay, methods=["POST"]),
            Route("/portal/sheet.css", sheet, methods=["GET"]),
            Route("/portal/{id}", self._portal, methods=["GET"]),
            Route("/portal/{id}", self._manage, methods=["POST"]),
        ]

    async def _ask_to_pay(self, request: Request) -> Response:
        session = self._open_session(request)
        if session is None:
            return _nothing("This checkout was paid already, or does not exist.")
        return self._pay_page(session, HTTPStatus.OK)

    def _pay_page(self, session: Record, status: HTTPStatus, *, declined: bool = False) -> Response:
        lines = self.ledger.tables["lines"][session["id"]]["listing"]["data"]
        onward = _origin(session["success_url"] or "")
        return page(
            "pay.html",
            "sheet.css",
            status,
            onward,
            title="Stripe",
            session=session,
            lines=lines,
            declined=declined,
        )

    async def _pay(self, request: Request) -> Response:
        session = self._open_session(request)
        if session is None:
            return _nothing("This checkout was paid already, or does not exist.")
        if not self._from_here(request):
            return _nothing("The decision did not come from this page.", HTTPStatus.FORBIDDEN)
        decision = (await request.form()).get("decision")
        if decision == "decline":
            return self._pay_page(session, HTTPStatus.PAYMENT_REQUIRED, declined=True)
        if decision == "back":
            return _lead(str(session["cancel_url"] or "/"))
        self.ledger.pay(session["id"], later=decision == "later")
        self.ledger.keep()
        return _lead(str(session["success_url"] or "/").replace("{CHECKOUT_SESSION_ID}", session["id"]))

    async def _portal(self, request: Request) -> Response:
        try:
            portal = self.ledger.find("portals", request.path_params["id"])
        except NoSuchThing:
            return _nothing("This link does not lead anywhere any more.")
        customer_id = str(portal["customer"])
        prices = [self.ledger.price(one.id) for one in self.ledger.prices if one.monthly]
        wanted = (portal["flow"] or {}).get("subscription_update_confirm") or {}
        return page(
            "portal.html",
            "sheet.css",
            HTTPStatus.OK,
            _origin(str(portal["return_url"])),
            title="Stripe",
            portal=portal,
            subscriptions=[one for one in self.ledger.of_customer("subscriptions", customer_id) if _lives(one)],
            invoices=self.ledger.of_customer("invoices", customer_id),
            prices=prices,
            wanted=wanted["items"][0]["price"] if wanted else "",
        )

    async def _manage(self, request: Request) -> Response:
        if not self._from_here(request):
            return _nothing("The decision did not come from this page.", HTTPStatus.FORBIDDEN)
        form = await request.form()
        try:
            portal = self.ledger.find("portals", request.path_params["id"])
            subscription = self.ledger.find("subscriptions", str(form.get("subscription", "")))
        except NoSuchThing:
            return _nothing("This link does not lead anywhere any more.")
        act = self._acts(subscription).get(str(form.get("decision", "")))
        if act is None or subscription["customer"] != portal["customer"] or not _lives(subscription):
            return _nothing("That cannot be done here.", HTTPStatus.UNPROCESSABLE_ENTITY)
        act(str(form.get("price", "")))
        self.ledger.keep()
        # Once a change is confirmed, the portal shows what there is now.
        portal["flow"] = None
        return _lead(request.url.path.rpartition("/")[2])

    def _acts(self, subscription: Record) -> dict[str, Callable[[str], object]]:
        return {
            "change": lambda price: self.ledger.change_price(subscription, price),
            "end": lambda _: self.ledger.end_later(subscription, ends=True),
            "stay": lambda _: self._stay(subscription),
            "pay": lambda _: self.ledger.pay_open(subscription),
        }

    def _stay(self, subscription: Record) -> None:
        self.ledger.release(subscription)
        self.ledger.end_later(subscription, ends=False)

    def _open_session(self, request: Request) -> Record | None:
        session = self.ledger.tables["sessions"].get(request.path_params["id"])
        return session if session is not None and session["status"] == "open" else None

    def _from_here(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        return origin is None or origin in self.origins


def _lives(subscription: Record) -> bool:
    return subscription["status"] not in {"canceled", "incomplete_expired"}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _nothing(why: str, status: HTTPStatus = HTTPStatus.NOT_FOUND) -> Response:
    return page("refusal.html", "sheet.css", status, title="Stripe", why=why)


def _lead(location: str) -> Response:
    return RedirectResponse(location, HTTPStatus.SEE_OTHER, headers={"cache-control": "no-store"})
