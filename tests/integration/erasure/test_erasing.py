"""A workspace is erased from each service: all that its manifest names, nothing of another workspace, whoever dies meanwhile."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from audit.log.parting import BEFORE
from callmine.erasure.v1.erasure_pb2 import ErasureCompleted, ErasureRequested, ErasureVerify
from contracts import Event
from contracts.erasing import Receipt, Stage, receipt
from contracts.registry import SERVICES
from core import faultpoints
from core.errors import Gone
from database import Queries, Tx
from integration.erasure.place import ACME, ORDER, RIVAL, Place
from messaging import Consumer, Routes, Verdict
from messaging.erasure import eraser, follow_erasures, follow_receipts, store
from testkit.messages import delivery

EACH = pytest.mark.parametrize("place", SERVICES, indirect=True)
ONE = pytest.mark.parametrize("place", ["ingest"], indirect=True)

# Goes with the entries, in one transaction that counts those.
UNCOUNTED = {"log_keys"}


def deleted(place: Place) -> set[str]:
    """The tables whose rows go, by the manifest."""
    return {name for name, rule in place.rules.tables.items() if rule.end == "deleted"}


@EACH
async def test_all_that_the_manifest_names_goes_and_nothing_of_another(place: Place) -> None:
    before = await place.rows(RIVAL)
    assert all(before[name] for name in deleted(place)), "the seeds fill every table"
    await place.freeze()
    await place.others_have_erased()
    await place.turns_until("erased")

    left = await place.rows(ACME)
    assert {name for name in deleted(place) if left[name]} - {"outbox"} == set()
    assert await place.rows(RIVAL) == before
    assert place.shelf.folders == {ACME: 0, RIVAL: 4}
    async with place.db.workspace(ACME) as tx:
        tombstone = await store.read(tx)
    assert tombstone is not None
    assert tombstone.rows.keys() == deleted(place) - UNCOUNTED
    assert tombstone.objects == 10
    if place.service != "retention":
        told = await place.receipts()
        assert [one.stage for one in told] == [Stage.FROZEN, Stage.ERASED]
        assert (told[1].rows, told[1].objects) == (tombstone.rows, 10)


@EACH
async def test_the_triggers_the_statements_and_the_manifest_agree(place: Place) -> None:
    found = await place.admin.fetch(
        "SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = 'fence' AND tgparentid = 0"
    )
    # Of what stays only a key could let the workspace begin again; and nobody is to wait for the erasure of a report or a person in it.
    staying = {"credential-vault": {"data_keys"}, "retention": {"report_erasures", "person_requests"}}
    assert {row["name"] for row in found} == deleted(place) | staying.get(place.service, set())

    own = {"audit": {"entries", "log_keys"}}.get(place.service, set())
    names = [one.name.removeprefix("erase_") for one in place.erasing.eraser.statements]
    assert set(names) == deleted(place) - own
    # Of the service's own tables the manifest's order holds: what points to a row goes before it.
    shared = {one.name.removeprefix("erase_") for one in Queries.of("messaging")}
    assert [name for name in names if name not in shared] == [
        name for name in place.rules.tables if name in names and name not in shared
    ]


@EACH
async def test_nothing_is_removed_from_a_workspace_that_is_not_erased(place: Place) -> None:
    """But for what the application removes in its daily work."""
    ruled = await place.admin.fetch("SELECT polrelid::regclass::text AS name FROM pg_policy WHERE polname = 'erasing'")
    before = await place.rows(ACME)
    tried = {row["name"] for row in ruled} - {"parked"}
    async with place.db.workspace(ACME) as tx:
        for name in tried:
            assert await tx.execute(f"erase_{name}", most=100) == 0, name
    async with place.db.sweep() as sweep:
        assert await sweep.execute("erase_parked", workspace=ACME, most=100) == 0
    assert await place.rows(ACME) == before
    assert all(before[name] for name in tried), "the seeds fill every table"
    assert {"inbox", "memberships", "parked"} <= {row["name"] for row in ruled}


@EACH
async def test_nothing_is_added_to_a_frozen_workspace(place: Place) -> None:
    await place.freeze()
    with pytest.raises(Gone, match="being deleted"):
        async with place.db.workspace(ACME) as tx:
            await tx.execute("membership_save", user_id="user_2", present=True, role="member", sequence=1)
    async with place.db.workspace(RIVAL) as tx:
        await tx.execute("membership_save", user_id="user_2", present=True, role="member", sequence=1)


@ONE
async def test_what_began_before_is_waited_for_and_erased(place: Place) -> None:
    async with place.db.workspace(ACME) as slow:
        await slow.execute("membership_save", user_id="user_2", present=True, role="member", sequence=1)
        await place.freeze()
        for _ in range(3):
            await place.turn()
        assert await place.receipts() == []
    await place.turns_until("erased")
    assert (await place.rows(ACME))["memberships"] == []


@ONE
async def test_a_tombstone_is_set_once_and_messages_may_come_twice(place: Place) -> None:
    await place.freeze()
    await place.turns_until("erased")
    await place.freeze()
    assert await place.stage() == "erased"
    for attempt in (2, 1, 2):
        async with place.db.workspace(ACME) as tx:
            await store.verify(tx, ORDER.erasure_id, attempt)
        await place.turn()
    told = await place.receipts()
    assert [(one.stage, one.attempt) for one in told] == [(Stage.FROZEN, 0), (Stage.ERASED, 0), (Stage.VERIFIED, 2)]
    assert told[-1].left == {}


@ONE
async def test_what_is_asked_for_while_the_worker_goes_to_rest_is_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.freeze()
    await place.turns_until("erased")
    rest = store.later

    async def asked_meanwhile(tx: Tx, seconds: float | None) -> None:
        if seconds is None:
            monkeypatch.undo()
            async with place.db.workspace(ACME) as other:
                await store.verify(other, ORDER.erasure_id, 1)
        await rest(tx, seconds)

    monkeypatch.setattr(store, "later", asked_meanwhile)
    await place.admin.execute("UPDATE tombstones SET next_at = now()")
    for _ in range(2):
        await place.erasing.once()
    assert [(one.stage, one.attempt) for one in await place.receipts()][-1] == (Stage.VERIFIED, 1)


@ONE
async def test_what_a_verification_finds_is_told_and_goes(place: Place) -> None:
    await place.freeze()
    await place.turns_until("erased")
    await place.admin.execute(
        "SET session_replication_role = replica; INSERT INTO stripe_customers VALUES ('org_acme', 'cus_1')"
    )
    place.shelf.folders[ACME] = 2
    async with place.db.workspace(ACME) as tx:
        await store.verify(tx, ORDER.erasure_id, 1)
    await place.turn()
    assert (await place.receipts())[-1].left == {"stripe_customers": 1, "objects": 2}
    assert (await place.rows(ACME))["stripe_customers"] == []


@ONE
async def test_batches_are_as_small_as_they_are_to_be(place: Place) -> None:
    await place.admin.execute(
        "INSERT INTO noticed_calls (workspace_id, call_id, started_at) SELECT 'org_acme', 'c' || n, now() FROM generate_series(1, 25) n"
    )
    place.rows_at_once = 10
    await place.freeze()
    await place.turns_until("erased")
    assert (await place.receipts())[-1].rows["noticed_calls"] >= 25
    assert (await place.rows(ACME))["noticed_calls"] == []


@ONE
async def test_rows_go_once_there_are_no_objects_any_more(place: Place) -> None:
    """Together they would leave less to everybody else."""
    left: list[int] = []

    def note(point: str) -> None:
        if point == "erasure.after_batch":
            left.append(place.shelf.folders[ACME])

    await place.freeze()
    faultpoints.arm(note)
    await place.turns_until("erased")
    faultpoints.arm(None)
    assert set(left) == {0}


@ONE
async def test_others_have_the_database_after_each_transaction(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It rests for as long as a transaction took, and not when there is nothing left."""
    await place.admin.execute(
        "INSERT INTO noticed_calls (workspace_id, call_id, started_at) SELECT 'org_acme', 'c' || n, now() FROM generate_series(1, 25) n"
    )
    place.rows_at_once = 10
    rests: list[float] = []
    transactions = 0

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    def count(point: str) -> None:
        nonlocal transactions
        transactions += point == "erasure.after_batch"

    await place.freeze()
    while await place.stage() == "":
        await place.turn()
    monkeypatch.setattr(eraser, "sleep", rest)
    faultpoints.arm(count)
    await place.turns_until("erased")
    faultpoints.arm(None)
    assert transactions > 3
    assert 0 < len(rests) < transactions
    assert all(0 < seconds <= eraser.LONGEST_REST_SECONDS for seconds in rests)


