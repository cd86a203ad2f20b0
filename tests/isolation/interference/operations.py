"""What somebody does in a workspace: the same description is carried out for the subject in both worlds, and for a rival in one.

Each operation shows what the workspace can see of it, as bytes: an answer's status, headers and body; verdicts and parked rows of messages.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from standardwebhooks.webhooks import Webhook

from contract.sandbox.stage import WEBHOOK_SECRET
from core.clock import SystemClock
from isolation.interference.asgi import Answer, Headers, ask
from isolation.interference.tenants import Tenant
from isolation.interference.world import World
from messaging import Delivery

Covered = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """What an operation showed; the answer itself where there was one.

    `covered` names what was exercised: service, method and route of a request, or "message", subscription and type.
    """

    shown: bytes
    answer: Answer | None = None
    covered: tuple[Covered, ...] = ()


class Operation(Protocol):
    """Something that is done in a workspace."""

    @property
    def touches(self) -> Sequence[str]:
        """The services whose outboxes it may fill."""
        ...

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Do it."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `who` is a role, a kind of bad session, or nobody; a `program` sends its session in a header, a browser in a cookie."""

    service: str
    method: str
    target: str
    who: str = "nobody"
    program: bool = False
    headers: Headers = ()
    body: str = ""

    @property
    def touches(self) -> Sequence[str]:
        """Nothing is said because somebody looked."""
        return () if self.method in {"GET", "HEAD"} else (self.service,)

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Ask, and show all of the answer."""
        target, body = tenant.says(self.target), tenant.says(self.body).encode()
        headers = [*self.headers, *self._session(world, tenant)]
        return await asked(world, self.service, self.method, target, headers, body)

    def _session(self, world: World, tenant: Tenant) -> Headers:
        if self.who == "nobody":
            return ()
        token = world.gate.session(tenant, self.who) if self.who != "nonsense" else "not.a.token"
        return [("authorization", f"Bearer {token}")] if self.program else [("cookie", f"__session={token}")]


@dataclass(frozen=True, slots=True)
class Hook:
    """Clerk's webhook. `secret` empty is Clerk's own."""

    message_id: str
    kind: str
    data: Mapping[str, object]
    secret: str = WEBHOOK_SECRET
    touches: Sequence[str] = ("ingest",)

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Send it, signed."""
        body = tenant.says(json.dumps({"object": "event", "type": self.kind, "data": self.data, "timestamp": 1}))
        now = SystemClock().now()
        headers = [
            ("svix-id", self.message_id),
            ("svix-timestamp", str(int(now.timestamp()))),
            ("svix-signature", Webhook(self.secret).sign(self.message_id, now.replace(microsecond=0), body)),
        ]
        return await asked(world, "ingest", "POST", "/webhooks/clerk", headers, body.encode())


