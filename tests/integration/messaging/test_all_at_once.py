"""A handler that takes the events of all workspaces of a batch: in a few round trips, and as exactly as one by one."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted
from chaos.effects import record_effects_everywhere
from contracts import Event, attributes_of, pack
from core.errors import Permanent, Transient
from core.ids import WorkspaceId
from database import Batch, Database, Tx
from integration.messaging.memory import A, B, count, delivery, event
from messaging import Consumer, Delivery, Parked, Routes, Verdict

ACK, RETRY = Verdict.ACK, Verdict.RETRY


@dataclass
class Everywhere:
    """Records effects; fails for the call ids in `fails`, after having written."""

    fails: dict[str, Exception] = field(default_factory=dict)
    runs: list[dict[str, list[str]]] = field(default_factory=list)

    async def handle(self, batch: Batch, told: Mapping[WorkspaceId, Sequence[Event[CallFetched]]]) -> None:
        self.runs.append({one: [each.payload.call_id for each in events] for one, events in told.items()})
        await record_effects_everywhere(batch, told)
        for one in itertools.chain(*told.values()):
            if failure := self.fails.get(one.payload.call_id):
                raise failure

    def consumer(self, db: Database) -> Consumer:
        routes = Routes()
        routes.on_batch(CallFetched, self.handle)
        return Consumer("analysis", db, routes)


@pytest.fixture
def handler() -> Everywhere:
    return Everywhere()


async def test_all_workspaces_are_handled_at_once_in_order_and_each_event_once(
    db: Database, handler: Everywhere
) -> None:
    twice = delivery(event("run-1", 1, call_id="one", workspace_id=B))
    batch = [twice, delivery(event("run-1", 2, call_id="two", workspace_id=B)), delivery(event("run-9", 1)), twice]
    consumer = handler.consumer(db)
    assert await consumer.process(batch) == [ACK] * 4
    assert handler.runs == [{A: ["call"], B: ["one", "two"]}]
    assert list(handler.runs[0]) == [A, B]
    assert await consumer.process(batch) == [ACK] * 4
    assert len(handler.runs) == 1
    assert await count(db, "effects") == 3


async def test_an_id_that_two_workspaces_use_is_an_event_of_each(db: Database, handler: Everywhere) -> None:
    mine = event(call_id="mine")
    theirs = Event(
        workspace_id=B,
        payload=CallFetched(call_id="theirs"),
        producer="ingest",
        aggregate_id="run-1",
        sequence=1,
        event_id=mine.event_id,
    )
    consumer = handler.consumer(db)
    assert await consumer.process([delivery(mine)]) == [ACK]
    assert await consumer.process([delivery(theirs), delivery(mine)]) == [ACK, ACK]
    assert handler.runs == [{A: ["mine"]}, {B: ["theirs"]}]


async def test_poison_parks_alone_and_the_others_have_their_effects_once(db: Database, handler: Everywhere) -> None:
    handler.fails["bad"] = Permanent("the call is not of this run")
    batch = [
        delivery(event(f"run-{n}", call_id="bad" if n == 3 else "good", workspace_id=(A, B)[n % 2])) for n in range(8)
    ]
    assert await handler.consumer(db).process(batch) == [ACK] * 8
    assert await count(db, "effects") == 7
    assert [(one.ordering_key, one.workspace_id, one.reason) for one in await Parked(db).list()] == [
        ("run-3", B, "the call is not of this run")
    ]


async def test_where_the_database_asks_to_wait_everything_is_retried(db: Database, handler: Everywhere) -> None:
    handler.fails["later"] = Transient("not now")
    batch = [delivery(event(call_id="later")), delivery(event(workspace_id=B))]
    assert await handler.consumer(db).process(batch) == [RETRY, RETRY]
    assert (await count(db, "effects"), await count(db, "inbox")) == (0, 0)
    handler.fails.clear()
    assert await handler.consumer(db).process(batch) == [ACK, ACK]
    assert (await count(db, "effects"), await count(db, "inbox")) == (2, 2)


async def test_types_of_both_kinds_of_handlers_keep_their_order(db: Database, handler: Everywhere) -> None:
    seen: list[str] = []

    async def fetched(batch: Batch, told: Mapping[WorkspaceId, Sequence[Event[CallFetched]]]) -> None:
        await handler.handle(batch, told)
        seen.extend(f"{one} fetched" for one in told)

    async def completed(tx: Tx, one: Event[FetchCompleted]) -> None:
        del one
        await tx.execute("facts_insert", ids=[uuid.uuid4()])
        seen.append(f"{tx.workspace_id} completed")

    routes = Routes()
    routes.on_batch(CallFetched, fetched)
    routes.on(FetchCompleted, completed)
    end = Event(workspace_id=A, payload=FetchCompleted(), producer="ingest", aggregate_id="run-1", sequence=9)
    last = Delivery("end", pack(end), attributes_of(end), "run-1", 1, "analysis.calls")
    batch = [delivery(event(workspace_id=B)), delivery(event()), last, delivery(event(sequence=3))]
    assert await Consumer("analysis", db, routes).process(batch) == [ACK] * 4
    assert seen == [f"{A} fetched", f"{A} completed", f"{A} fetched", f"{B} fetched"]


def test_a_type_has_one_handler_of_either_kind(handler: Everywhere) -> None:
    routes = Routes()
    routes.on_batch(CallFetched, handler.handle)
    with pytest.raises(ValueError, match="has a handler already"):
        routes.on_many(CallFetched, lambda tx, events: None)  # type: ignore[arg-type, return-value]
    assert routes.hears("callmine.calls.v1.CallFetched")
    assert routes.types == {"callmine.calls.v1.CallFetched"}
