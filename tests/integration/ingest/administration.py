"""ingest with the sandbox's Clerk behind it: pages and API, and webhooks that a test delivers by hand, in any order and number."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from google.protobuf.message import Message
from standardwebhooks.webhooks import Webhook
from unit.web.issuer import ISSUER, PARTY, Issuer, settings

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from contract.sandbox.stage import CLERK_KEY, WEBHOOK_SECRET, Stage, admin
from contracts import Event
from core.clock import SystemClock
from core.faultpoints import arm
from egress import Destination, Egress
from ingest import http
from ingest.clerk_backend import DESTINATION, ClerkBackend
from ingest.handlers import Administering
from ingest.handlers.api_keys import ApiKeys
from ingest.http.access import OwnKeys, OwnMembers
from ingest.main import desk_of
from ingest.webhooks.front import Front
from ingest.webhooks.router import router
from ingest.webhooks.tally import Tally
from integration.ingest.harness import Ingest
from integration.ingest.senders import ORIGIN
from local.sandbox.clerk.directory import Directory
from local.sandbox.clerk.webhook_events import WebhookMessage, opening_events
from local.sandbox.server import RunningSandbox, running
from runtime.idempotency import StoredRequests
from web import create_app
from web.api_keys import digest_of, mint
from web.clerk import ClerkSessions
from web.keys import SigningKeys

ORG = "org_harborline01"
HELEN, TOBIAS, YUKI = "user_harborline01", "user_harborline02", "user_northlight01"


class Died(Exception):
    """The process dies here."""


@dataclass(slots=True)
class Secrets:
    """Secret Manager with Clerk's two secrets."""

    held: dict[str, str] = field(
        default_factory=lambda: {"clerk-webhook-secret": WEBHOOK_SECRET, "clerk-secret-key": CLERK_KEY}
    )

    async def read(self, name: str) -> bytes:
        return f"{self.held[name]}\n".encode()


@dataclass(slots=True)
class Town:
    """The service, the sandbox behind it and the webhooks that Clerk has still to deliver."""

    ingest: Ingest
    sandbox: RunningSandbox
    issuer: Issuer
    app: httpx.ASGITransport
    outside: httpx.AsyncClient
    secrets: Secrets
    backend: ClerkBackend
    waiting: list[WebhookMessage] = field(default_factory=list)

    @property
    def directory(self) -> Directory:
        """Who belongs where by Clerk."""
        found: Directory = self.sandbox.sandbox.directory
        return found

    def token(self, user: str = HELEN, role: str = "admin") -> str:
        """A session token that Clerk made a moment ago."""
        email = f"{user}@harborline.example"
        return self.issuer.token(sub=user, email=email, o={"id": ORG, "slg": "harborline", "rol": role})

    def program(self, user: str = HELEN, role: str = "admin") -> httpx.AsyncClient:
        """A client of the API."""
        headers = {"authorization": f"Bearer {self.token(user, role)}", "accept": "application/json"}
        return httpx.AsyncClient(transport=self.app, base_url=PARTY, headers=headers)

    def browser(self, user: str = HELEN, role: str = "admin") -> httpx.AsyncClient:
        """A browser on our own pages."""
        headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
        cookies = {"__session": self.token(user, role)}
        return httpx.AsyncClient(transport=self.app, base_url=PARTY, headers=headers, cookies=cookies)

    async def ask(self, method: str, path: str, user: str = HELEN, **body: object) -> httpx.Response:
        """One request of an admin's program."""
        async with self.program(user) as client:
            return await client.request(method, path, json=body or None)

    async def at_clerk(self, method: str, path: str, **body: object) -> httpx.Response:
        """A change in Clerk's own dashboard, which makes it by the same API."""
        headers = {"authorization": f"Bearer {CLERK_KEY}"}
        answer = await self.outside.request(
            method, f"/clerk/v1/organizations/{ORG}{path}", headers=headers, json=body or None
        )
        assert answer.status_code == 200, answer.text
        return answer

    async def accept(self, invitation_id: str) -> str:
        """Somebody follows the link of an invitation; their user id."""
        answer = await self.outside.post(f"/clerk/_invitations/{invitation_id}/accept", headers=admin())
        assert answer.status_code == 200, answer.text
        return str(answer.json()["user_id"])

    async def deliver(self, *messages: WebhookMessage) -> list[int]:
        """Clerk sends these, or all that wait; the statuses."""
        given = messages or tuple(self.waiting)
        if not messages:
            self.waiting.clear()
        async with httpx.AsyncClient(transport=self.app, base_url=PARTY) as client:
            return [await self._send(client, message) for message in given]

    async def _send(self, client: httpx.AsyncClient, message: WebhookMessage) -> int:
        now = datetime.now(UTC).replace(tzinfo=None)
        headers = {
            "svix-id": message.message_id,
            "svix-timestamp": str(int(time.time())),
            "svix-signature": Webhook(WEBHOOK_SECRET).sign(message.message_id, now, message.body),
        }
        return (await client.post("/webhooks/clerk", content=message.body, headers=headers)).status_code

    async def told(self, payload: type[Message]) -> list[Event[Message]]:
        """What the service said, of one type."""
        return await self.ingest.told(payload)

    async def audited(self, kind: AdminActionType.ValueType) -> list[tuple[str, str, dict[str, tuple[str, str]]]]:
        """The audit entries of a type: who (`kind:id:source`), about what, and the diff."""
        found = []
        for event in await self.told(AdminAction):
            assert isinstance(event.payload, AdminAction)
            if event.payload.type == kind:
                who = f"{event.actor.kind}:{event.actor.id}:{event.actor.source}"
                diff = {one.field: (one.before, one.after) for one in event.payload.diff}
                found.append((who, event.payload.target_id, diff))
        return found

    async def intents(self) -> int:
        """How many intents are open."""
        return len(await self.ingest.sql("SELECT 1 FROM intents"))


