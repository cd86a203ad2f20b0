"""The one application: a base path for each provider, and a switchboard for the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp

from local.sandbox.clerk.api import ClerkApi
from local.sandbox.clerk.browser import Browser
from local.sandbox.clerk.courier import Courier
from local.sandbox.clerk.directory import Directory
from local.sandbox.clerk.keys import kept_key
from local.sandbox.clerk.pages import ClerkPages
from local.sandbox.clerk.tokens import Mint
from local.sandbox.clerk.webhook_events import WebhookMessage
from local.sandbox.clock import Clock, SystemClock
from local.sandbox.corpus.library import Library, load_library
from local.sandbox.faults import FaultyProvider, Spoiled, Switchboard
from local.sandbox.gong.api import GongApi
from local.sandbox.gong.oauth import GongOAuth
from local.sandbox.hubspot.crm import HubSpotCrm
from local.sandbox.hubspot.oauth import HubSpotOAuth
from local.sandbox.journal import Journal
from local.sandbox.model_providers.anthropic_api import AnthropicApi
from local.sandbox.model_providers.openai_api import OpenAiApi
from local.sandbox.model_providers.service import ModelService
from local.sandbox.oauth.controls import OAuthControls
from local.sandbox.oauth.desk import Desk, open_desks
from local.sandbox.oauth.forms import note_spoiled
from local.sandbox.operators import Control, Operators
from local.sandbox.settings import SandboxSettings
from local.sandbox.siem.collector import Collector
from local.sandbox.slack.api import SlackApi
from local.sandbox.slack.messages import Messages
from local.sandbox.slack.oauth import SlackOAuth
from local.sandbox.stripe.api import StripeApi
from local.sandbox.stripe.controls import StripeControls
from local.sandbox.stripe.courier import Courier as StripeCourier
from local.sandbox.stripe.ledger import Ledger as StripeLedger
from local.sandbox.stripe.pages import StripePages
from local.sandbox.vendors import Provider

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The parts of one sandbox, put together; the parts are there for tests to look into. `told` hears of Clerk's webhooks as well."""

    settings: SandboxSettings
    library: Library
    clock: Clock
    desks: Mapping[Provider, Desk]
    hubspot: HubSpotCrm
    stripe: StripeLedger
    stripe_courier: StripeCourier | None
    switchboard: Switchboard = field(default_factory=Switchboard)
    journal: Journal = field(default_factory=Journal)
    messages: Messages = field(default_factory=Messages)
    siem: Collector = field(default_factory=Collector)
    directory: Directory = field(default_factory=Directory)
    told: list[Callable[[list[WebhookMessage]], object]] = field(default_factory=list)


def build_app(settings: SandboxSettings, clock: Clock | None = None) -> Starlette:
    """The application for these settings. Reads the calls at once: a faulty call file stops the start."""
    time = clock or SystemClock()
    workspaces = [tenant.workspace for tenant in settings.gong.tenants]
    journal = Journal()
    library = load_library(settings.calls_dir, settings.calls_file, workspaces, time.now().date())
    desks = open_desks(settings, time, journal)
    crm = HubSpotCrm(settings.hubspot, library, time, desks[Provider.HUBSPOT].office)
    ledger, courier = _stripe(settings, time)
    sandbox = Sandbox(settings, library, time, desks, crm, ledger, courier, journal=journal, directory=Directory(time))
    clerk = _clerk_mint(sandbox)
    clerk_api = _clerk_api(sandbox, clerk)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as deliveries:
            clerk_api.deliver_in(deliveries)
            if courier is not None:
                courier.deliver_in(deliveries)
            yield
            deliveries.cancel_scope.cancel()

    app = Starlette(routes=_routes(sandbox, clerk, clerk_api), lifespan=lifespan)
    app.state.sandbox = sandbox
    return app


def _routes(sandbox: Sandbox, clerk: Mint, clerk_api: ClerkApi) -> list[BaseRoute]:
    settings, journal = sandbox.settings, sandbox.journal
    openai = ModelService(Provider.OPENAI, settings.models.openai_api_key.get_secret_value(), journal)
    anthropic = ModelService(Provider.ANTHROPIC, settings.models.anthropic_api_key.get_secret_value(), journal)
    pages = ClerkPages(Browser(settings.clerk, clerk))

    def mount(path: str, provider: Provider, app: ASGIApp) -> Mount:
        return Mount(path, FaultyProvider(app, provider, sandbox.switchboard, _spoiled(sandbox, provider)))

    return [
        *(mount(f"/{provider}", provider, router) for provider, router in _connected(sandbox).items()),
        mount("/openai/v1", Provider.OPENAI, OpenAiApi(openai).router()),
        mount("/anthropic", Provider.ANTHROPIC, AnthropicApi(anthropic).router()),
        mount("/stripe", Provider.STRIPE, _stripe_router(sandbox)),
        mount("/clerk", Provider.CLERK, Router([*clerk_api.routes(), *pages.routes()])),
        mount("/siem", Provider.SIEM, sandbox.siem.router()),
        mount("/google", Provider.GOOGLE, Router([Route("/oauth2/v3/certs", _google_certs(sandbox))])),
        *Operators(settings, sandbox.library, sandbox.switchboard, journal, sandbox.messages).routes(
            [
                *_oauth_controls(sandbox).routes(),
                *StripeControls(sandbox.stripe, sandbox.stripe_courier).routes(),
                *_siem_controls(sandbox.siem),
            ]
        ),
    ]


