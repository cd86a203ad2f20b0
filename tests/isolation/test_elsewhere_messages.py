"""A message whose row, attributes, body and aggregate do not agree on the workspace is parked: going out, coming in, and at each replay."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from msgspec.structs import replace

from callmine.calls.v1.calls_pb2 import CallFetched
from chaos.effects import effect_routes, effects_settings
from contracts import Event, attributes_of, pack
from core.errors import Conflict, Transient
from core.ids import WorkspaceId, uuid7
from database import Database, Tx
from integration.messaging.memory import MemoryPublisher, count, delivery, write
from isolation.elsewhere.letters import (
    CONTENT,
    SUBSCRIPTION,
    A,
    B,
    Incoming,
    Outgoing,
    event,
    incoming,
    outgoing,
    spoiled,
)
from isolation.elsewhere.places import PROJECT, broker_channel, messaging_database
from messaging import Consumer, DeadLetters, Delivery, OutgoingMessage, Parked, Relay, Routes, Verdict
from messaging.agreement import incoming_disagreement
from messaging.breaker import BreakerSettings
from messaging.consumer import ConsumerSettings
from messaging.google import GooglePublisher, PullSubscriber
from messaging.push import add_pushes
from messaging.store import OutboxRow, ParkedMessage, Rejected, insert_outbox, park_incoming

PATIENT = ConsumerSettings(breaker=BreakerSettings(least=10_000))


@pytest.fixture(scope="module")
async def template(postgres_url: str) -> AsyncIterator[str]:
    """Migrated once, copied for each test."""
    name = f"template-elsewhere-r{uuid7().hex}"
    async with effects_settings(postgres_url, name):
        yield name


@pytest.fixture
async def db(postgres_url: str, template: str) -> AsyncIterator[Database]:
    async with messaging_database(postgres_url, template) as opened:
        yield opened


async def put(db: Database, row: WorkspaceId, outbox: OutboxRow) -> None:
    """As if somebody wrote past `Outbox`: the row's workspace is always the scope's, all else is as given."""
    async with db.workspace(row) as tx:
        await insert_outbox(tx, [outbox])


async def all_parked(db: Database) -> list[ParkedMessage]:
    return await Parked(db).list(limit=500)


async def test_every_outgoing_disagreement_is_parked_and_nothing_of_it_published(db: Database) -> None:
    rows = list(outgoing())
    assert (len(rows), sum(row.agrees for row in rows)) == (72, 4)
    for row in rows:
        await put(db, row.row, row.outbox)
    publisher = MemoryPublisher()
    await Relay(db, publisher).drain()
    published = {message.attributes["ce-id"]: message.attributes["ce-workspaceid"] for _, message in publisher.stored}
    assert published == {str(row.outbox.event_id): row.row for row in rows if row.agrees}
    parked = {one.event_id: one for one in await all_parked(db)}
    assert set(parked) == {str(row.outbox.event_id) for row in rows if not row.agrees}
    for row in rows:
        if not row.agrees:
            _check_parked_outgoing(parked[str(row.outbox.event_id)], row)


def _check_parked_outgoing(one: ParkedMessage, row: Outgoing) -> None:
    assert (one.direction, one.workspace_id, one.state) == ("out", row.row, "parked")
    assert one.reason
    assert not any(told in one.reason for told in (CONTENT, A, B, "run-1"))


@pytest.mark.parametrize("kind", spoiled())
async def test_what_else_a_row_may_say_against_its_body_is_parked_too(db: Database, kind: str) -> None:
    await put(db, A, spoiled()[kind])
    publisher = MemoryPublisher()
    await Relay(db, publisher).drain()
    (one,) = await all_parked(db)
    assert (publisher.calls, one.direction, await count(db, "outbox")) == (0, "out", 0)
    assert CONTENT not in one.reason


@pytest.mark.parametrize("kind", spoiled())
async def test_a_replay_of_an_outgoing_one_is_refused_while_it_disagrees(db: Database, kind: str) -> None:
    await put(db, A, spoiled()[kind])
    await Relay(db, MemoryPublisher()).drain()
    (one,) = await all_parked(db)
    with pytest.raises(Conflict, match="still cannot be processed") as refused:
        await Parked(db).replay(one.id)
    assert CONTENT not in str(refused.value)
    assert (await Parked(db).show(one.id)).state == "parked"
    assert await count(db, "outbox") == 0


async def test_a_disagreeing_event_holds_nothing_of_another_workspace_back(db: Database) -> None:
    await put(db, A, spoiled()["another event's id in the row"])
    await write(db, A, "run-1")
    await write(db, B, "run-1")
    publisher = MemoryPublisher()
    await Relay(db, publisher).drain()
    assert sorted(message.ordering_key for _, message in publisher.stored) == [f"{A}/run-1", f"{B}/run-1"]


async def test_two_workspaces_never_share_a_lane(db: Database) -> None:
    """One whose event cannot be delivered for now holds back its own aggregate, not another workspace's of the same name."""
    await write(db, A, "user_1")
    publisher = MemoryPublisher(
        lambda _topic, messages: Transient("not now") if messages[0].ordering_key.startswith(f"{A}/") else None
    )
    relay = Relay(db, publisher)
    await write(db, B, "user_1", "user_1")
    assert await relay.drain() == 2
    await write(db, B, "user_1")
    assert await relay.drain() == 1
    assert {message.ordering_key for _, message in publisher.stored} == {f"{B}/user_1"}


