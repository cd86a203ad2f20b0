"""ingest on a real database: messages in, messages out, a vault and an object store for tests."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from callmine.credentials.v1.credentials_pb2 import CredentialGranted, CredentialRequested
from callmine.fetches.v1.fetches_pb2 import CallFilter, FetchRequested, PreviewRequested
from callmine.integrations.v1.integrations_pb2 import PROVIDER_GONG, PROVIDER_HUBSPOT
from cloud.objects import StoredObject, WorkspaceFolder
from contracts import Event, attributes_of, pack, unpack
from contracts.sealing import Binding, SealedTo, SealingKey, SealingKeys, seal
from core.errors import Conflict, NotFound
from core.ids import WorkspaceId, uuid7
from database import Database
from ingest import routes
from ingest.handlers import CredentialHandlers, FetchHandlers
from messaging import Consumer, Delivery, Outbox, Verdict

HARBOR, QUILL = WorkspaceId("org_harborline01"), WorkspaceId("org_quillstone01")
KEY = SealingKey.generate()
NAMES = {PROVIDER_GONG: "gong", PROVIDER_HUBSPOT: "hubspot"}
# As while a new key takes the place of the one that grants are sealed to.
KEYS = SealingKeys.parse(f"{SealingKey.generate().private_text()}\n{KEY.private_text()}\n")

_TABLES = """SELECT quote_ident(tablename) FROM pg_catalog.pg_tables
WHERE schemaname = 'public' AND tablename NOT LIKE '%yoyo%' ORDER BY tablename"""


def delivery(event: Event[Message], subscription: str = "test") -> Delivery:
    """The event as a broker delivers it."""
    return Delivery(str(event.event_id), pack(event), attributes_of(event), event.aggregate_id, 1, subscription)


def event_of(payload: Message, aggregate_id: str, workspace: WorkspaceId = HARBOR, sequence: int = 1) -> Event[Message]:
    """An event from another service."""
    return Event(
        workspace_id=workspace, payload=payload, producer="analysis", aggregate_id=aggregate_id, sequence=sequence
    )


def stamp(moment: datetime) -> Timestamp:
    """A protobuf time."""
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def all_time() -> CallFilter:
    """A filter that every call of the sandbox meets."""
    return CallFilter(
        from_time=stamp(datetime(2000, 1, 1, tzinfo=UTC)), to_time=stamp(datetime(2100, 1, 1, tzinfo=UTC))
    )


def fetch_requested(run_id: uuid.UUID, max_calls: int = 0, wanted: CallFilter | None = None) -> Event[Message]:
    """Analysis asks for a run's calls."""
    payload = FetchRequested(run_id=str(run_id), filter=wanted or all_time(), max_calls=max_calls)
    return event_of(payload, str(run_id))


def preview_requested(preview_id: uuid.UUID, wanted: CallFilter | None = None) -> Event[Message]:
    """Analysis asks how many calls match."""
    return event_of(PreviewRequested(preview_id=str(preview_id), filter=wanted or all_time()), str(preview_id))


@dataclass(frozen=True, slots=True)
class Gong:
    """A company's Gong as the vault knows it."""

    base_url: str
    access_key: str
    secret: str


def granted(
    asked: Event[Message], gong: Gong, lasts: timedelta = timedelta(hours=1), version: int = 1
) -> Event[Message]:
    """The vault's answer to a request: a key pair, or an access token where `gong` has no access key."""
    plaintext = {"kind": "basic", "access_key": gong.access_key, "secret": gong.secret, "base_url": gong.base_url}
    if not gong.access_key:
        plaintext = {"kind": "bearer", "token": gong.secret, "base_url": gong.base_url}
    return granted_with(asked, plaintext, lasts, version)


def granted_with(
    asked: Event[Message], plaintext: dict[str, str], lasts: timedelta = timedelta(hours=1), version: int = 1
) -> Event[Message]:
    """The vault's answer to a request for whichever provider, holding `plaintext`."""
    assert isinstance(asked.payload, CredentialRequested)
    expires_at = datetime.now(UTC).replace(microsecond=0) + lasts
    grant_id, provider = asked.payload.grant_id, asked.payload.provider
    binding = Binding(asked.workspace_id, grant_id, NAMES[provider], "ingest", expires_at)
    to = SealedTo.parse(KEY.public_text())
    payload = CredentialGranted(
        grant_id=grant_id,
        provider=provider,
        sealed=seal(to, json.dumps(plaintext).encode(), binding),
        sealing_key_id=to.key_id,
        expires_at=stamp(expires_at),
        credential_version=version,
    )
    return event_of(payload, grant_id, asked.workspace_id)