def _connected(sandbox: Sandbox) -> dict[Provider, Router]:
    """The providers that a person connects by OAuth."""
    desks, gong = sandbox.desks, sandbox.settings.gong
    office = desks[Provider.GONG].office
    return {
        Provider.GONG: GongApi(gong, sandbox.library, sandbox.clock, office).router(
            GongOAuth(desks[Provider.GONG]).routes()
        ),
        Provider.HUBSPOT: HubSpotOAuth(desks[Provider.HUBSPOT]).router(sandbox.hubspot.routes()),
        Provider.SLACK: SlackApi(desks[Provider.SLACK], sandbox.messages).router(),
    }


def _spoiled(sandbox: Sandbox, provider: Provider) -> Spoiled | None:
    """What writes down the token calls that a fault keeps from taking effect."""
    desk = sandbox.desks.get(provider)
    if desk is None:
        return None

    def note(path: str, query: bytes, body: bytes) -> None:
        if "token" in path or path.endswith("oauth.v2.access"):
            note_spoiled(desk.office, query, body)

    return note


def _clerk_mint(sandbox: Sandbox) -> Mint:
    settings = sandbox.settings
    return Mint(
        kept_key(settings.data_dir),
        settings.issuer,
        settings.clerk.session_seconds,
        sandbox.clock,
        sandbox.directory,
    )


def _clerk_api(sandbox: Sandbox, mint: Mint) -> ClerkApi:
    clerk = sandbox.settings.clerk
    courier = None
    if clerk.webhook_url and clerk.webhook_secret:
        courier = Courier(
            clerk.webhook_url,
            clerk.webhook_secret.get_secret_value(),
            sandbox.settings.tls.trusted_ca,
            sandbox.clock,
        )
    secret_key = clerk.secret_key.get_secret_value() if clerk.secret_key else ""
    origin = clerk.front_door_origin or sandbox.settings.base_url
    return ClerkApi(
        mint, origin.rstrip("/"), sandbox.settings.admin_token.get_secret_value(), courier, secret_key, sandbox.told
    )


def _stripe(settings: SandboxSettings, time: Clock) -> tuple[StripeLedger, StripeCourier | None]:
    """What Stripe knows, and who is told of it."""
    stripe = settings.stripe
    ledger = StripeLedger(time, stripe.prices, settings.data_dir / "stripe.json" if stripe.keep else None)
    if not stripe.webhook_url or not stripe.webhook_secret:
        return ledger, None
    secret = stripe.webhook_secret.get_secret_value()
    courier = StripeCourier(stripe.webhook_url, secret, settings.tls.trusted_ca, time)
    ledger.told.append(courier.take)
    return ledger, courier


def _stripe_router(sandbox: Sandbox) -> Router:
    settings = sandbox.settings
    key = settings.stripe.secret_key
    url = settings.stripe.browser_url or f"{settings.base_url}/stripe"
    origins = frozenset({settings.base_url, settings.clerk.front_door_origin or settings.base_url})
    pages = StripePages(sandbox.stripe, origins)
    if key is None:
        return Router(pages.routes())
    return Router([*StripeApi(sandbox.stripe, key.get_secret_value(), url).routes(), *pages.routes()])


def _google_certs(sandbox: Sandbox) -> Endpoint:
    path = sandbox.settings.google_certs_file

    async def certs(_request: Request) -> Response:
        if path is None or not path.is_file():
            text = "No push-token keys yet: start the embedded Pub/Sub, which writes google_certs_file"
            return JSONResponse({"error": text}, HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(
            path.read_bytes(), media_type="application/json", headers={"cache-control": "public, max-age=60"}
        )

    return certs


def _siem_controls(siem: Collector) -> list[Control]:
    async def read(_request: Request) -> Response:
        return JSONResponse({"messages": siem.report()})

    async def clear(_request: Request) -> Response:
        siem.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return [("/_siem/messages", "GET", read), ("/_siem/messages", "DELETE", clear)]


def _oauth_controls(sandbox: Sandbox) -> OAuthControls:
    desks = sandbox.desks
    replies = {
        Provider.GONG: GongOAuth(desks[Provider.GONG]).reply,
        Provider.HUBSPOT: HubSpotOAuth(desks[Provider.HUBSPOT]).reply,
        Provider.SLACK: SlackOAuth(desks[Provider.SLACK]).reply,
    }
    return OAuthControls(desks, replies, {provider: desk.office.rules for provider, desk in desks.items()})
