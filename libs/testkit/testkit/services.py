"""Services put together for a test as their composition roots do it: real database, real sandbox, no broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx

from local.postgres import ServiceDsns
from messaging import Consumer
from runtime import Assembly
from testkit.outside import ORIGIN, PUSHER, Outside, browser, program
from testkit.postgres import ROOT
from web import ServiceSettings

S = TypeVar("S", bound=ServiceSettings)

Compose = Callable[[S], AbstractAsyncContextManager[Assembly]]

PUSH_AUDIENCE = "https://service.callmine.example"


def settings_for(settings_type: type[S], dsns: ServiceDsns, outside: Outside, **more: object) -> S:
    """Complete settings. The Pub/Sub endpoint leads nowhere: nothing connects to it unless background work is started."""
    given: dict[str, object] = {
        "project": "callmine-test",
        "port": 0,
        "app_database_url": dsns.app,
        "sweep_database_url": dsns.sweep,
        "owner_database_url": dsns.owner,
        "pubsub_endpoint": "localhost:1",
        "ca_file": outside.ca_file,
        "secrets_endpoint": outside.secrets_address,
        "bucket": "calls",
        "topology_file": ROOT / "deploy/topology.yaml",
        "clerk_issuer": outside.issuer,
        "clerk_jwks_url": f"{outside.issuer}/.well-known/jwks.json",
        "clerk_authorized_parties": ORIGIN,
        "sign_in_url": f"{outside.issuer}/sign-in",
        "public_url": ORIGIN,
        "push_audience": PUSH_AUDIENCE,
        "push_service_account": PUSHER,
        "push_jwks_url": f"{outside.url}/google/oauth2/v3/certs",
    }
    return settings_type.model_validate(given | more)


def environment_for(settings: ServiceSettings) -> dict[str, str]:
    """The same settings as environment variables, for a service's command line."""
    found: dict[str, str] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        found[f"CALLMINE_{name.upper()}"] = ",".join(plain) if isinstance(plain, tuple) else str(plain)
    return found


@dataclass(frozen=True, slots=True)
class Service:
    """A composed service: its parts, and clients of its app. Errors that no handler foresaw are answered, as a server does."""

    parts: Assembly
    dsns: ServiceDsns
    app: httpx.ASGITransport

    def consumer(self, topic: str) -> Consumer:
        """The consumer of the service's subscription to `topic`."""
        return self.parts.consumers[f"{self.parts.service}.{topic}"]

    def browser(self, token: str | None = None) -> httpx.AsyncClient:
        """A browser signed in with `token`."""
        return browser(self.app, token)

    def program(self, token: str | None = None) -> httpx.AsyncClient:
        """A client of the API with `token`."""
        return program(self.app, token)


@asynccontextmanager
async def started(parts: Assembly, dsns: ServiceDsns) -> AsyncIterator[Service]:
    """The service made of `parts`, from the start of its app to its end, without background work: tests deliver messages themselves."""
    app = parts.app()
    app.state.background._works = ()  # noqa: SLF001 - a relay or subscriber would look for a broker
    async with app.router.lifespan_context(app):
        yield Service(parts, dsns, httpx.ASGITransport(app, raise_app_exceptions=False))
