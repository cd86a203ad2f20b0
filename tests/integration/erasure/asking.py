"""Retention asking one service to erase a person's data: messages in, answers out, and the worker in between."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
from google.protobuf.message import Message

from analysis.store.erasing import show_everything
from audit.log.people import PersonLog
from contracts import Event, unpack
from contracts.person_erasing import Call, PersonAnswer, PersonOrder, answer_told, order
from core.ids import WorkspaceId
from integration.audit.logs import Logs
from integration.erasure.place import ACME, Place
from messaging import Consumer, Outbox, Routes, Verdict
from messaging.erasure.people import PersonEraser, PersonErasing, PersonPart, PlainPersonPart, follow_people
from testkit.messages import delivery

ASKED_AT = datetime(2026, 3, 2, tzinfo=UTC)
FIRST, SECOND = (uuid.UUID(f"0195520d-9d52-7000-8000-0000000000{number}") for number in ("b7", "b8"))
ANNA, BERT = "user_2anna", "user_2bert"


def asked(
    attempt: int = 1, people: Sequence[str] = (ANNA,), calls: Sequence[str] = (), erasure: uuid.UUID = FIRST
) -> PersonOrder:
    """What retention asks."""
    return PersonOrder(
        erasure_id=erasure,
        attempt=attempt,
        asked_at=ASKED_AT,
        due_at=ASKED_AT + timedelta(days=9),
        user_ids=tuple(people),
        calls=tuple(Call("gong", one) for one in calls),
    )


def told(one: PersonOrder, workspace: WorkspaceId = ACME, at: datetime | None = None) -> Event[Message]:
    """The same in a message of its own."""
    return Event(
        workspace_id=workspace,
        payload=order(one),
        producer="retention",
        aggregate_id=str(one.erasure_id),
        sequence=one.attempt,
        occurred_at=at or datetime.now(UTC),
    )


@dataclass(slots=True)
class Asking:
    """`connection` is a superuser's to the service's database. Nothing is waited for that only takes time."""

    place: Place
    part: PersonPart = field(default_factory=PlainPersonPart)
    token_seconds: float = 0.0
    rows_at_once: int = 2

    @classmethod
    def of(cls, place: Place) -> Asking:
        """With the service's own part, as far as it needs no more than the database."""
        parts = {"audit": PersonLog(place.db, Logs(place.db).sealer.drain)}
        return cls(place, parts.get(place.service, PlainPersonPart()))

    @property
    def worker(self) -> PersonErasing:
        """A worker, as another process has one."""
        opening = show_everything if self.place.service == "analysis" else None
        outbox = Outbox(self.place.service) if self.place.service != "retention" else None
        eraser = PersonEraser(self.place.db, opening, self.rows_at_once)
        return PersonErasing(self.place.service, self.place.db, outbox, eraser, self.part, 0.0, 0.0, self.token_seconds)

    async def hear(self, *events: Event[Message]) -> list[Verdict]:
        """What becomes of messages, in the service's own consumer."""
        routes, name = Routes(), f"{self.place.service}.person-erasures"
        follow_people(routes, self.part.note, lambda: None)
        return await Consumer(name, self.place.db, routes).process([delivery(one, name) for one in events])

    async def work(self, turns: int = 4) -> None:
        """Let the worker do all that is due, as if no lease held it back."""
        for _ in range(turns):
            await self.place.admin.execute("UPDATE person_erasures SET next_at = now() WHERE next_at IS NOT NULL")
            await self.worker.once()

    async def answers(self) -> list[PersonAnswer]:
        """What retention was told so far."""
        return await answers_in(self.place.admin)


async def answers_in(connection: asyncpg.Connection[asyncpg.Record]) -> list[PersonAnswer]:
    """What a service has told retention so far."""
    rows = await connection.fetch(
        "SELECT body, attributes FROM outbox WHERE topic = 'person-erasure-receipts' ORDER BY id"
    )
    return [answer_told(unpack(row["body"], json.loads(row["attributes"])).payload) for row in rows]