@dataclass(frozen=True, slots=True)
class StripeHook:
    """Stripe's webhook, signed: what it says of one event and its object."""

    event_id: str
    kind: str
    about: Mapping[str, object]
    touches: Sequence[str] = ("ingest",)

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Send it."""
        event = {"id": self.event_id, "type": self.kind, "created": 1_767_225_600, "data": {"object": self.about}}
        body = tenant.says(json.dumps(event))
        stamp = int(SystemClock().now().timestamp())
        signature = hmac.digest(WEBHOOK_SECRET.encode(), f"{stamp}.{body}".encode(), "sha256").hex()
        headers = [("stripe-signature", f"t={stamp},v1={signature}")]
        return await asked(world, "ingest", "POST", "/webhooks/stripe", headers, body.encode())


@dataclass(frozen=True, slots=True)
class Hand:
    """Messages handed to a subscription; `pushed` by HTTP, as Pub/Sub does where the topology says so."""

    subscription: str
    letters: Sequence[LetterSource]
    pushed: bool = False

    @property
    def touches(self) -> Sequence[str]:
        """A handler may have something to say."""
        return (self.service,)

    @property
    def service(self) -> str:
        """Whose subscription it is."""
        return self.subscription.partition(".")[0]

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Hand them over and show verdicts and what was parked."""
        deliveries: list[Delivery] = []
        for letter in self.letters:
            deliveries += await letter.deliveries(world, tenant, self.subscription)
        covered = [("message", self.subscription, delivery.attributes["ce-type"]) for delivery in deliveries]
        if self.pushed:
            answers = [await self._push(world, delivery) for delivery in deliveries]
            shown = [answer.shown for answer in answers]
            covered += [route for answer in answers for route in answer.covered]
        else:
            consumer = world.services[self.service].parts.consumers[self.subscription]
            shown = [verdict.name.encode() for verdict in await consumer.process(deliveries)]
        parked = await self._parked(world, tenant, deliveries)
        return Heard(b"\n".join([*shown, *parked]), covered=tuple(covered))

    async def _push(self, world: World, delivery: Delivery) -> Heard:
        message = {
            "data": base64.b64encode(delivery.body).decode(),
            "attributes": dict(delivery.attributes),
            "messageId": delivery.id,
            "orderingKey": delivery.ordering_key,
        }
        body = json.dumps({"message": message, "subscription": f"projects/p/subscriptions/{self.subscription}"})
        headers = [("authorization", f"Bearer {world.gate.push()}")]
        target = f"/events/{self.subscription}"
        return await asked(world, self.service, "POST", target, headers, body.encode())

    async def _parked(self, world: World, tenant: Tenant, deliveries: Sequence[Delivery]) -> list[bytes]:
        """What was parked of them. A row of no workspace is one of these only if it holds their very bytes."""
        ids = [delivery.attributes.get("ce-id") or f"message:{delivery.id}" for delivery in deliveries]
        rows = await world.sql(
            self.service,
            "SELECT concat_ws(' ', direction, workspace_id, source, event_id, type, reason, octet_length(body), attributes, "
            "ordering_key, state) AS row FROM parked WHERE event_id = ANY($1) AND source = $2 "
            "AND (workspace_id = $3 OR workspace_id IS NULL AND body = ANY($4)) ORDER BY 1",
            ids,
            self.subscription,
            tenant.workspace_id,
            [delivery.body for delivery in deliveries],
        )
        return [row["row"].encode() for row in rows]


class LetterSource(Protocol):
    """Where a message comes from."""

    async def deliveries(self, world: World, tenant: Tenant, subscription: str) -> list[Delivery]:
        """The message as the broker delivers it, perhaps more than once."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """The workers of ingest or of analysis do all that is due, of every workspace."""

    service: str

    @property
    def touches(self) -> Sequence[str]:
        """What was done is told."""
        return (self.service,)

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Work."""
        await (world.fetch() if self.service == "ingest" else world.analyse())
        return Heard(b"worked")


@dataclass(frozen=True, slots=True)
class Take:
    """A program asks for the state of an export and follows the link that it is given, or, `astray`, the same for another export."""

    target: str
    who: str
    astray: bool = False
    touches: Sequence[str] = field(default=(), init=False)

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Ask, then take the file."""
        state = await Ask("analysis", "GET", f"/api/v1{self.target}", self.who, True).perform(world, tenant)
        found = _FILE.search(state.shown)
        link = found[1].decode() if found else f"{self.target}/file"
        if self.astray:
            link = re.sub(r"/exports/\d+/", "/exports/77/", link)
        file = await Ask("analysis", "GET", link, self.who, True).perform(world, tenant)
        return Heard(state.shown + b"\n" + file.shown, None, (*state.covered, *file.covered))


_FILE = re.compile(rb'"file":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Age:
    """Time passes for all that was done so far: it is so many days older."""

    days: int
    touches: Sequence[str] = field(default=(), init=False)

    async def perform(self, world: World, tenant: Tenant) -> Heard:
        """Move the workspace's times, and nobody else's."""
        for table, columns in _TIMES.items():
            moved = ", ".join(f"{column} = {column} - make_interval(days => $2)" for column in columns)
            await world.sql(
                "analysis", f"UPDATE {table} SET {moved} WHERE workspace_id = $1", tenant.workspace_id, self.days
            )
        return Heard(b"aged")


_TIMES = {
    "previews": ("created_at",),
    "runs": ("created_at", "started_at", "finished_at"),
    "reports": ("created_at",),
    "report_dates": ("created_at",),
    "report_findings": ("created_at",),
    "export_files": ("report_created_at", "asked_at", "done_at"),
    "report_exports": ("created_at",),
    "usage": ("metered_at",),
}


async def asked(world: World, service: str, method: str, target: str, headers: Headers, body: bytes) -> Heard:
    """Ask a service: status, headers and body of its answer."""
    answer = await ask(world.apps[service], method, target, headers, body)
    lines = [str(answer.status).encode(), *(name + b": " + value for name, value in answer.headers), b"", answer.body]
    return Heard(b"\n".join(lines), answer, ((service, method, answer.route),) if answer.route else ())
