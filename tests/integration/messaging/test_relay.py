"""Outbox and relay on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from chaos.effects import draft, write_fact
from contracts import Actor, ActorKind, Source, attributes_of, pack, unpack
from contracts.erasing import Order
from core.context import working_for
from core.errors import Gone, InvalidInput, Permanent, Transient
from database import Database, DatabaseSettings, Tx
from integration.messaging.memory import A, B, MemoryPublisher, aggregate_of, count, event, failing, pass_time, write
from messaging import Outbox, OutgoingMessage, Parked, Relay, RelaySettings, store
from messaging.erasure.store import freeze
from messaging.store import Hold, OutboxRow, insert_outbox
from testkit.clock import SimulatedClock

QUICK = RelaySettings(most_attempts=3)

ORDER = Order(
    "0195520d-9d52-7000-8000-0000000000b2", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
)


async def test_what_commits_is_published_and_leaves_the_outbox(db: Database) -> None:
    cause = event()
    actor = Actor(ActorKind.USER, "user_1", "someone@example.com", Source.WEB)
    async with db.workspace(A) as tx:
        with working_for(correlation_id="request-1", traceparent="00-trace"):
            one = draft("run-1", 5)
            event_id = await Outbox("ingest").add(
                tx, one.payload, aggregate_id="run-1", sequence=5, actor=actor, cause=cause
            )
    publisher = MemoryPublisher()
    assert await Relay(db, publisher).drain() == 1
    topic, message = publisher.stored[0]
    sent = unpack(message.body, message.attributes)
    assert (topic, message.ordering_key, sent.event_id, sent.sequence) == ("calls", f"{A}/run-1", event_id, 5)
    assert (sent.workspace_id, sent.producer, sent.actor) == (A, "ingest", actor)
    assert (sent.causation_id, sent.correlation_id, sent.traceparent) == (str(cause.event_id), "request-1", "00-trace")
    assert await count(db, "outbox") == 0


async def test_what_is_rolled_back_is_never_published(db: Database) -> None:
    async def fail() -> None:
        async with db.workspace(A) as tx:
            await write_fact(tx)
            await Outbox("ingest").add_many(tx, [draft("run-1", 1)])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    publisher = MemoryPublisher()
    assert await Relay(db, publisher).drain() == 0
    assert publisher.calls == 0


async def test_events_added_by_a_hook_before_the_commit_are_written_as_well(db: Database) -> None:
    outbox = Outbox("ingest")
    async with db.workspace(A) as tx:
        await outbox.add_many(tx, [draft("run-1", 1)])
        tx.before_commit(lambda: _add_more(outbox, tx))
    assert await count(db, "outbox") == 2


async def _add_more(outbox: Outbox, tx: Tx) -> None:
    await outbox.add_many(tx, [draft("run-1", 2)])


async def test_a_service_publishes_only_what_is_its_own(db: Database) -> None:
    async with db.workspace(A) as tx:
        with pytest.raises(ValueError, match="audit may not publish to calls"):
            await Outbox("audit").add_many(tx, [draft("run-1", 1)])


@pytest.mark.parametrize("aggregate_id", ["", "x" * 1025, "ä" * 513])
async def test_an_aggregate_id_must_be_fit_to_be_an_ordering_key(db: Database, aggregate_id: str) -> None:
    async with db.workspace(A) as tx:
        with pytest.raises(InvalidInput):
            await Outbox("ingest").add_many(tx, [draft(aggregate_id, 1)])


async def test_the_relay_is_woken_by_a_commit_and_by_nothing_else(db: Database) -> None:
    woken: list[str] = []
    outbox = Outbox("ingest", wake=lambda: woken.append("woken"))
    async with db.workspace(A) as tx:
        await outbox.add_many(tx, [draft("a", 1)])
        await outbox.add_many(tx, [draft("b", 1)])
        assert woken == []
    assert woken == ["woken"]


async def test_order_within_a_key_is_kept_and_requests_are_grouped(db: Database) -> None:
    await write(db, A, *["a", "b"] * 50)
    publisher = MemoryPublisher()
    await Relay(db, publisher).drain()
    for key in ("a", "b"):
        sequences = [unpack(m.body, m.attributes).sequence for _, m in publisher.stored if aggregate_of(m) == key]
        assert sequences == sorted(sequences)
        assert len(sequences) == 50
    assert publisher.calls == 2


async def test_a_failing_key_holds_back_itself_only_and_goes_on_later(db: Database) -> None:
    await write(db, A, "a", "b", "a", "c")
    publisher = MemoryPublisher(failing("a", Transient))
    clock = SimulatedClock()
    relay = Relay(db, publisher, QUICK, clock)
    assert await relay.drain() == 2
    assert sorted(publisher.keys) == ["b", "c"]
    await write(db, A, "a", "d")
    calls = publisher.calls
    assert await relay.drain() == 1
    assert publisher.calls == calls + 1
    publisher.fate = lambda *_: None
    await pass_time(db, 60)
    await clock.advance(60)
    assert await relay.drain() == 3
    assert publisher.keys.count("a") == 3
    assert await count(db, "outbox") == 0


async def test_a_key_that_fails_too_often_is_parked_and_can_be_replayed(db: Database) -> None:
    await write(db, A, "a", "b")
    publisher = MemoryPublisher(failing("a", Transient))
    clock = SimulatedClock()
    relay = Relay(db, publisher, QUICK, clock)
    for number in range(QUICK.most_attempts):
        await relay.drain()
        await pass_time(db, 120)
        await clock.advance(120)
        await write(db, A, f"other-{number}")
    assert [message.reason for message in await Parked(db).list()] == [
        "given up after 3 attempts while others went through"
    ]
    publisher.fate = lambda *_: None
    await Parked(db).replay((await Parked(db).list())[0].id)
    await relay.drain()
    assert publisher.keys.count("a") == 1


async def test_in_an_outage_nothing_counts_as_an_attempt(db: Database) -> None:
    await write(db, A, "a", "b")
    publisher = MemoryPublisher(lambda *_: Transient("the broker is away"))
    relay = Relay(db, publisher, QUICK)
    for _ in range(QUICK.most_attempts + 2):
        with pytest.raises(Transient):
            await relay.step()
    publisher.fate = lambda *_: None
    assert await relay.drain() == 2
    assert await Parked(db).list() == []


async def test_of_a_refused_request_only_the_hopeless_event_is_parked(db: Database) -> None:
    ids = await write(db, A, "a", "a", "a", "b")

    def refuses_the_second(_topic: str, messages: object) -> Exception | None:
        assert isinstance(messages, list)
        return Permanent("400 too strange") if any(str(ids[1]) == m.attributes["ce-id"] for m in messages) else None

    publisher = MemoryPublisher(refuses_the_second)
    await Relay(db, publisher).drain()
    assert publisher.keys.count("a") == 2
    parked = await Parked(db).list()
    assert [(one.event_id, one.direction, one.reason) for one in parked] == [(str(ids[1]), "out", "400 too strange")]
    assert await count(db, "outbox") == 0


async def test_hopeless_events_of_a_workspace_that_is_frozen_while_they_are_parked_are_dropped(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fence refuses what would have been parked; the relay goes on, and nothing that was published comes again."""
    await write(db, A, "bad")
    await write(db, B, "bad", "good")
    park = store.park_outgoing

    async def frozen_meanwhile(tx: Tx, hold: Hold, reasons: Mapping[int, str]) -> int:
        monkeypatch.undo()
        async with db.workspace(A) as frozen:
            await freeze(frozen, ORDER)
        raise Gone("the workspace is being deleted")

    monkeypatch.setattr(store, "park_outgoing", frozen_meanwhile)
    publisher = MemoryPublisher(failing("bad", Permanent))
    assert await Relay(db, publisher).drain() == 3
    assert park is store.park_outgoing
    assert publisher.keys == ["good"]
    assert [one.workspace_id for one in await Parked(db).list()] == [B]
    assert await count(db, "outbox") == 0