@pytest.mark.parametrize("place", ["audit"], indirect=True)
async def test_the_log_waits_for_the_others_and_keeps_its_proof(place: Place) -> None:
    await place.freeze()
    for _ in range(4):
        await place.turn()
    assert await place.stage() == "frozen"
    await place.others_have_erased()
    await place.turns_until("erased")
    left = await place.rows(ACME)
    assert left["log_erasures"]
    assert left["log_heads"]
    assert left["entries"] == []


@pytest.mark.parametrize("place", ["credential-vault"], indirect=True)
async def test_the_vault_waits_for_its_revocations_and_tells_how_they_ended(place: Place) -> None:
    await place.freeze()
    await place.admin.execute("UPDATE tombstones SET next_at = now()")
    for _ in range(3):
        await place.erasing.once()
        await place.admin.execute("UPDATE tombstones SET next_at = now()")
    assert await place.stage() == "frozen"
    assert (await place.rows(ACME))["revocations"]
    await place.turns_until("erased")
    assert (await place.receipts())[-1].providers.keys() >= {"hubspot"}
    destroyed = "SELECT count(*) FROM data_keys WHERE workspace_id = 'org_acme' AND wrapped IS NULL AND destroyed_at IS NOT NULL"
    assert await place.admin.fetchval(destroyed) == 1