@asynccontextmanager
async def dying_at(point: str) -> AsyncIterator[list[str]]:
    """Within the block the process dies whenever it reaches `point`; how often it did."""
    died: list[str] = []

    def trap(reached: str) -> None:
        if reached == point:
            died.append(point)
            raise Died(point)

    arm(trap)
    try:
        yield died
    finally:
        arm(None)


@asynccontextmanager
async def opened(ingest: Ingest, stage: Stage, issuer: Issuer) -> AsyncIterator[Town]:
    """The service after Clerk has told of the two organisations and their members."""

    async def jwks() -> object:
        return issuer.jwks()

    secrets = Secrets()
    async with running(stage.settings()) as sandbox, stage.client(sandbox.url) as outside:
        place = Destination(name=DESTINATION, base_url=f"{sandbox.url}/clerk/v1")
        async with Egress([place], ca_file=stage.folder / "ca.pem") as egress:
            backend = ClerkBackend(egress, secrets)
            administering = Administering(ingest.db, ingest.outbox, backend)
            front = Front(ingest.db, secrets, SystemClock(), ORIGIN, Tally())
            api_keys = ApiKeys(ingest.db, ingest.outbox, mint, digest_of, SystemClock())
            routers = [
                router(desk_of(front, ingest.outbox)),
                http.router(ingest.db, administering, api_keys, SystemClock()),
            ]
            sessions = ClerkSessions(SigningKeys(jwks, SystemClock()), ISSUER, (PARTY,))
            app = create_app(
                service="ingest",
                settings=settings(),
                routers=routers,
                sessions=sessions,
                members=OwnMembers(ingest.db),
                keys=OwnKeys(ingest.db, SystemClock()),
                requests=StoredRequests(ingest.db),
            )
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            town = Town(ingest, sandbox, issuer, transport, outside, secrets, backend)
            sandbox.sandbox.told.append(town.waiting.extend)
            statuses = await town.deliver(*opening_events(town.directory))
            assert set(statuses) == {200}
            yield town
