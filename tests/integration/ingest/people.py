"""Retention as ingest knows it, and calls of which some are with somebody whose data is to be erased."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from google.protobuf.message import Message

from cloud.objects import ObjectStore
from contract.sandbox.stage import CALL_TEXT
from contracts import Event
from contracts.person_erasing import (
    Call,
    Found,
    PersonAnswer,
    PersonOrder,
    Search,
    answer_told,
    found_told,
    order,
    search,
)
from core import faultpoints
from core.clock import SystemClock
from core.ids import WorkspaceId
from ingest.handlers.person_parting import Folders, PersonCalls
from ingest.handlers.person_searches import PersonSearches
from ingest.workers.person_searches import PersonSearchWorker
from integration.ingest.harness import HARBOR, QUILL, Ingest, delivery, event_of
from integration.ingest.workshop import Killed, Trap, Workshop
from local.sandbox.corpus.identifiers import numeric_id
from messaging import Consumer, Outbox, Routes, Verdict
from messaging.erasure.people import PersonEraser, PersonErasing, follow_people

# As it stands in the calls, and as retention is asked for it.
ADDRESS, ASKED_FOR = "Wanda.Quist@Brightwater.example", " wanda.quist@brightwater.EXAMPLE"
NAME = "Wanda Quist"
FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)
LEFT, STAYING = "user_wanda", "user_maya"
ASKED_AT, DUE_AT = datetime(2026, 11, 30, 9, tzinfo=UTC), datetime(2026, 12, 9, tzinfo=UTC)

# The second and the fourth of Harborline's calls are with her; the last one is private.
HERS = (2, 4)

TABLES = ("run_calls", "run_pages", "listed_calls", "held_calls", "noticed_calls")

_PEOPLE = """
INSERT INTO workspaces (workspace_id, name, slug, source_updated_at)
VALUES ('{w}', 'of {w}', '{w}', '2026-01-01Z') ON CONFLICT DO NOTHING;
INSERT INTO members (workspace_id, user_id, email, role, removed, source_updated_at, sequence) VALUES
    ('{w}', 'user_wanda', '{wanda}', 'member', true, '2026-01-02Z', 2),
    ('{w}', 'user_maya', 'maya@{w}.example', 'admin', false, '2026-01-02Z', 1);
INSERT INTO invitations (workspace_id, id, email, role, state, invited_at, source_updated_at, sequence) VALUES
    ('{w}', 'orginv_wanda', '{wanda}', 'member', 'accepted', '2026-01-01Z', '2026-01-01Z', 2),
    ('{w}', 'orginv_maya', 'maya@{w}.example', 'admin', 'accepted', '2026-01-01Z', '2026-01-01Z', 2);
INSERT INTO intents (workspace_id, id, kind, target, wanted, actor_id, actor_email, source) VALUES
    ('{w}', '00000000-0000-4000-8000-000000000001', 'invite', lower('{wanda}'), 'member', 'user_maya', 'maya@{w}.example', 'web'),
    ('{w}', '00000000-0000-4000-8000-000000000002', 'remove', 'user_wanda', '', 'user_maya', 'maya@{w}.example', 'web'),
    ('{w}', '00000000-0000-4000-8000-000000000003', 'rename', '', 'New name', 'user_wanda', '{wanda}', 'web'),
    ('{w}', '00000000-0000-4000-8000-000000000004', 'rename', '', 'Old name', 'user_maya', 'maya@{w}.example', 'web');
INSERT INTO api_keys (workspace_id, id, request_id, digest, name, scopes, role, created_by, created_by_email, created_at, revoked_at) VALUES
    ('{w}', '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', sha256('1'), 'of Wanda', ARRAY['runs:read'],
     'admin', 'user_wanda', '{wanda}', '2026-01-01Z', '2026-01-02Z'),
    ('{w}', '00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000002', sha256('2'), 'of Maya', ARRAY['runs:read'],
     'admin', 'user_maya', 'maya@{w}.example', '2026-01-01Z', NULL);
INSERT INTO jobs (workspace_id, id, kind, state, filter, max_calls, correlation_id, grant_id) VALUES
    ('{w}', '00000000-0000-4000-8000-00000000000a', 'run', 'done',
     jsonb_build_object('participants', jsonb_build_array(lower('{wanda}'))), 0, '', '00000000-0000-4000-8000-00000000000a')
