"""The sandbox's controls of its Stripe: what time and other people do, and how events are delivered. For the admin token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox.stripe.courier import Courier
from local.sandbox.stripe.ledger import Ledger, NoSuchThing
from local.sandbox.stripe.records import Record

Control = tuple[str, str, Callable[[Request], Awaitable[Response]]]


class _Delivery(BaseModel):
    """How events are delivered from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    copies: int = Field(default=1, ge=1, le=10)
    shuffled: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True)
class StripeControls:
    """The controls."""

    ledger: Ledger
    courier: Courier | None

    def routes(self) -> list[Control]:
        """Path, method and endpoint of each."""
        return [
            ("/_stripe", "GET", self._report),
            ("/_stripe/delivery", "PUT", self._deliver),
            ("/_stripe/sessions/{id}/{act}", "POST", self._settle),
            ("/_stripe/subscriptions/{id}/{act}", "POST", self._act),
        ]

    async def _report(self, _request: Request) -> Response:
        names = ("customers", "subscriptions", "sessions", "invoices")
        told = [{"id": one["id"], "type": one["type"]} for one in self.ledger.events]
        return JSONResponse({name: list(self.ledger.tables[name].values()) for name in names} | {"events": told})

    async def _deliver(self, request: Request) -> Response:
        try:
            wanted = _Delivery.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"errors": error.errors(include_input=False)}, HTTPStatus.BAD_REQUEST)
        if self.courier is None:
            return JSONResponse({"error": "no webhooks are sent: set stripe.webhook_url"}, HTTPStatus.CONFLICT)
        manners = self.courier.manners
        manners.copies, manners.shuffled, manners.held = wanted.copies, wanted.shuffled, wanted.held
        if not wanted.held:
            self.courier.release()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _settle(self, request: Request) -> Response:
        acts: dict[str, Callable[[str], object]] = {
            "pay": self.ledger.pay,
            "succeed": lambda one: self.ledger.settle(one, paid=True),
            "fail": lambda one: self.ledger.settle(one, paid=False),
        }
        return self._done(request, acts[request.path_params["act"]])

    async def _act(self, request: Request) -> Response:
        acts: dict[str, Callable[[Record], object]] = {
            "renew": self.ledger.renew,
            "fail": lambda one: self.ledger.renew(one, paid=False),
            "unpaid": lambda one: self.ledger.update(one, status="unpaid"),
            "pause": lambda one: self.ledger.update(one, status="paused"),
            "pay": self.ledger.pay_open,
            "cancel": self.ledger.cancel,
        }
        return self._done(
            request,
            lambda identifier: acts[request.path_params["act"]](self.ledger.find("subscriptions", identifier)),
        )

    def _done(self, request: Request, act: Callable[[str], object]) -> Response:
        try:
            act(request.path_params["id"])
        except (NoSuchThing, KeyError) as error:
            return JSONResponse({"error": f"There is no such control: {error}"}, HTTPStatus.NOT_FOUND)
        self.ledger.keep()
        return Response(status_code=HTTPStatus.NO_CONTENT)