Way = Callable[[Database, Sequence[Incoming], Path], Awaitable[None]]


async def _by_hand(db: Database, sent: Sequence[Incoming], folder: Path) -> None:
    consumer = Consumer("analysis", db, effect_routes(), PATIENT)
    verdicts = await consumer.process([one.delivery for one in sent])
    assert set(verdicts) == {Verdict.ACK}


class _Everybody:
    """Lets everybody in: who may push is another test's matter."""

    async def verify(self, authorization: str) -> str:
        return "pubsub"


async def _by_push(db: Database, sent: Sequence[Incoming], folder: Path) -> None:
    app = FastAPI()
    add_pushes({SUBSCRIPTION: Consumer("analysis", db, effect_routes(), PATIENT)}, _Everybody(), app.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://analysis") as client:
        for one in sent:
            answer = await client.post(f"/events/{SUBSCRIPTION}", json=_wrapped(one.delivery))
            assert answer.status_code == 204


def _wrapped(one: Delivery) -> dict[str, object]:
    message = {
        "data": base64.b64encode(one.body).decode(),
        "messageId": one.id,
        "attributes": dict(one.attributes),
        "orderingKey": one.ordering_key,
    }
    return {"message": message, "subscription": f"projects/p/subscriptions/{SUBSCRIPTION}"}


@dataclass
class _Counted:
    """A consumer that says when it has seen so many."""

    consumer: Consumer
    expected: int
    seen: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    halted: str = ""

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        verdicts = await self.consumer.process(deliveries)
        self.seen += len(deliveries)
        if self.seen >= self.expected:
            self.done.set()
        return verdicts


async def _by_pull(db: Database, sent: Sequence[Incoming], folder: Path) -> None:
    async with broker_channel(folder) as channel:
        publisher = GooglePublisher(channel, PROJECT)
        for one in sent:
            message = OutgoingMessage(one.delivery.body, one.delivery.attributes, one.delivery.ordering_key)
            await publisher.publish("calls", [message], 10)
        counted = _Counted(Consumer("analysis", db, effect_routes(), PATIENT), len(sent))
        pulling = asyncio.create_task(PullSubscriber(channel, PROJECT, SUBSCRIPTION, counted).run())
        async with asyncio.timeout(60):
            await counted.done.wait()
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling


@pytest.mark.parametrize("way", [_by_hand, _by_push, _by_pull])
async def test_every_incoming_disagreement_is_parked_and_has_no_effect(db: Database, way: Way, tmp_path: Path) -> None:
    sent = incoming()
    assert (len(sent), sum(one.reads_as is not None for one in sent)) == (18, 4)
    await way(db, sent, tmp_path)
    good = [one for one in sent if one.reads_as is not None]
    assert (await count(db, "effects"), await count(db, "inbox")) == (len(good), len(good))
    parked = await all_parked(db)
    refused = {one.delivery.attributes["ce-id"] for one in sent if one.reads_as is None}
    assert {one.attributes["ce-id"] for one in parked} == refused
    for one in parked:
        # A message that contradicts itself belongs to no workspace: neither of the two it names.
        assert (one.direction, one.workspace_id, one.source) == ("in", None, SUBSCRIPTION)
        assert not any(told in one.reason for told in (CONTENT, A, B, "run-1"))


async def test_two_unreadable_messages_of_one_id_are_both_kept(db: Database) -> None:
    """What a message that cannot be read says of itself is nobody's word: believing its id would lose the second."""
    one, other = (
        Delivery(broker, b"\xff" + broker.encode(), {"ce-id": "same"}, "", 1, SUBSCRIPTION) for broker in "12"
    )
    consumer = Consumer("analysis", db, effect_routes(), PATIENT)
    assert await consumer.process([one, other]) == [Verdict.ACK, Verdict.ACK]
    assert await consumer.process([other]) == [Verdict.ACK], "once more, and it is parked once"
    assert sorted(parked.event_id for parked in await all_parked(db)) == ["message:1", "message:2"]


async def test_a_replay_of_an_incoming_one_is_refused_while_it_disagrees(db: Database) -> None:
    consumer = Consumer("analysis", db, effect_routes(), PATIENT)
    await consumer.process([one.delivery for one in incoming() if one.reads_as is None])
    operators = Parked(db, {SUBSCRIPTION: consumer})
    for one in await all_parked(db):
        with pytest.raises(Conflict, match="still cannot be processed"):
            await operators.replay(one.id)
        assert (await operators.show(one.id)).state == "parked"
    assert (await count(db, "effects"), await count(db, "inbox")) == (0, 0)


async def test_a_parked_row_that_tells_otherwise_than_its_message_is_not_replayed(db: Database) -> None:
    """The row is the third that must agree: somebody may have changed it, or the message in it."""
    async with db.sweep() as tx:
        await park_incoming(tx, [Rejected(delivery(event(A)), "as the test wants", B)])
    (one,) = await all_parked(db)
    with pytest.raises(Conflict, match="do not agree on the workspace"):
        await Parked(db, {SUBSCRIPTION: Consumer("analysis", db, effect_routes())}).replay(one.id)
    assert (await count(db, "effects"), await count(db, "inbox")) == (0, 0)


def test_a_parked_row_of_another_event_is_told() -> None:
    mine, other = event(A), event(A)
    assert incoming_disagreement(A, str(mine.event_id), pack(mine), attributes_of(mine)) == ""
    assert "event's id" in incoming_disagreement(A, str(other.event_id), pack(mine), attributes_of(mine))


async def test_dead_letters_that_disagree_are_parked_under_no_workspace(db: Database) -> None:
    sent = incoming()
    assert set(await DeadLetters(db).process([one.delivery for one in sent])) == {Verdict.ACK}
    parked = {one.attributes["ce-id"]: one for one in await all_parked(db)}
    assert len(parked) == len(sent)
    for one in sent:
        assert parked[one.delivery.attributes["ce-id"]].workspace_id == one.reads_as
    operators = Parked(db, {SUBSCRIPTION: Consumer("analysis", db, effect_routes())})
    for one in sent:
        message = parked[one.delivery.attributes["ce-id"]]
        if one.reads_as is None:
            with pytest.raises(Conflict):
                await operators.replay(message.id)
        else:
            await operators.replay(message.id)
    assert await count(db, "effects") == sum(one.reads_as is not None for one in sent)


async def test_the_handler_only_ever_sees_the_scope_of_its_message(db: Database) -> None:
    seen: list[tuple[str, str]] = []

    async def handle(tx: Tx, one: Event[CallFetched]) -> None:
        seen.append((tx.workspace_id, one.workspace_id))

    routes = Routes()
    routes.on(CallFetched, handle)
    await Consumer("analysis", db, routes, PATIENT).process([one.delivery for one in incoming()])
    assert sorted(seen) == [(A, A), (A, A), (B, B), (B, B)]


async def test_the_same_event_id_in_two_workspaces_is_two_events(db: Database) -> None:
    """An id is its producer's choice: neither the inbox nor the count of failures mixes two workspaces."""
    mine = event(A)
    theirs = replace(event(B), event_id=mine.event_id)
    consumer = Consumer("analysis", db, effect_routes())
    assert await consumer.process([delivery(mine), delivery(theirs)]) == [Verdict.ACK, Verdict.ACK]
    assert await count(db, "effects") == 2


async def test_failures_of_one_workspaces_event_do_not_count_against_anothers(db: Database) -> None:
    async def fail(tx: Tx, one: Event[CallFetched]) -> None:
        raise LookupError

    routes = Routes()
    routes.on(CallFetched, fail)
    consumer = Consumer("analysis", db, routes, ConsumerSettings(most_attempts=3))
    mine = event(A)
    theirs = replace(event(B), event_id=mine.event_id)
    assert [await consumer.process([delivery(mine)]) for _ in range(2)] == [[Verdict.RETRY]] * 2
    assert await consumer.process([delivery(theirs)]) == [Verdict.RETRY]
    assert await all_parked(db) == []