def event_of(payload: Message, producer: str = "retention") -> Event[Message]:
    """A message of the workspace."""
    return Event(workspace_id=ACME, payload=payload, producer=producer, aggregate_id=ORDER.erasure_id, sequence=1)


async def heard(place: Place, *events: Event[Message]) -> list[Verdict]:
    """What becomes of messages of the workspace, in the service's own consumers."""
    orders, receipts = Routes(), Routes()
    follow_erasures(orders, lambda: None)
    follow_receipts(receipts, lambda: None)
    verdicts = []
    for event in events:
        is_receipt = isinstance(event.payload, ErasureCompleted)
        name = f"{place.service}.{'erasure-receipts' if is_receipt else 'erasure'}"
        consumer = Consumer(name, place.db, receipts if is_receipt else orders)
        verdicts += await consumer.process([delivery(event, name)])
    return verdicts


def asked() -> Event[Message]:
    """The workspace is to be erased."""
    payload = ErasureRequested(erasure_id=ORDER.erasure_id)
    payload.asked_at.FromDatetime(ORDER.asked_at)
    payload.due_at.FromDatetime(ORDER.due_at)
    return event_of(payload)


@pytest.mark.parametrize("place", ["audit"], indirect=True)
async def test_messages_in_any_order_come_to_the_same_end(place: Place) -> None:
    order = asked()
    told = [
        event_of(
            receipt(Receipt(erasure_id=ORDER.erasure_id, service=other, stage=Stage.ERASED, at=ORDER.asked_at)), other
        )
        for other in sorted(BEFORE)
    ]
    assert await heard(place, *told) == [Verdict.RETRY] * 3, "there is no erasure yet"
    assert await heard(place, order, order, *told, *told) == [Verdict.ACK] * 8
    await place.turns_until("erased")
    again = event_of(ErasureVerify(erasure_id=ORDER.erasure_id, attempt=1))
    assert await heard(place, again, order, again) == [Verdict.ACK] * 3
    await place.turn()
    assert [one.stage for one in await place.receipts()] == [Stage.FROZEN, Stage.ERASED, Stage.VERIFIED]


@ONE
async def test_who_has_forgotten_the_answers_is_answered_again(place: Place) -> None:
    for _ in range(2):
        await heard(place, asked())
        for _ in range(4):
            await place.turn()
        assert await place.stage() == "erased"
        await heard(place, event_of(ErasureVerify(erasure_id=ORDER.erasure_id, attempt=1)))
        await place.turn()
    assert [one.stage for one in await place.receipts()] == [Stage.FROZEN, Stage.ERASED, Stage.VERIFIED] * 2
