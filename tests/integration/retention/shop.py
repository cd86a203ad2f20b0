"""Retention with its Stripe: the sandbox over TLS through Stripe's own client, webhooks as ingest reads them, and the worker by hand."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape

import httpx
from google.protobuf.message import Message

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.plans.v1.plans_pb2 import AddonCredited, PlanChanged
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated
from contracts import Event
from core.ids import WorkspaceId
from ingest.events import billing_message
from ingest.handlers.billing import STRIPE
from ingest.webhooks.stripe import read_event
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE, Person
from local.sandbox.stripe.ledger import Ledger
from local.sandbox.stripe.records import Record
from retention.workers.readings import Reader
from retention.workers.trials import Trials
from runtime.rounds import Rounds
from testkit.messages import deliver, said
from testkit.outside import ADMIN, Outside
from testkit.services import Service
from testkit.tables import same_database

MINE, THEIRS = WorkspaceId(HARBORLINE.organization_id), WorkspaceId(QUILLSTONE.organization_id)
PAGE = "/settings/billing"
API = "/api/v1/billing"


@dataclass(slots=True)
class Shop:
    """One service and what a test does with it.

    `events` are those that Stripe made since the last look, oldest first; `sessions` those by which somebody subscribed.
    """

    retention: Service
    outside: Outside
    admin_url: str
    events: list[Record] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)

    @property
    def ledger(self) -> Ledger:
        """What the sandbox's Stripe knows."""
        return self.outside.running.sandbox.stripe

    @property
    def reader(self) -> Reader:
        """The service's own worker."""
        return next(one for one in self._rounds() if isinstance(one, Reader))

    @property
    def trials(self) -> Trials:
        """The service's own worker."""
        return next(one for one in self._rounds() if isinstance(one, Trials))

    async def open(self, workspace_id: WorkspaceId = MINE) -> None:
        """A workspace on trial."""
        payload = WorkspaceCreated(name="Harborline", slug="harborline", timezone="UTC")
        told: Event[Message] = Event(
            workspace_id=workspace_id, payload=payload, producer="ingest", aggregate_id=workspace_id, sequence=1
        )
        await deliver(self.retention.consumer("workspaces"), told)

    async def send(self, path: str, **form: object) -> httpx.Response:
        """A form of the page, as an admin's browser sends it."""
        return await self.send_as(ADMIN, path, **form)

    async def send_as(self, who: Person, path: str, **form: object) -> httpx.Response:
        """The same of anybody."""
        values = {"request_id": str(uuid.uuid4())} | {name: str(value) for name, value in form.items()}
        async with self.retention.browser(self.outside.token(who)) as browser:
            return await browser.post(f"{PAGE}/{path}", data=values)

    async def page(self, who: Person = ADMIN) -> str:
        """The page as text."""
        async with self.retention.browser(self.outside.token(who)) as browser:
            answer = await browser.get(PAGE)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def checkout(self, path: str, **form: object) -> str:
        """The checkout session that a form leads to."""
        return session_in(await self.send(path, **form))

    async def hear(self, events: Iterable[Record] | None = None, workspace_id: WorkspaceId = MINE) -> None:
        """What ingest tells of Stripe's events; of those since the last look, if none are given."""
        told = self.taken() if events is None else list(events)
        messages = [found for one in told if (found := message(one, workspace_id)) is not None]
        if messages:
            await deliver(self.retention.consumer("billing"), *messages)

    def taken(self) -> list[Record]:
        """The events since the last look."""
        taken, self.events[:] = list(self.events), []
        return taken

    async def read(self) -> None:
        """Let the worker read all that is due."""
        while await self.reader.once():
            pass

    async def settle(self) -> None:
        """Everything that happened is heard of and read."""
        await self.hear()
        await self.read()

    async def plan(self, workspace_id: WorkspaceId = MINE) -> str:
        """The plan that the workspace is on."""
        rows = await self.rows("SELECT plan FROM subscriptions WHERE workspace_id = $1", workspace_id)
        return str(rows[0]["plan"])

    async def said(self, workspace_id: WorkspaceId = MINE) -> list[Event[Message]]:
        """All that was told of the workspace."""
        return [event for _, event in await said(self.retention.dsns, workspace_id)]

    async def plans_told(self) -> list[str]:
        """The plans that were told of, in their order."""
        return [event.payload.plan for event in await self.said() if isinstance(event.payload, PlanChanged)]

    async def credited(self) -> list[tuple[str, int]]:
        """The purchases that were credited, and their calls."""
        found = [event.payload for event in await self.said() if isinstance(event.payload, AddonCredited)]
        return [(one.purchase_id, one.calls) for one in found]

    async def audited(self) -> list[Event[Message]]:
        """The entries of the audit log."""
        return [event for event in await self.said() if isinstance(event.payload, AdminAction)]

    async def rows(self, statement: str, *values: object) -> Sequence[Record]:
        """Rows as the administrator reads, or changes, them."""
        async with connected(same_database(self.admin_url, self.retention.dsns)) as connection:
            return [dict(row) for row in await connection.fetch(statement, *values)]

    async def outcomes(self) -> dict[str, str]:
        """How each reading ended."""
        rows = await self.rows("SELECT subject, outcome FROM readings")
        return {str(row["subject"]): str(row["outcome"]) for row in rows}

    async def let_leases_run_out(self) -> None:
        """As if the time of all claims were over."""
        await self.rows("UPDATE readings SET leased_until = now() - interval '1 s' WHERE leased_until IS NOT NULL")

    def subscription(self) -> Record:
        """The newest subscription of the workspace's customer."""
        return self.subscriptions()[0]

    def subscriptions(self) -> list[Record]:
        """All of them, newest first."""
        mine = [one for one in self.ledger.tables["customers"].values() if one["id"] in self._customers]
        return [found for one in mine for found in self.ledger.of_customer("subscriptions", one["id"])]

    @property
    def _customers(self) -> set[str]:
        return {str(one["customer"]) for one in self.ledger.tables["sessions"].values() if one["id"] in self.sessions}

    async def subscribed(self, plan: str = "growth") -> Record:
        """A workspace that pays for a plan."""
        session_id = await self.checkout("checkout", plan=plan)
        self.sessions.add(session_id)
        self.ledger.pay(session_id)
        await self.settle()
        return self.subscription()

    def _rounds(self) -> Sequence[object]:
        works = self.retention.parts._works
        rounds = [work.__self__ for work in works if isinstance(work.__self__, Rounds)]  # type: ignore[attr-defined]
        return [one for each in rounds for one in each.rounds]


def message(event: Record, workspace_id: WorkspaceId) -> Event[Message] | None:
    """What ingest makes of an event; None for one that means nothing here."""
    news = read_event(json.dumps(event).encode())
    if news is None:
        return None
    return Event(
        workspace_id=workspace_id,
        payload=billing_message(news),
        producer="ingest",
        aggregate_id=news.subject,
        sequence=max(1, int(news.occurred_at.timestamp())),
        actor=STRIPE,
    )


def session_in(answer: httpx.Response) -> str:
    """The checkout session that a page leads on to."""
    assert answer.status_code == 200, answer.text
    found = re.search(r"/pay/(cs_\w+)", answer.headers.get("refresh", ""))
    assert found, answer.text
    return found[1]


def words(page: str) -> str:
    """A page's text without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@asynccontextmanager
async def opened(retention: Service, outside: Outside, admin_url: str) -> AsyncIterator[Shop]:
    """A shop with a workspace on trial, whose Stripe is left as it was found."""
    shop = Shop(retention, outside, admin_url)
    hear = shop.events.append
    shop.ledger.told.append(hear)
    try:
        await shop.open()
        yield shop
    finally:
        shop.ledger.told.remove(hear)
        outside.running.sandbox.switchboard.disarm()
