"""Entries are recorded exactly once, whatever the order and however often they are told of."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from audit import handlers, store
from audit.domain import EntryType, Position
from audit.events import _entry, routes
from audit.log import store as log_store
from audit.log.keys import Salts
from audit.store import reading, search
from audit.store.reading import Asked
from callmine.audit.v1.audit_pb2 import AdminActionType
from contracts import Actor, ActorKind, Source
from core.ids import WorkspaceId
from database import Database, Queries
from integration.audit.actions import BEGAN, HELEN, MINE, THEIRS, action
from integration.audit.logs import Logs, as_administrator, positions
from isolation.cost.wire import Wire, wiretap
from local.postgres import ServiceDsns
from messaging import Consumer
from messaging.consumer import ConsumerSettings
from testkit.messages import deliver, parked_reasons
from testkit.postgres import settings_of
from testkit.services import Service
from testkit.tables import every_row


async def test_redelivering_everything_twice_in_any_order_changes_no_row(audit: Service, postgres_url: str) -> None:
    events = [action(number, workspace_id=random.Random(number).choice((MINE, THEIRS))) for number in range(60)]
    await deliver(audit.consumer("audit"), *events)
    settled = await every_row(postgres_url, audit.dsns)
    assert len(settled["entries"]) == 60
    again = [event for event in events for _ in range(2)]
    random.Random(11).shuffle(again)
    for start in range(0, len(again), 17):
        await deliver(audit.consumer("audit"), *again[start : start + 17])
    assert await every_row(postgres_url, audit.dsns) == settled


async def test_the_order_of_delivery_leaves_no_trace(audit: Service, postgres_url: str) -> None:
    events = [action(number) for number in range(20)]
    random.Random(3).shuffle(events)
    await deliver(audit.consumer("audit"), *events, *events)
    async with audit.parts.db.workspace(MINE) as tx:
        page = await store.page(tx, Position(), 50)
    assert [entry.target_id for entry in page.entries] == [
        event.payload.target_id
        for event in sorted(events, key=lambda event: (event.occurred_at, event.event_id.int), reverse=True)
    ]


async def test_all_fourteen_types_are_taken_by_the_table(audit: Service) -> None:
    kinds = [value for value in AdminActionType.values() if value]
    await deliver(audit.consumer("audit"), *(action(number, kind) for number, kind in enumerate(kinds)))
    async with audit.parts.db.workspace(MINE) as tx:
        assert await store.count_by_type(tx) == dict.fromkeys(sorted(EntryType), 1)


async def test_every_kind_of_actor_and_source_is_taken(audit: Service) -> None:
    pairs = [(kind, source) for kind in ActorKind for source in Source]
    events = [action(actor=Actor(kind, "somebody", "", source)) for kind, source in pairs]
    await deliver(audit.consumer("audit"), *events)
    async with audit.parts.db.workspace(MINE) as tx:
        entries = (await store.page(tx, Position(), 200)).entries
    found = {entry.id: (entry.actor_kind, entry.source) for entry in entries}
    assert found == {
        event.event_id: (kind.value, source.value) for event, (kind, source) in zip(events, pairs, strict=True)
    }


async def test_nul_characters_are_recorded_as_something_postgresql_holds(audit: Service) -> None:
    hostile = action(
        diff={"na\x00me": ("be\x00fore", "after\x00")}, target_id="a\x00b", actor=Actor(id="u\x00", email="\x00")
    )
    await deliver(audit.consumer("audit"), hostile)
    assert await parked_reasons(audit.dsns) == []
    async with audit.parts.db.workspace(MINE) as tx:
        [entry] = (await store.page(tx, Position(), 5)).entries
    assert (entry.target_id, entry.actor_id, entry.actor_email) == ("a\ufffdb", "u\ufffd", "\ufffd")
    assert (entry.diff[0].field, entry.diff[0].before, entry.diff[0].after) == (
        "na\ufffdme",
        "be\ufffdfore",
        "after\ufffd",
    )


async def test_no_text_is_taken_apart(audit: Service) -> None:
    """Texts travel joined by a mark (audit.store.joining), which any of them may have in it, at its ends as well; or be empty."""
    texts = ("", "\x1f", "a\x1fb", "\x1f\x1f", "{}", "né,\"'\\")
    events = [
        action(n, diff={one: (one, None)}, target_id=one or "x", actor=replace(HELEN, email=one))
        for n, one in enumerate(texts)
    ]
    await deliver(audit.consumer("audit"), *events)
    async with audit.parts.db.workspace(MINE) as tx:
        entries = {one.id: one for one in (await store.page(tx, Position(), 50)).entries}
    for event, text in zip(events, texts, strict=True):
        entry = entries[event.event_id]
        assert (entry.actor_email, entry.target_id, entry.diff[0].field, entry.diff[0].before) == (
            text,
            text or "x",
            text,
            text,
        )


async def test_long_values_are_cut(audit: Service) -> None:
    await deliver(audit.consumer("audit"), action(diff={"brief": ("x" * 100_000, "é" * 2000)}))
    async with audit.parts.db.workspace(MINE) as tx:
        [entry] = (await store.page(tx, Position(), 5)).entries
    before, after = entry.diff[0].before, entry.diff[0].after
    assert before is not None
    assert len(before) == 2000
    assert before.endswith("x…")
    assert after == "é" * 2000


async def test_a_batch_takes_the_same_round_trips_whatever_the_number_of_its_workspaces(dsns: ServiceDsns) -> None:
    """BEGIN, entries with their words, names, COMMIT; and everything is found afterwards, and verifies."""
    many = [WorkspaceId(f"org_many{number}") for number in range(40)]

    async def taken(consumer: Consumer, wire: Wire, workspaces: Sequence[WorkspaceId]) -> int:
        before = wire.round_trips
        await deliver(consumer, *(action(number, workspace_id=one) for one in workspaces for number in range(3)))
        return wire.round_trips - before

    async with wiretap(dsns.app) as wire:
        settings = replace(settings_of(dsns), app_url=wire.url, app_pool=1)
        db = await Database.open(settings, Queries.of("database", "messaging", "audit"), "audit")
        try:
            consumer = Consumer("audit.audit", db, routes(Salts()), ConsumerSettings(transactions=1))
            logs = Logs(db)
            # Nobody has a key yet; then keys are read; then they are remembered.
            await taken(consumer, wire, many)
            await logs.sealer.drain()
            await taken(consumer, wire, many)
            assert [await taken(consumer, wire, many[:count]) for count in (1, 5, 40)] == [4, 4, 4]
            assert await logs.sealer.drain() == 3 * (40 + 46)
            for one, times in ((many[0], 5), (many[39], 3)):
                assert (await logs.check(one)).findings == []
                async with db.workspace(one) as tx:
                    found = await reading.page(tx, Position(), 50, Asked(words=("after", "before", "name", "2")))
                    assert len(found.entries) == times
                    assert await search.called(tx, HELEN.email) == [("actor", HELEN.id)]
        finally:
            await db.close()


async def test_an_entry_that_is_there_already_brings_no_words_and_no_second_leaf(audit: Service) -> None:
    """The same event under the id of an entry, after the inbox has forgotten it: what was erased of the entry does not come back."""
    event = action(diff={"name": ("secretword", "other")})
    db = audit.parts.db
    await deliver(audit.consumer("audit"), event)
    async with db.workspace(MINE) as tx:
        await search.forget(tx, [event.event_id], [])
        await handlers.record(tx, [_entry(event)], Salts())
    async with db.workspace(MINE) as tx:
        assert (await reading.page(tx, Position(), 5, Asked(words=("secretword",)))).entries == ()
        assert await log_store.waiting(tx) == 1


async def test_a_name_is_the_last_one_told_and_noted_again_once_an_hour(audit: Service, postgres_url: str) -> None:
    other = replace(HELEN, email="h.achebe@harborline.example")
    steps = ((0, HELEN, 0), (10, HELEN, 0), (20, other, 20), (30, HELEN, 30), (25, other, 30), (95, HELEN, 95))
    for number, (minute, actor, noted) in enumerate(steps):
        at = BEGAN + timedelta(minutes=minute)
        await deliver(audit.consumer("audit"), action(number, actor=actor, diff={}, at=at))
        [row] = await as_administrator(postgres_url, audit.dsns.owner, "SELECT name, told_at FROM entry_names")
        last = HELEN if minute == 25 else actor
        assert (row["name"], row["told_at"]) == (last.email, BEGAN + timedelta(minutes=noted)), number


async def test_a_batch_with_some_that_were_there_adds_the_others(audit: Service, postgres_url: str) -> None:
    """With their words, their place in the log and no second one for those that were there; also where a message is in the batch twice."""
    events = [action(number, diff={"name": (None, f"word{number % 7}")}) for number in range(30)]
    await deliver(audit.consumer("audit"), *events[::3])
    await deliver(audit.consumer("audit"), *events, *events[10:20])
    logs = Logs(audit.parts.db)
    await logs.sealer.drain()
    assert sorted((await positions(postgres_url, audit.dsns.owner)).values()) == sorted(one.event_id for one in events)
    assert (await logs.check(MINE)).findings == []
    async with audit.parts.db.workspace(MINE) as tx:
        for word in range(7):
            page = await reading.page(tx, Position(), 50, Asked(words=(f"word{word}",)))
            assert {one.id for one in page.entries} == {one.event_id for one in events[word::7]}
    [row] = await as_administrator(
        postgres_url, audit.dsns.owner, "SELECT sum(cardinality(entries)) AS members FROM word_entries"
    )
    assert row["members"] == 2 * len(events)
