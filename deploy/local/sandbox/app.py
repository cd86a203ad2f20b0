"""The one application: a base path for each provider, and a switchboard for the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import anyio
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp

from local.sandbox.clerk.api import ClerkApi, is_admin
from local.sandbox.clerk.browser import Browser
from local.sandbox.clerk.courier import Courier
from local.sandbox.clerk.keys import kept_key
from local.sandbox.clerk.pages import ClerkPages
from local.sandbox.clerk.tokens import Mint
from local.sandbox.clock import Clock, SystemClock
from local.sandbox.corpus.library import Library, load_library
from local.sandbox.faults import Fault, FaultyProvider, Switchboard
from local.sandbox.gong.api import GongApi
from local.sandbox.journal import Journal
from local.sandbox.model_providers.anthropic_api import AnthropicApi
from local.sandbox.model_providers.openai_api import OpenAiApi
from local.sandbox.model_providers.service import ModelService
from local.sandbox.settings import SandboxSettings
from local.sandbox.vendors import Provider

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The parts of one sandbox, put together; ``library`` and ``journal`` are there for tests to look into."""

    settings: SandboxSettings
    library: Library
    clock: Clock
    switchboard: Switchboard = field(default_factory=Switchboard)
    journal: Journal = field(default_factory=Journal)


def build_app(settings: SandboxSettings, clock: Clock | None = None) -> Starlette:
    """The application for these settings. Reads the calls at once: a faulty call file stops the start."""
    time = clock or SystemClock()
    workspaces = [tenant.workspace for tenant in settings.gong.tenants]
    library = load_library(settings.calls_dir, settings.calls_file, workspaces, time.now().date())
    sandbox = Sandbox(settings, library, time)
    clerk = _clerk_mint(sandbox)
    clerk_api = _clerk_api(sandbox, clerk)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as deliveries:
            clerk_api.deliver_in(deliveries)
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
        return Mount(path, FaultyProvider(app, provider, sandbox.switchboard))

    return [
        mount("/gong", Provider.GONG, GongApi(settings.gong, sandbox.library, sandbox.clock).router()),
        mount("/openai/v1", Provider.OPENAI, OpenAiApi(openai).router()),
        mount("/anthropic", Provider.ANTHROPIC, AnthropicApi(anthropic).router()),
        mount("/clerk", Provider.CLERK, Router([*clerk_api.routes(), *pages.routes()])),
        mount("/google", Provider.GOOGLE, Router([Route("/oauth2/v3/certs", _google_certs(sandbox))])),
        *_operator_routes(sandbox),
    ]


def _clerk_mint(sandbox: Sandbox) -> Mint:
    settings = sandbox.settings
    return Mint(kept_key(settings.data_dir), settings.issuer, settings.clerk.session_seconds, sandbox.clock)


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
    origin = clerk.front_door_origin or sandbox.settings.base_url
    return ClerkApi(mint, origin.rstrip("/"), sandbox.settings.admin_token.get_secret_value(), courier)


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


def _operator_routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def ready(_request: Request) -> Response:
        counts = {name: len(calls) for name, calls in sandbox.library.calls.items()}
        return JSONResponse({"ready": True, "calls": counts, "issuer": sandbox.settings.issuer})

    async def arm(request: Request) -> Response:
        try:
            sandbox.switchboard.arm(Fault.model_validate_json(await request.body()))
        except ValidationError as error:
            return JSONResponse(
                {"errors": error.errors(include_input=False, include_context=False)}, HTTPStatus.BAD_REQUEST
            )
        return JSONResponse({"faults": sandbox.switchboard.report()}, HTTPStatus.CREATED)

    async def list_faults(_request: Request) -> Response:
        return JSONResponse({"faults": sandbox.switchboard.report()})

    async def disarm(_request: Request) -> Response:
        sandbox.switchboard.disarm()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def read_journal(_request: Request) -> Response:
        return JSONResponse({"model_requests": sandbox.journal.report()})

    async def clear_journal(_request: Request) -> Response:
        sandbox.journal.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def guarded(path: str, method: str, endpoint: Endpoint) -> Route:
        return Route(path, _admin_only(endpoint, sandbox.settings.admin_token.get_secret_value()), methods=[method])

    return [
        Route("/_ready", ready),
        guarded("/_faults", "POST", arm),
        guarded("/_faults", "GET", list_faults),
        guarded("/_faults", "DELETE", disarm),
        guarded("/_journal", "GET", read_journal),
        guarded("/_journal", "DELETE", clear_journal),
    ]


def _admin_only(endpoint: Endpoint, admin_token: str) -> Endpoint:
    async def checked(request: Request) -> Response:
        if not is_admin(request, admin_token):
            return JSONResponse({"error": "Send the sandbox's admin token as Bearer"}, HTTPStatus.UNAUTHORIZED)
        return await endpoint(request)

    return checked