"""


def calls_of(folder: Path) -> Path:
    """Calls of Harborline, two of them with her, and two of Quillstone, both with her."""
    for workspace, count in (("harborline", 5), ("quillstone", 2)):
        (folder / workspace).mkdir(parents=True)
        for number in range(1, count + 1):
            text = CALL_TEXT.format(number=number, days=number, workspace=workspace)
            if number in HERS or workspace == "quillstone":
                text = text.replace("Nobody Speaks", NAME).replace("nobody@brightwater.example", ADDRESS)
                text = text.replace("Brightwater Foods: call", "Alone with Wanda: call")
            private = "private: yes\n" if number == 5 else ""
            (folder / workspace / f"{number:02}-brightwater.call").write_text(private + text, "utf-8")
    return folder


@asynccontextmanager
async def dying(point: str, time: int = 1) -> AsyncIterator[None]:
    """The process is gone when `point` is reached."""
    faultpoints.arm(Trap(point, time))
    try:
        yield
    except* Killed:
        pass
    finally:
        faultpoints.arm(None)


@dataclass(slots=True)
class Office:
    """Messages in, answers out. Rows are read and erased two at a time: everything takes several transactions."""

    workshop: Workshop
    objects: ObjectStore
    searcher: PersonSearchWorker
    erasing: PersonErasing
    woken: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, workshop: Workshop, objects: ObjectStore, folders: Folders) -> Office:
        """Put together as the service is."""
        db, outbox = workshop.ingest.db, Outbox("ingest")
        rows = {"held_calls": 2, "run_calls": 2, "run_pages": 1, "listed_calls": 2}
        searcher = PersonSearchWorker(db, outbox, objects, settle_seconds=0.0, rows=rows)  # type: ignore[arg-type]
        part = PersonCalls(db, outbox, folders, SystemClock(), rows_at_once=2, folders_at_a_time=2)
        eraser = PersonEraser(db, rows_at_once=2)
        erasing = PersonErasing("ingest", db, outbox, eraser, part, settle_seconds=0.0, token_seconds=0.0)
        return cls(workshop, objects, searcher, erasing)

    @property
    def ingest(self) -> Ingest:
        """The service's database, and what it has to say."""
        return self.workshop.ingest

    async def hear(self, *messages: Message, workspace: WorkspaceId = HARBOR) -> None:
        """Each in an event of its own."""
        for message in messages:
            orders = Routes()
            follow_people(orders, self.erasing.part.note, lambda: self.woken.append(1))
            searches = PersonSearches(lambda: self.woken.append(1)).routes()
            event = event_of(message, str(message.erasure_id), workspace)  # type: ignore[attr-defined]
            named = type(message).__name__ == "PersonSearchRequested"
            consumer = Consumer(f"ingest.{named}", self.ingest.db, searches if named else orders)
            assert await consumer.process([delivery(event)]) == [Verdict.ACK]

    async def work(self) -> None:
        """Let the workers do all that is due, as if no lease held them back."""
        for _ in range(300):
            for table in ("person_searches", "person_erasures"):
                await self.ingest.sql(f"UPDATE {table} SET next_at = now() WHERE next_at IS NOT NULL")
            if not any([await self.searcher.once(), await self.erasing.once()]):
                return
            await asyncio.sleep(0)
        raise AssertionError("it does not come to an end")

    async def found(self) -> list[Found]:
        """What retention was told that was found."""
        return [found_told(one.payload) for one in await self._said("PersonFound")]

    async def answers(self) -> list[PersonAnswer]:
        """What retention was told that was erased."""
        return [answer_told(one.payload) for one in await self._said("PersonErasureAnswered")]

    async def _said(self, name: str) -> list[Event[Message]]:
        return [one for one in await self.ingest.told() if type(one.payload).__name__ == name]

    async def looked(self, attempt: int, erasure: uuid.UUID = FIRST, email: str = ASKED_FOR) -> Found:
        """Have her looked for, and hear what was found."""
        await self.hear(searched(attempt, erasure, email))
        await self.work()
        return (await self.found())[-1]

    async def erased(self, told: Found, attempt: int | None = None) -> PersonAnswer:
        """Have erased what was found, and hear what that came to."""
        await self.hear(ordered(attempt or told.attempt, told.user_ids, told.calls, told.erasure_id))
        await self.work()
        return (await self.answers())[-1]


def searched(attempt: int, erasure: uuid.UUID = FIRST, email: str = ASKED_FOR) -> Message:
    """She is to be looked for."""
    return search(Search(erasure, attempt, ASKED_AT, email))


def ordered(
    attempt: int, user_ids: Sequence[str] = (), calls: Sequence[Call] = (), erasure: uuid.UUID = FIRST
) -> Message:
    """What is known of her is to be erased."""
    return order(
        PersonOrder(
            erasure_id=erasure,
            attempt=attempt,
            asked_at=ASKED_AT,
            due_at=DUE_AT,
            user_ids=tuple(user_ids),
            calls=tuple(calls),
        )
    )


async def furnish(ingest: Ingest) -> None:
    """She has left both workspaces, where somebody else stays."""
    for workspace in (HARBOR, QUILL):
        for statement in _PEOPLE.format(w=workspace, wanda=ADDRESS).split(";\n"):
            await ingest.sql(statement)


def gong_id(number: int, company: str = "harborline") -> str:
    """Gong's id of a call."""
    return numeric_id("call", company, f"{number:02}-brightwater")


CALLS = tuple(sorted(Call("gong", gong_id(number)) for number in HERS))
"""Those of Harborline's that are hers."""


async def rows_of(ingest: Ingest, tables: Sequence[str] = TABLES) -> Mapping[str, list[str]]:
    """All rows of some tables, as text."""
    return {
        table: [row["row"] for row in await ingest.sql(f"SELECT t::text AS row FROM {table} t ORDER BY t::text")]
        for table in tables
    }


def described(content: bytes) -> Mapping[str, object]:
    """A call, or a sample, as its object says it."""
    read: Mapping[str, object] = json.loads(content)
    return read