async def test_an_event_whose_row_and_attributes_disagree_is_parked(db: Database) -> None:
    forged = event(workspace_id=B)
    async with db.workspace(A) as tx:
        row = OutboxRow(forged.event_id, "calls", "run-1", pack(forged), attributes_of(forged))
        await insert_outbox(tx, [row])
    publisher = MemoryPublisher()
    await Relay(db, publisher).drain()
    assert publisher.calls == 0
    assert "workspace" in (await Parked(db).list())[0].reason


async def test_a_late_commit_with_lower_ids_is_found(db: Database) -> None:
    written, gate = asyncio.Event(), asyncio.Event()

    async def hesitate() -> None:
        written.set()
        await gate.wait()

    async def late() -> None:
        async with db.workspace(A) as tx:
            await Outbox("ingest").add_many(tx, [draft("late", 1)])
            tx.before_commit(hesitate)

    publisher = MemoryPublisher()
    relay = Relay(db, publisher)
    async with asyncio.TaskGroup() as group:
        group.create_task(late())
        await written.wait()
        await write(db, B, "early")
        assert await relay.drain() == 1
        gate.set()
    assert await relay.drain() == 1
    assert publisher.keys == ["early", "late"]


async def test_one_relay_is_active_and_the_other_takes_over(db: Database) -> None:
    clock = SimulatedClock()
    first, second = (Relay(db, MemoryPublisher(), RelaySettings(), clock) for _ in range(2))
    await write(db, A, "a")
    assert await first.drain() == 1
    await write(db, A, "b")
    assert await second.drain() == 0
    assert (first.active, second.active) == (True, False)
    await pass_time(db, 31)
    await clock.advance(31)
    assert await second.drain() == 1
    assert (first.active, second.active) == (False, True)


