"""The consumer on a real PostgreSQL: effects once, poison alone, order kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import force_setattr

from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted
from chaos.effects import draft, record_effects
from contracts import Event, attributes_of, pack
from core.errors import Gone, Permanent, Transient
from database import Database, Tx
from integration.messaging.memory import A, B, MemoryPublisher, count, delivery, event
from messaging import Consumer, DeadLetters, Delivery, Outbox, Parked, Relay, Routes, Verdict
from messaging.consumer import ConsumerSettings
from messaging.store import parked_by_id

ACK, RETRY = Verdict.ACK, Verdict.RETRY


@dataclass
class Handler:
    """Records effects; fails for the call ids in `fails`, after having written."""

    fails: dict[str, Exception] = field(default_factory=dict)
    runs: list[list[str]] = field(default_factory=list)

    async def handle(self, tx: Tx, events: Sequence[Event[CallFetched]]) -> None:
        self.runs.append([one.payload.call_id for one in events])
        await record_effects(tx, events)
        for one in events:
            if failure := self.fails.get(one.payload.call_id):
                raise failure

    def consumer(self, db: Database, settings: ConsumerSettings | None = None) -> Consumer:
        routes = Routes()
        routes.on_many(CallFetched, self.handle)
        return Consumer("analysis", db, routes, settings)


@pytest.fixture
def handler() -> Handler:
    return Handler()


async def test_a_delivery_has_its_effect_once_however_often_it_comes(db: Database, handler: Handler) -> None:
    consumer = handler.consumer(db)
    once = delivery(event())
    assert await consumer.process([once, once]) == [ACK, ACK]
    assert await consumer.process([once]) == [ACK]
    assert handler.runs == [["call"]]
    assert await count(db, "effects") == 1


async def test_the_same_event_for_two_consumers_is_handled_by_both(db: Database) -> None:
    heard: list[str] = []

    async def handle(tx: Tx, one: Event[CallFetched]) -> None:
        heard.append(f"{tx.workspace_id}/{one.aggregate_id}")

    routes = Routes()
    routes.on(CallFetched, handle)
    for name in ("analysis", "audit"):
        await Consumer(name, db, routes).process([delivery(event())])
    same = delivery(event(key="run-2"))
    for name in ("analysis", "audit"):
        await Consumer(name, db, routes).process([same])
    assert heard == [f"{A}/run-1"] * 2 + [f"{A}/run-2"] * 2


async def test_a_batch_goes_workspace_by_workspace_and_type_by_type(db: Database) -> None:
    seen: list[tuple[str, str, int]] = []

    async def fetched(tx: Tx, events: Sequence[Event[CallFetched]]) -> None:
        seen.append((tx.workspace_id, "fetched", len(events)))

    async def completed(tx: Tx, one: Event[FetchCompleted]) -> None:
        seen.append((tx.workspace_id, "completed", 1))

    routes = Routes()
    routes.on_many(CallFetched, fetched)
    routes.on(FetchCompleted, completed)
    end = Event(workspace_id=A, payload=FetchCompleted(), producer="ingest", aggregate_id="run-1", sequence=9)
    last = Delivery("end", pack(end), attributes_of(end), "run-1", 1, "analysis.calls")
    batch = [
        delivery(event(workspace_id=B)),
        delivery(event()),
        delivery(event(sequence=2)),
        last,
        delivery(event(sequence=3)),
    ]
    assert await Consumer("analysis", db, routes).process(batch) == [ACK] * 5
    assert seen == [(A, "fetched", 2), (A, "completed", 1), (A, "fetched", 1), (B, "fetched", 1)]


async def test_effects_inbox_and_follow_up_events_commit_together(db: Database) -> None:
    fail = True

    async def handle(tx: Tx, one: Event[CallFetched]) -> None:
        await Outbox("ingest").add(tx, draft("next", 1).payload, aggregate_id="next", sequence=1, cause=one)
        if fail:
            raise Transient("not now")

    routes = Routes()
    routes.on(CallFetched, handle)
    consumer = Consumer("analysis", db, routes)
    batch = [delivery(event()), delivery(event(workspace_id=B))]
    assert await consumer.process(batch) == [RETRY, RETRY]
    assert (await count(db, "inbox"), await count(db, "outbox")) == (0, 0)
    fail = False
    assert await consumer.process(batch) == [ACK, ACK]
    assert (await count(db, "inbox"), await count(db, "outbox")) == (2, 2)
    publisher = MemoryPublisher()
    await Relay(db, publisher).drain()
    assert {message.attributes["ce-workspaceid"] for _, message in publisher.stored} == {A, B}


async def test_poison_parks_alone_and_the_others_have_their_effects(db: Database, handler: Handler) -> None:
    handler.fails["bad"] = Permanent("the call is not of this run")
    batch = [
        delivery(event(f"run-{n}", call_id="bad" if n == 3 else "good", workspace_id=(A, B)[n % 2])) for n in range(8)
    ]
    assert await handler.consumer(db).process(batch) == [ACK] * 8
    assert await count(db, "effects") == 7
    parked = await Parked(db).list()
    assert [(one.ordering_key, one.workspace_id, one.reason) for one in parked] == [
        ("run-3", B, "the call is not of this run")
    ]
    assert (parked[0].source, parked[0].type) == ("analysis.calls", "callmine.calls.v1.CallFetched")


async def test_what_must_be_retried_holds_back_what_follows_in_its_lane_only(db: Database, handler: Handler) -> None:
    handler.fails["later"] = Transient("not now")
    batch = [
        delivery(event("run-1", 1)),
        delivery(event("run-1", 2, call_id="later")),
        delivery(event("run-1", 3)),
        delivery(event("run-2", 1)),
        delivery(event("run-1", 1, workspace_id=B)),
    ]
    assert await handler.consumer(db).process(batch) == [ACK, RETRY, RETRY, ACK, ACK]
    assert await count(db, "effects") == 3


async def test_an_unexpected_failure_is_retried_a_few_times_and_tells_no_content(
    db: Database, handler: Handler
) -> None:
    handler.fails["odd"] = ValueError("the customer said: forty percent")
    consumer = handler.consumer(db)
    odd = delivery(event(call_id="odd"))
    assert [await consumer.process([odd]) for _ in range(5)] == [[RETRY]] * 4 + [[ACK]]
    (parked,) = await Parked(db).list()
    assert parked.reason == "its handler fails with ValueError"


async def test_attempts_counted_by_the_broker_count_as_well(db: Database, handler: Handler) -> None:
    handler.fails["odd"] = ValueError("x")
    assert await handler.consumer(db).process([delivery(event(call_id="odd"), attempt=5)]) == [ACK]
    assert len(await Parked(db).list()) == 1


async def test_poison_of_a_workspace_that_is_frozen_while_it_is_parked_is_dropped(
    db: Database, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def frozen_meanwhile(*_: object) -> None:
        raise Gone("the workspace is being deleted")

    handler.fails["bad"] = Permanent("the call is not of this run")
    monkeypatch.setattr("messaging.consumer.store.park_incoming", frozen_meanwhile)
    batch = [delivery(event("run-1", call_id="bad")), delivery(event("run-2", call_id="good", workspace_id=B))]
    assert await handler.consumer(db).process(batch) == [ACK] * 2
    assert await count(db, "effects") == 1


async def test_transient_failures_are_never_parked(db: Database, handler: Handler) -> None:
    handler.fails["later"] = Transient("not now")
    later = delivery(event(call_id="later"), attempt=50)
    consumer = handler.consumer(db)
    assert [await consumer.process([later]) for _ in range(10)] == [[RETRY]] * 10
    assert await Parked(db).list() == []


def _unreadable() -> dict[str, Delivery]:
    good, other = event(), event(workspace_id=B)
    without = event()
    force_setattr(without, "workspace_id", "")
    strange = event()
    force_setattr(strange, "workspace_id", "org_'; DROP TABLE outbox; --")
    body, attributes = pack(good), attributes_of(good)
    return {
        "garbage": Delivery("1", b"\xff\xfe garbage", {}, "", 1, "analysis.calls"),
        "empty": Delivery("2", b"", {}, "", 1, "analysis.calls"),
        "no workspace": Delivery("3", pack(without), attributes_of(without), "", 1, "analysis.calls"),
        "malformed workspace": Delivery("4", pack(strange), attributes_of(strange), "", 1, "analysis.calls"),
        "other workspace": Delivery("5", body, attributes | {"ce-workspaceid": other.workspace_id}, "", 1, "x"),
        "no attributes": Delivery("6", body, {}, "", 1, "analysis.calls"),
        "unknown type": Delivery(
            "7", body.replace(b"CallFetched", b"CallFetchee"), attributes | {"ce-type": "callmine.calls.v1.CallFetchee"}
        ),
    }


@pytest.mark.parametrize("kind", _unreadable())
async def test_what_cannot_be_read_is_parked_with_its_reason_and_nothing_else_is_touched(
    db: Database, handler: Handler, kind: str
) -> None:
    bad = _unreadable()[kind]
    assert await handler.consumer(db).process([delivery(event()), bad]) == [ACK, ACK]
    (parked,) = await Parked(db).list()
    assert (parked.workspace_id, parked.state) == (None, "parked")
    assert parked.reason
    async with db.sweep() as tx:
        found = await parked_by_id(tx, parked.id)
    assert found is not None
    assert found[1] == bad.body, "as it came, for a replay"
    assert await count(db, "effects") == 1


async def test_parking_twice_is_parking_once(db: Database, handler: Handler) -> None:
    bad = _unreadable()["garbage"]
    assert await handler.consumer(db).process([bad, bad]) == [ACK, ACK]
    assert await handler.consumer(db).process([bad]) == [ACK]
    assert len(await Parked(db).list()) == 1


async def test_a_message_nobody_listens_to_is_acknowledged(db: Database) -> None:
    assert await Consumer("analysis", db, Routes()).process([delivery(event())]) == [ACK]
    assert (await count(db, "inbox"), await Parked(db).list()) == (0, [])


async def test_it_halts_when_too_large_a_share_parks(db: Database, handler: Handler) -> None:
    bad = [Delivery(str(n), b"garbage", {}, "", 1, "analysis.calls") for n in range(50)]
    consumer = handler.consumer(db)
    assert await consumer.process(bad) == [ACK] * 20 + [RETRY] * 30
    assert "20 of the last 20" in consumer.halted
    assert await consumer.process([delivery(event())]) == [RETRY]
    assert await count(db, "effects") == 0
    consumer.resume()
    assert await consumer.process([delivery(event())]) == [ACK]


async def test_a_large_batch_over_many_workspaces_is_done_in_several_transactions(
    db: Database, handler: Handler
) -> None:
    from chaos.effects import workspace

    handler.fails["bad"] = Permanent("bad")
    batch = [
        delivery(event(f"run-{n}", call_id="bad" if n % 25 == 0 else "good", workspace_id=workspace(n % 50)))
        for n in range(200)
    ]
    consumer = handler.consumer(db, ConsumerSettings(transactions=4))
    assert await consumer.process(batch) == [ACK] * 200
    assert await count(db, "effects") == 192
    assert len(await Parked(db).list()) == 8
    assert await consumer.process(batch) == [ACK] * 200
    assert await count(db, "effects") == 192


async def test_without_a_database_everything_is_retried(db: Database, handler: Handler) -> None:
    consumer = handler.consumer(db)
    batch = [delivery(event(f"run-{n}")) for n in range(3)]
    handler.fails["call"] = ConnectionResetError("gone")
    assert await consumer.process(batch) == [RETRY] * 3
    assert await Parked(db).list() == []


async def test_dead_letters_are_parked_under_the_subscription_they_came_from(db: Database, handler: Handler) -> None:
    handler.fails["call"] = Permanent("poison")
    lost = event()
    attributes = attributes_of(lost) | {
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
        "CloudPubSubDeadLetterSourceSubscription": "analysis.calls",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    }
    dead = Delivery("1", pack(lost), attributes, "run-1", 1, "analysis.dead-letters")
    assert await DeadLetters(db).process([dead, Delivery("2", b"garbage", {}, "", 1, "analysis.dead-letters")]) == [
        ACK,
        ACK,
    ]
    parked = {one.event_id: one for one in await Parked(db).list()}
    assert parked["message:2"].workspace_id is None
    message = parked[str(lost.event_id)]
    assert (message.source, message.workspace_id) == ("analysis.calls", A)
    assert message.reason == "dead-lettered after 100 attempts"
    handler.fails.clear()
    await Parked(db, {"analysis.calls": handler.consumer(db)}).replay(message.id)
    assert await count(db, "effects") == 1
