"""ingest's app with its webhooks, on a real database: what is posted, what is counted, what is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from unit.web.issuer import ISSUER, PARTY, Issuer, settings

from callmine.integrations.v1.integrations_pb2 import PROVIDER_HUBSPOT, PROVIDER_SLACK, IntegrationConnected
from core.clock import SystemClock
from core.errors import NotFound
from core.ids import WorkspaceId
from egress import Egress
from ingest import http
from ingest.clerk_backend import ClerkBackend
from ingest.domain.webhooks import Outcome, Reason, Sender
from ingest.handlers import Administering
from ingest.handlers.api_keys import ApiKeys
from ingest.main import desk_of
from ingest.store import webhooks as store
from ingest.webhooks.front import Front
from ingest.webhooks.router import router
from ingest.webhooks.tally import Tally
from integration.ingest.harness import HARBOR, QUILL, Ingest, event_of
from integration.ingest.senders import (
    ENDPOINT,
    ORIGIN,
    OTHER_ENDPOINT,
    OTHER_RULE_KEY,
    RULE_KEY,
    SECRETS,
    Letter,
    as_shown,
)
from testkit.clock import SimulatedClock
from web import create_app
from web.api_keys import digest_of, mint
from web.clerk import ClerkSessions
from web.keys import SigningKeys

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEAM, PORTAL = "T0HARBOR", 62515


@dataclass(slots=True)
class Drawer:
    """Secret Manager with the secrets of the senders."""

    held: dict[str, str] = field(
        default_factory=lambda: {f"{name}-webhook-secret": text for name, text in SECRETS.items()}
    )

    async def read(self, name: str) -> bytes:
        if name not in self.held:
            raise NotFound(f"secret {name} does not exist")
        return self.held[name].encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Post:
    """Where webhooks come in."""

    ingest: Ingest
    client: httpx.AsyncClient
    clock: SimulatedClock
    drawer: Drawer
    tally: Tally

    async def send(self, letter: Letter, **headers: str) -> httpx.Response:
        """Deliver a letter."""
        sent = {**letter.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.post(letter.path, content=letter.body, headers=sent)

    async def written(self) -> str:
        """The whole database."""
        return await self.ingest.everything()

    def counts(self) -> Mapping[tuple[Sender, Outcome | Reason], int]:
        """What was counted so far."""
        return self.tally.snapshot()

    def at(self, seconds: float) -> datetime:
        """So many seconds from now."""
        return self.clock.now() + timedelta(seconds=seconds)


@asynccontextmanager
async def open_post(ingest: Ingest, issuer: Issuer) -> AsyncIterator[Post]:
    """The service's app, as its composition root makes it of these parts."""

    async def fetch() -> object:
        return issuer.jwks()

    clock, drawer, tally = SimulatedClock(NOW), Drawer(), Tally()
    front = Front(ingest.db, drawer, clock, ORIGIN, tally)
    administering = Administering(ingest.db, ingest.outbox, ClerkBackend(Egress([]), drawer))
    api_keys = ApiKeys(ingest.db, ingest.outbox, mint, digest_of, SystemClock())
    routers = [router(desk_of(front, ingest.outbox)), http.router(ingest.db, administering, api_keys, SystemClock())]
    sessions = ClerkSessions(SigningKeys(fetch, SystemClock()), ISSUER, (PARTY,))
    app = create_app(service="ingest", settings=settings(), routers=routers, sessions=sessions)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PARTY) as client:
        yield Post(ingest, client, clock, drawer, tally)


async def furnish(ingest: Ingest) -> None:
    """Harborline has connected Slack and HubSpot and opened an address for its Gong; Quillstone has others of its own."""
    connected = [
        (HARBOR, PROVIDER_SLACK, TEAM),
        (HARBOR, PROVIDER_HUBSPOT, str(PORTAL)),
        (QUILL, PROVIDER_SLACK, "T0QUILL"),
    ]
    for workspace_id, provider, account_id in connected:
        payload = IntegrationConnected(provider=provider, credential_version=1, account_id=account_id)
        await ingest.hear(event_of(payload, f"{workspace_id}:{provider}", workspace_id, 2))
    addresses: list[tuple[WorkspaceId, str, str]] = [
        (HARBOR, ENDPOINT, as_shown(RULE_KEY)),
        (QUILL, OTHER_ENDPOINT, as_shown(OTHER_RULE_KEY)),
    ]
    for workspace_id, endpoint, key in addresses:
        async with ingest.db.workspace(workspace_id) as tx:
            await store.open_address(tx, endpoint, key)
