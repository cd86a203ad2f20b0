"""Analysis put together around a real database: a model that follows a script, objects in memory, messages by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from google.protobuf.message import Message

from analysis.domain.plan import Plan
from analysis.domain.request import Question, ReportId, RunId
from analysis.exporting.formats import Format
from analysis.exporting.links import Links
from analysis.handlers.deliveries import Deliveries
from analysis.handlers.desk import Desk
from analysis.handlers.exports import Exports
from analysis.handlers.lifecycle import Lifecycle
from analysis.handlers.messages import MessageHandlers
from analysis.handlers.notices import Notices
from analysis.handlers.schedules import Schedules
from analysis.main import ENTERING
from analysis.models.asking import Asker, Patience
from analysis.models.offer import read_offer
from analysis.models.port import ModelError, Prompt, Reply
from analysis.models.tokens import Tokens
from analysis.store import plans
from analysis.workers import Workers
from analysis.workers.backoff import Backoff
from analysis.workers.exports import ExportWork, Printers
from analysis.workers.pool import PoolSettings
from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted
from cloud.objects import StoredObject, WorkspaceFolder
from contracts import Actor, ActorKind, Event, Source, attributes_of, pack, unpack
from core.clock import SystemClock
from core.errors import NotFound, Permanent
from core.ids import WorkspaceId, uuid7
from database import Database, DatabaseSettings, Queries
from local.postgres import ServiceDsns
from messaging import Consumer, Delivery, Outbox, Verdict

ACME, RIVAL = WorkspaceId("org_acme1"), WorkspaceId("org_rival1")
MAYA = Actor(ActorKind.USER, "user_maya1", "maya@harborline.example", Source.WEB)
TRIAL = Plan("trial", 30, 50, 1, ("openai/small", "anthropic/small"))


@dataclass(slots=True)
class MemoryObjects:
    """Objects in memory, checked as the real store checks them."""

    content: dict[str, bytes] = field(default_factory=dict)

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceFolder:
        return _Folder(self.content, f"workspaces/{workspace_id}/")


@dataclass(slots=True)
class _Folder:
    content: dict[str, bytes]
    prefix: str

    async def put(self, name: str, content: bytes) -> StoredObject:
        whole = self.prefix + name
        self.content[whole] = content
        return StoredObject(whole, hashlib.sha256(content).hexdigest(), len(content))

    async def get(self, name: str, sha256: str) -> bytes:
        if not name.startswith(self.prefix) or name not in self.content:
            raise NotFound("no such object")
        content = self.content[name]
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Permanent("the stored object is not the one that was written: its SHA-256 differs")
        return content

    async def stream(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        yield await self.get(name, sha256)

    async def delete(self, name: str) -> None:
        self.content.pop(name, None)

    async def clear(self, most: int, below: str = "") -> int:
        found = [name for name in self.content if name.startswith(f"{self.prefix}{below}/" if below else self.prefix)]
        for name in found[:most]:
            del self.content[name]
        return len(found[:most])


@dataclass(slots=True)
class PlainPress:
    """Makes every file from its document's JSON, at once; raises `error` instead while there is one. Remembers what was asked for."""

    error: Exception | None = None
    asked: list[Format] = field(default_factory=list)

    async def make(self, document: Mapping[str, object], kind: Format) -> bytes:
        self.asked.append(kind)
        if self.error is not None:
            raise self.error
        return f"{kind} {json.dumps(document)}".encode()


Script = Callable[[Prompt], str]


