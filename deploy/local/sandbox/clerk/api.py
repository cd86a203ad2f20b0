"""Routes a program uses: the published keys, tokens on demand, webhooks on demand."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from http import HTTPStatus

from anyio.abc import TaskGroup
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.clerk.backend import ClerkBackend, Refused
from local.sandbox.clerk.courier import Courier
from local.sandbox.clerk.directory import FOUNDED_MS, Directory, Membership
from local.sandbox.clerk.keys import SigningKey, new_key
from local.sandbox.clerk.people import Role
from local.sandbox.clerk.tokens import Mint, TokenOptions, new_session
from local.sandbox.clerk.webhook_events import (
    EventType,
    WebhookMessage,
    membership_event,
    opening_events,
    organization_event,
)
from local.sandbox.vendors import clerk_error


class MintOrder(BaseModel):
    """A token to order: whose, and how it departs from a good one.

    ``expired`` and ``wrong_key`` make it bad; ``issuer`` and ``azp`` replace the configured ones; ``role`` overrides the
    person's; ``lifetime`` is in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str
    organization: str | None = None
    role: str | None = None
    version: int = Field(default=2, ge=1, le=2)
    lifetime: int | None = None
    expired: bool = False
    wrong_key: bool = False
    issuer: str | None = None
    azp: str | None = None
    sts: str = "active"


class WebhookOrder(BaseModel):
    """An event to send; without a type, all the opening events again. ``at_ms`` is when it happened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: EventType | None = None
    organization: str = ""
    user: str = ""
    role: Role = Role.MEMBER
    at_ms: int = FOUNDED_MS


class ClerkApi:
    """The programs' side of Clerk. Ordering tokens and webhooks takes the sandbox's admin token."""

    def __init__(
        self,
        mint: Mint,
        default_origin: str,
        admin_token: str,
        courier: Courier | None,
        secret_key: str,
        told: Sequence[Callable[[list[WebhookMessage]], object]],
    ) -> None:
        self._mint = mint
        self._told = told
        self._directory = mint.directory
        self.backend = ClerkBackend(mint.directory, secret_key, self._send)
        self._default_origin = default_origin
        self._admin_token = admin_token
        self._courier = courier
        self._stranger: SigningKey | None = None
        self._deliveries: TaskGroup | None = None

    def routes(self) -> list[Route]:
        """The routes below ``/clerk``."""
        return [
            Route("/.well-known/jwks.json", self._jwks, methods=["GET"]),
            Route("/_mint", self._order_token, methods=["POST"]),
            Route("/_webhooks", self._order_webhooks, methods=["POST"]),
            Route("/_invitations/{invitation_id}/accept", self._accept, methods=["POST"]),
            *self.backend.routes(),
        ]

    def deliver_in(self, deliveries: TaskGroup) -> None:
        """Starts telling the receiver of all organisations and memberships; later orders run in the same group."""
        self._deliveries = deliveries
        self._send(opening_events(self._directory))

    def _send(self, messages: list[WebhookMessage]) -> bool:
        for hear in self._told:
            hear(messages)
        if self._courier is None or self._deliveries is None:
            return False
        self._deliveries.start_soon(self._courier.deliver, messages)
        return True

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self._mint.key.public_jwk()]}, headers={"cache-control": "public, max-age=60"})

    async def _order_token(self, request: Request) -> Response:
        if not is_admin(request, self._admin_token):
            return _not_admin()
        try:
            order = MintOrder.model_validate_json(await request.body())
        except ValidationError as error:
            return _bad_order(error)
        person = self._directory.person(order.user)
        organization = self._directory.organization(order.organization) if order.organization else None
        if person is None or (order.organization and organization is None):
            return clerk_error(HTTPStatus.NOT_FOUND, "resource_not_found", "No such user or organization")
        options = TokenOptions(order.version, -1 if order.expired else order.lifetime, order.role, order.sts)
        token = self._mint_for(order).session_token(
            new_session(person, organization), order.azp or self._default_origin, options
        )
        return JSONResponse({"object": "token", "jwt": token})

    def _mint_for(self, order: MintOrder) -> Mint:
        key = self._mint.key
        if order.wrong_key:
            self._stranger = self._stranger or new_key()
            key = SigningKey(self._stranger.private, key.key_id)
        return Mint(key, order.issuer or self._mint.issuer, self._mint.lifetime, self._mint.clock, self._directory)

    async def _order_webhooks(self, request: Request) -> Response:
        if not is_admin(request, self._admin_token):
            return _not_admin()
        try:
            order = WebhookOrder.model_validate_json(await request.body() or b"{}")
        except ValidationError as error:
            return _bad_order(error)
        messages = _messages_of(self._directory, order)
        if messages is None:
            return clerk_error(HTTPStatus.NOT_FOUND, "resource_not_found", "No such user or organization")
        if not self._send(messages):
            return clerk_error(HTTPStatus.CONFLICT, "no_receiver", "Set clerk.webhook_url and clerk.webhook_secret")
        return JSONResponse({"sending": [message.message_id for message in messages]}, HTTPStatus.ACCEPTED)

    async def _accept(self, request: Request) -> Response:
        """Somebody follows the link of an invitation: no e-mail leaves the sandbox, so a test says when."""
        if not is_admin(request, self._admin_token):
            return _not_admin()
        invitation = self._directory.invitation(request.path_params["invitation_id"])
        if invitation is None:
            return clerk_error(HTTPStatus.NOT_FOUND, "resource_not_found", "No such invitation")
        try:
            membership = self.backend.accept(invitation)
        except Refused as refusal:
            return refusal.response
        return JSONResponse({"user_id": membership.person.user_id})


def is_admin(request: Request, admin_token: str) -> bool:
    """Whether the request carries the sandbox's admin token as a bearer token."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(given.encode(), admin_token.encode())


def _messages_of(directory: Directory, order: WebhookOrder) -> list[WebhookMessage] | None:
    if order.type is None:
        return opening_events(directory)
    organization = directory.organization(order.organization)
    if organization is None:
        return None
    if order.type.startswith("organization."):
        return [organization_event(order.type, directory, organization, order.at_ms)]
    person = directory.person(order.user)
    if person is None:
        return None
    membership = Membership(person, organization, order.role, FOUNDED_MS, order.at_ms)
    return [membership_event(order.type, directory, membership, order.at_ms)]


def _not_admin() -> Response:
    return clerk_error(HTTPStatus.UNAUTHORIZED, "authentication_invalid", "Send the sandbox's admin token as Bearer")


def _bad_order(error: ValidationError) -> Response:
    fault = error.errors(include_input=False)[0]
    text = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return clerk_error(HTTPStatus.UNPROCESSABLE_ENTITY, "form_param_invalid", text)
