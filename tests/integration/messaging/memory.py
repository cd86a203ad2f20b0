"""A broker in memory, and ways to fill the outbox and look at what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from callmine.calls.v1.calls_pb2 import CallFetched
from chaos.effects import draft, workspace
from contracts import Event, attributes_of, pack
from core.errors import Permanent, Transient
from core.ids import WorkspaceId
from database import Database
from messaging import Delivery, Outbox, OutgoingMessage

SUBSCRIPTION = "analysis.calls"

A, B = workspace(1), workspace(2)

Fate = Callable[[str, Sequence[OutgoingMessage]], Exception | None]


def accepted(_topic: str, _messages: Sequence[OutgoingMessage]) -> None:
    """Nothing goes wrong."""


@dataclass
class MemoryPublisher:
    """Keeps what is published; `fate` says which publications fail and how."""

    fate: Fate = accepted
    stored: list[tuple[str, OutgoingMessage]] = field(default_factory=list)
    calls: int = 0

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        assert timeout > 0
        self.calls += 1
        if (failure := self.fate(topic, messages)) is not None:
            raise failure
        self.stored.extend((topic, message) for message in messages)

    @property
    def keys(self) -> list[str]:
        """The aggregates of what was stored, in that order."""
        return [aggregate_of(message) for _, message in self.stored]


def aggregate_of(message: OutgoingMessage) -> str:
    """What its ordering key says behind the workspace."""
    return message.ordering_key.partition("/")[2]


def failing(key: str, error: type[Permanent | Transient]) -> Fate:
    """Publications about this aggregate fail."""
    return lambda _topic, messages: error("as the test wants") if aggregate_of(messages[0]) == key else None


async def write(db: Database, workspace_id: WorkspaceId, *keys: str) -> list[uuid.UUID]:
    """One transaction that adds an event for each of `keys`."""
    async with db.workspace(workspace_id) as tx:
        return await Outbox("ingest").add_many(tx, [draft(key, number) for number, key in enumerate(keys, 1)])


async def count(db: Database, table: str) -> int:
    """Rows of `outbox`, `inbox` or `effects`."""
    async with db.sweep() as tx:
        return int(str(await tx.fetch_value(f"{table}_count")))


async def pass_time(db: Database, seconds: float) -> None:
    """Let time pass for the database."""
    async with db.sweep() as tx:
        await tx.execute("time_passes", seconds=seconds)


def event(
    key: str = "run-1", sequence: int = 1, workspace_id: WorkspaceId = A, call_id: str = "call"
) -> Event[CallFetched]:
    """An event as ingest would announce it."""
    return Event(
        workspace_id=workspace_id,
        payload=CallFetched(run_id=key, call_id=call_id),
        producer="ingest",
        aggregate_id=key,
        sequence=sequence,
    )


def delivery(of: Event[CallFetched], attempt: int = 1) -> Delivery:
    """`of` as the broker delivers it."""
    return Delivery(f"m-{of.event_id}", pack(of), attributes_of(of), of.aggregate_id, attempt, SUBSCRIPTION)