async def test_a_relay_that_stalled_changes_nothing_any_more(db: Database) -> None:
    clock = SimulatedClock()
    await write(db, A, "a", "b", "c")
    successor = Relay(db, MemoryPublisher(), RelaySettings(), clock)

    class Stalling(MemoryPublisher):
        async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
            self.calls += 1
            await pass_time(db, 31)
            await clock.advance(31)
            await successor.step()
            raise Permanent("refused, long after the lease was lost")

    stalled = Stalling()
    with pytest.raises(Transient):
        await Relay(db, stalled, RelaySettings(concurrency=1), clock).step()
    assert stalled.calls == 1
    assert await Parked(db).list() == []
    assert await count(db, "outbox") == 0


# Real time here, in hundredths of a second: what is tested is the loop around it.
BRISK = RelaySettings(poll_seconds=0.01, first_delay=0.01, longest_delay=0.01)


async def test_a_running_relay_outlives_an_outage_polls_without_hints_and_gives_its_lease_back(db: Database) -> None:
    tried, stored = asyncio.Event(), asyncio.Event()

    def away(_topic: str, _messages: object) -> Exception:
        tried.set()
        return Transient("the broker is away")

    def back(_topic: str, _messages: object) -> None:
        stored.set()

    publisher = MemoryPublisher(away)
    relay = Relay(db, publisher, BRISK)
    running = asyncio.create_task(relay.run())
    await write(db, A, "a")
    async with asyncio.timeout(60):
        await tried.wait()
        publisher.fate = back
        await stored.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await write(db, A, "b")
    assert await Relay(db, MemoryPublisher()).drain() >= 1


async def test_the_backlog_is_told(db: Database) -> None:
    await write(db, A, "a", "b")
    backlog = await Relay(db, MemoryPublisher()).backlog()
    assert backlog.events == 2
    assert backlog.oldest_seconds >= 0


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


async def test_claiming_reads_the_head_of_the_index_however_long_the_queue_is(
    db: Database, settings: DatabaseSettings
) -> None:
    await write(db, A, *(f"key-{number}" for number in range(3000)))
    # An EXPLAIN is no statement of a service, so it goes past its Database.
    claim = db.queries["outbox_claim"]
    values = {"events": 500, "bytes": 1_000_000, "lease": "relay", "fence": 1}
    connection = await asyncpg.connect(settings.sweep_url)
    found = await connection.fetchval(
        f"EXPLAIN (FORMAT json) {claim.sql}", *(values[name] for name in claim.parameters)
    )
    await connection.close()
    scans = [node for node in _nodes(json.loads(found)[0]["Plan"]) if node.get("Alias") == "c"]
    assert [(node["Node Type"], node["Index Name"]) for node in scans] == [("Index Scan", "outbox_pkey")]
