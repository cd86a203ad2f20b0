"""The app factory: the same app for every service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware

from core.clock import Clock, SystemClock
from egress import Egress
from web import problems
from web.api_keys import KeyDirectory
from web.assets import load_assets
from web.background import Background, Work
from web.claims import Requests
from web.clerk import SessionCheck, clerk_destination, clerk_sessions
from web.etags import EntityTags
from web.headers import security_headers
from web.health import Health, LoopLag
from web.idempotency import KeepingAnswers, Replay, on_replay
from web.limits import LimitHeaders, RequestLimits
from web.membership import MembershipCheck
from web.middleware import BodyLimit, Observed, SecurityHeaders
from web.routes import LateRoute, build_routes
from web.settings import ServiceSettings
from web.state import Web

# Forms and JSON here are a few KB, a pushed message at most 350 KB; webhooks stay below 1 MiB as well.
LARGEST_BODY = 1024 * 1024

# FastAPI can send requests' bodies and exceptions' texts to wherever the environment says: a way round `egress`.
_NO_TELEMETRY: TelemetryConfig = {
    "auto_configure": False,
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}


def create_app(
    *,
    service: str,
    settings: ServiceSettings,
    routers: Sequence[APIRouter] = (),
    background: Sequence[Work] = (),
    ready: Work | None = None,
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
    package: str | None = None,
    form_targets: Sequence[str] = (),
    largest_body: int = LARGEST_BODY,
    sessions: SessionCheck | None = None,
    members: MembershipCheck | None = None,
    keys: KeyDirectory | None = None,
    requests: Requests | None = None,
    limits: RequestLimits | None = None,
    clock: Clock | None = None,
    begun: Callable[[], Awaitable[object]] | None = None,
) -> FastAPI:
    """The app of `service`.

    `background` runs from start to shutdown, then `closing` is awaited in reverse order; `ready` raises while the
    service cannot work; `package` (default: the service's name with underscores) holds pages/ and assets/;
    `form_targets` are origins that a form's answer may redirect to; `sessions` replaces Clerk's check in tests; `members`
    knows who is still in a workspace, `keys` its API keys, `requests` which requests were made before, `limits` how often programs may ask.
    Routes are built with their first use; `begun` is awaited before those are built that nobody has used.
    """
    clock = clock or SystemClock()
    closers = list(closing)
    if sessions is None:
        egress = Egress([clerk_destination(settings)], ca_file=settings.ca_file, clock=clock)
        closers.insert(0, egress.close)
        sessions = clerk_sessions(settings, egress, clock)
    lag = LoopLag(clock)

    async def build_rest() -> None:
        if begun is not None:
            await build_routes(app, routers, begun)

    works = Background([lag.run, build_rest, *background])
    app = FastAPI(
        title=f"callmine {service}",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
        lifespan=_lifespan(works, closers),
        middleware=_middleware(settings, form_targets, largest_body, clock),
    )
    assets = load_assets(service, package or service.replace("-", "_"))
    app.state.web = Web(service, settings, sessions, assets, members, keys, requests, limits, clock=clock)
    app.state.background = works
    problems.install(app)
    app.add_exception_handler(Replay, on_replay)
    _add_routes(app, service, Health(ready, works, lag, app.state.web.stopping), routers)
    return app


def _add_routes(app: FastAPI, service: str, health: Health, routers: Sequence[APIRouter]) -> None:
    web: Web = app.state.web
    app.router.route_class = LateRoute
    # First, for it is asked first: a request has all routes before its own built.
    app.add_api_route("/readyz", health.readiness)
    app.add_api_route("/livez", health.live)
    app.add_api_route("/healthz", health.live)
    app.add_api_route(f"/assets/{service}/{{name}}", web.assets.serve)
    for router in routers:
        app.include_router(router)


def _middleware(
    settings: ServiceSettings, form_targets: Sequence[str], largest_body: int, clock: Clock
) -> list[Middleware]:
    """Outermost first."""
    return [
        Middleware(SecurityHeaders, headers=security_headers(settings, form_targets)),
        Middleware(Observed, clock=clock),
        Middleware(LimitHeaders),
        Middleware(BodyLimit, largest=largest_body),
        Middleware(EntityTags),
        Middleware(KeepingAnswers),
    ]


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def _lifespan(works: Background, closing: Sequence[Callable[[], Awaitable[None]]]) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for close in closing:
                stack.push_async_callback(close)
            await stack.enter_async_context(works.running())
            yield

    return lifespan