@dataclass(slots=True)
class ScriptedModel:
    """Answers as its script says; remembers what it was asked. `meanwhile` happens once, while the first question is thought about."""

    script: Script
    asked: list[Prompt] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def answer(self, prompt: Prompt, _: int) -> Reply:
        self.asked.append(prompt)
        if self.meanwhile is not None:
            happening, self.meanwhile = self.meanwhile, None
            await happening()
        sent = len(prompt.document.encode())
        try:
            text = self.script(prompt)
        except ModelError as error:
            error.sent = sent
            raise
        return Reply(text, Tokens(input=sent // 4, output=len(text) // 4), sent)


def honest(prompt: Prompt) -> str:
    """Quotes the transcript's second sentence, cites every claim, and takes no two themes for one."""
    document = json.loads(prompt.document)
    if prompt.task == "merge-themes":
        return json.dumps({"groups": []})
    if prompt.task == "synthesise":
        ids = [claim["id"] for theme in document["themes"] for claim in theme["claims"]]
        return json.dumps(
            {
                "headline": "Price decides",
                "summary": [
                    {"sentence": "Buyers find the price too high.", "finding_ids": ids[:2]},
                    {"sentence": "This one cites nothing that exists.", "finding_ids": ["f999"]},
                ],
            }
        )
    spoken = document["transcript"][1]
    return call_answer([(spoken["id"], spoken["text"])])


def call_answer(quotes: Sequence[tuple[str, str]], theme: str = "Price too high") -> str:
    """An answer about one call with one finding."""
    finding = {
        "theme": theme,
        "claim": "The customer finds the price too high.",
        "sentiment": "negative",
        "quotes": [{"sentence_id": sentence_id, "text": text} for sentence_id, text in quotes],
    }
    return json.dumps({"verdict": "yes", "summary": "Price comes up.", "findings": [finding]})


def call_document(call_id: str, price: str = "Honestly, the price is higher than we planned for.") -> dict[str, object]:
    """A call object as ingest writes it."""
    return {
        "version": 1,
        "call_id": call_id,
        "title": f"Call {call_id}",
        "started_at": "2026-11-02T15:30:00Z",
        "duration_seconds": 1200,
        "url": None,
        "direction": "Conference",
        "scope": "External",
        "parties": [
            {
                "speaker_id": "1",
                "name": "Maya Lindqvist",
                "title": "AE",
                "affiliation": "internal",
                "email": "maya@harborline.example",
            },
            {"speaker_id": "2", "name": "Tomás Ferreira", "title": "VP", "affiliation": "external", "email": None},
        ],
        "owner": {"name": "Maya Lindqvist", "email": "maya@harborline.example"},
        "deal": {"account": "Brightwater Foods", "stage": "Proposal", "amount": 64000.0, "segment": "Mid-Market"},
        "sentences": [
            {"speaker_id": "1", "start_ms": 0, "end_ms": 4000, "text": "Thanks for making the time today."},
            {"speaker_id": "2", "start_ms": 4000, "end_ms": 10000, "text": price},
            {"speaker_id": "2", "start_ms": 10000, "end_ms": 12000, "text": "We would need finance to agree."},
        ],
    }


def question(**changes: object) -> Question:
    """A question that can be asked today."""
    today = datetime.now(UTC).date()
    given: dict[str, object] = {
        "brief": "What do buyers say about our price?",
        "first_day": today - timedelta(days=29),
        "last_day": today,
        "timezone": "UTC",
        "model": "openai/small",
        "max_calls": 50,
    }
    return Question(**{**given, **changes})  # type: ignore[arg-type]


class Ahead(SystemClock):
    """The machine's clock, and as far ahead of it as a test says."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


@dataclass(slots=True)
class World:
    """All of analysis but the network."""

    db: Database
    admin_url: str
    app_url: str
    objects: MemoryObjects
    model: ScriptedModel
    desk: Desk
    schedules: Schedules
    deliveries: Deliveries
    exports: Exports
    press: PlainPress
    printers: Printers
    workers: Workers
    consumers: dict[str, Consumer]
    clock: Ahead
    others: Mapping[str, ScriptedModel] = field(default_factory=dict)
    _sequences: dict[str, int] = field(default_factory=dict)

    async def deliver(self, *events: Event[Message], topic: str = "calls") -> list[Verdict]:
        """Hand events over as the broker does."""
        return await self.consumers[topic].process([delivery(event) for event in events])

    def event(
        self, payload: Message, aggregate_id: str, workspace_id: WorkspaceId = ACME, sequence: int | None = None
    ) -> Event[Message]:
        """An event of another service."""
        rising = self._sequences[aggregate_id] = self._sequences.get(aggregate_id, 0) + 1
        return Event(
            workspace_id=workspace_id,
            payload=payload,
            producer="ingest",
            aggregate_id=aggregate_id,
            sequence=sequence or rising,
        )

    async def fetched(
        self, run_id: RunId, call_id: str, workspace_id: WorkspaceId = ACME, document: object = None
    ) -> Event[Message]:
        """A call put into storage, and its announcement."""
        body = json.dumps(document or call_document(call_id)).encode()
        stored = await self.objects.workspace(workspace_id).put(f"calls/{call_id}/{uuid7().hex}.json.gz", body)
        message = CallFetched(
            run_id=str(run_id),
            call_id=call_id,
            object_name=stored.name,
            sha256=stored.sha256,
            size_bytes=stored.size,
            duration_seconds=1200,
        )
        message.started_at.FromDatetime(datetime(2026, 11, 2, 15, 30, tzinfo=UTC) + timedelta(minutes=len(call_id)))
        return self.event(message, str(run_id), workspace_id)

    def completed(
        self,
        run_id: RunId,
        calls: int,
        matching: int | None = None,
        workspace_id: WorkspaceId = ACME,
        remarks: Sequence[str] = (),
        **left_out: int,
    ) -> Event[Message]:
        """The end of a fetch."""
        message = FetchCompleted(
            run_id=str(run_id),
            calls_fetched=calls,
            calls_matching=calls if matching is None else matching,
            remarks=remarks,
            **left_out,
        )
        return self.event(message, str(run_id), workspace_id)

    async def finished_run(self, calls: int = 2, workspace_id: WorkspaceId = ACME) -> RunId:
        """A run taken from the question to whatever end it comes to."""
        run_id = await self.desk.start(workspace_id, question(), MAYA)
        for number in range(calls):
            await self.deliver(await self.fetched(run_id, f"call{number}", workspace_id))
        await self.deliver(self.completed(run_id, calls, workspace_id=workspace_id))
        await self.work()
        return run_id

    async def report(self, workspace_id: WorkspaceId, report_id: ReportId) -> dict[str, Any]:
        """A report as it is published. Raises NotFound."""
        whole: dict[str, Any] = json.loads((await self.desk.published(workspace_id, report_id)).text)
        return whole

    async def work(self) -> None:
        """Let the workers do everything there is, with all pauses over."""
        await self.expire_leases()
        while await self.workers.drain():
            await self.expire_leases()

    async def print(self) -> None:
        """Let the printers make all files there are to be made, with all pauses over."""
        await self.owner("UPDATE export_files SET lease_until = now() - interval '1 second' WHERE done_at IS NULL")
        await self.printers.drain()

    async def expire_leases(self) -> None:
        """Let the time of every lease and pause pass."""
        await self.owner(
            "UPDATE run_calls SET lease_until = now() - interval '1 second' WHERE done_at IS NULL",
            "UPDATE syntheses SET lease_until = now() - interval '1 second' WHERE done_at IS NULL",
        )

    async def owner(self, *statements: str) -> None:
        """Statements as an operator could run them, past the row policies."""
        async with self.looking() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def rows(self, statement: str) -> list[asyncpg.Record]:
        """What is really in the tables."""
        async with self.looking() as connection:
            return list(await connection.fetch(statement))

    async def sent(self) -> list[Event[Message]]:
        """What waits in the outbox, in order."""
        rows = await self.rows("SELECT body, attributes FROM outbox ORDER BY id")
        return [unpack(row["body"], json.loads(row["attributes"])) for row in rows]

    async def sent_of(self, kind: type[Message]) -> list[Event[Message]]:
        """The events of one kind in the outbox."""
        return [event for event in await self.sent() if isinstance(event.payload, kind)]

    async def everything(self) -> dict[str, list[str]]:
        """All rows of all tables as text, but for the inbox, whose business duplicates are."""
        tables = await self.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND relname NOT LIKE '%yoyo%' AND relname NOT IN ('inbox', 'relay_lease') ORDER BY 1"
        )
        names = [row["relname"] for row in tables]
        return {name: sorted(str(row) for row in await self.rows(f"SELECT * FROM {name}")) for name in names}

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection that sees every row."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            yield connection
        finally:
            await connection.close()


def delivery(event: Event[Message]) -> Delivery:
    """An event as the broker delivers it."""
    return Delivery(uuid7().hex, pack(event), attributes_of(event), event.aggregate_id)


async def open_database(dsns: ServiceDsns) -> Database:
    """The service's database, as its main.py opens it."""
    settings = DatabaseSettings(app_url=dsns.app, sweep_url=dsns.sweep, app_pool=8, sweep_pool=3)
    return await Database.open(settings, Queries.of("database", "messaging", "analysis"), "analysis", ENTERING)


@asynccontextmanager
async def world(dsns: ServiceDsns, postgres_url: str, concurrency: int = 4) -> AsyncIterator[World]:
    """Open everything, and close it."""
    db = await open_database(dsns)
    try:
        async with db.sweep() as tx:
            await plans.set_default_plan(tx, TRIAL)
        admin_url = urlsplit(postgres_url)._replace(path=urlsplit(dsns.app).path).geturl()
        yield put_together(db, dsns, admin_url, concurrency)
    finally:
        await db.close()


def put_together(db: Database, dsns: ServiceDsns, admin_url: str, concurrency: int) -> World:
    """The parts as main.py wires them."""
    objects, model, outbox = MemoryObjects(), ScriptedModel(honest), Outbox("analysis")
    others = {"anthropic/small": ScriptedModel(honest)}
    workers = Workers(PoolSettings(concurrency, lease=30, poll=0.05), Backoff(random=Random(1)))
    clock = Ahead()
    lifecycle = Lifecycle(outbox, workers.wake, clock)
    asker = Asker(read_offer(), {"openai/small": model, **others}, clock, Patience(retries=0), Random(1))
    workers.equip(db, outbox, lifecycle, objects, asker)
    press = PlainPress()
    printers = Printers(ExportWork(db, objects, press, Backoff(random=Random(1))), PoolSettings(2, lease=30, poll=0.05))
    # Nobody works while a test waits: it does not.
    exports = Exports(db, outbox, objects, Links((b"k" * 32,)), clock, printers.wake, patience=0)
    notices = Notices(outbox, lambda: None)
    deliveries = Deliveries(db, outbox, notices, lambda: None)
    handlers = MessageHandlers(lifecycle, notices, deliveries)
    tables = {
        "calls": handlers.calls(),
        "plans": handlers.plans(),
        "workspaces": handlers.workspaces(),
        "integrations": handlers.integrations(),
        "sub-processors": handlers.sub_processors(),
        "credential-grants-analysis": deliveries.grants(),
    }
    return World(
        db=db,
        admin_url=admin_url,
        app_url=dsns.app,
        objects=objects,
        model=model,
        others=others,
        desk=Desk(db, outbox, lifecycle, objects, clock),
        schedules=Schedules(db, outbox, lifecycle),
        deliveries=deliveries,
        exports=exports,
        press=press,
        printers=printers,
        workers=workers,
        clock=clock,
        consumers={topic: Consumer(f"analysis.{topic}", db, routes) for topic, routes in tables.items()},
    )