@dataclass(slots=True)
class MemoryObjects:
    """An object store that, like the real one, writes each name once. `gate` holds uploads back where it is set."""

    held: dict[str, bytes] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceFolder:
        """The objects of one workspace."""
        return _Folder(self, f"workspaces/{workspace_id}/")


@dataclass(slots=True)
class _Folder:
    store: MemoryObjects
    prefix: str

    async def put(self, name: str, content: bytes) -> StoredObject:
        self.store.reached.set()
        if self.store.gate is not None:
            await self.store.gate.wait()
        whole = self.prefix + name
        if self.store.held.setdefault(whole, content) != content:
            raise Conflict("other content")
        return StoredObject(whole, hashlib.sha256(content).hexdigest(), len(content))

    async def get(self, name: str, sha256: str) -> bytes:
        found = self.store.held.get(self.prefix + name.removeprefix(self.prefix))
        if found is None:
            raise NotFound("no such object")
        return found

    async def stream(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        yield await self.get(name, sha256)

    async def delete(self, name: str) -> None:
        self.store.held.pop(self.prefix + name.removeprefix(self.prefix), None)

    async def clear(self, most: int, below: str = "") -> int:
        found = [
            name for name in self.store.held if name.startswith(f"{self.prefix}{below}/" if below else self.prefix)
        ]
        for name in found[:most]:
            del self.store.held[name]
        return len(found[:most])


@dataclass(slots=True)
class Ingest:
    """One service's database and what goes in and out of it."""

    db: Database
    admin_url: str
    outbox: Outbox
    wake: Callable[[], None] = lambda: None

    def consumers(self) -> list[Consumer]:
        """The service's consumers, new as after a restart."""
        tables = [
            routes.fetches(FetchHandlers(self.outbox)),
            routes.grants(CredentialHandlers(self.outbox, self.wake)),
            routes.integrations(),
            routes.reports(),
        ]
        return [Consumer(f"ingest.{number}", self.db, table) for number, table in enumerate(tables)]

    async def hear(self, *events: Event[Message]) -> None:
        """Deliver events to whoever listens; each must be acknowledged."""
        for consumer in self.consumers():
            verdicts = await consumer.process([delivery(event) for event in events])
            assert set(verdicts) <= {Verdict.ACK}, verdicts

    async def told(self, payload: type[Message] | None = None) -> list[Event[Message]]:
        """What the service has to say so far, in order; of one type if given."""
        rows = await self.sql("SELECT body, attributes FROM outbox ORDER BY id")
        events = [unpack(row["body"], json.loads(row["attributes"])) for row in rows]
        return [event for event in events if payload is None or isinstance(event.payload, payload)]

    async def sql(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Run a statement as the server's administrator, past all policies."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            found: list[asyncpg.Record] = await connection.fetch(statement, *values)
            return found
        finally:
            await connection.close()

    async def snapshot(
        self, tables: Sequence[str] = ("workspaces", "members", "integrations", "jobs", "run_calls")
    ) -> str:
        """All rows of the service's tables, as text."""
        parts = []
        for table in tables:
            rows = await self.sql(f"SELECT t::text AS row FROM {table} t ORDER BY t::text")
            parts += [f"{table}: {row['row']}" for row in rows]
        return "\n".join(parts)

    async def everything(self) -> str:
        """All rows of all tables but the migration tool's, as text."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            tables = await connection.fetch(_TABLES)
            rows = [
                f"{table}: {row['row']}"
                for (table,) in tables
                for row in await connection.fetch(f"SELECT t::text AS row FROM {table} t ORDER BY t::text")
            ]
        finally:
            await connection.close()
        return "\n".join(rows)

    async def parked(self) -> list[str]:
        """The reasons of all parked messages."""
        return [row["reason"] for row in await self.sql("SELECT reason FROM parked ORDER BY id")]


def new_id() -> uuid.UUID:
    """An id for a run or a preview."""
    return uuid7()
