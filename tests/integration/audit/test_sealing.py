"""Entries get exactly one place each, whatever dies when and however many seal at once; what is exported verifies."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from audit import handlers
from audit.domain import Change
from audit.log import erasure, sealing
from audit.log.keys import Salts, made
from audit.log.sealing import Sealer, SealerSettings
from audit.log.store import sweeps
from audit.log.store.sweeps import Grown
from core import faultpoints
from core.clock import SystemClock
from core.errors import InvalidInput, NotFound, Transient
from core.ids import WorkspaceId, uuid7
from database import Database, Queries, Tx
from integration.audit.logs import KEYRING, ORIGIN, Logs, as_administrator, entries, positions
from local.postgres import ServiceDsns
from testkit.postgres import settings_of

MINE, THEIRS = WorkspaceId("org_mine"), WorkspaceId("org_theirs")

POINTS = (
    "audit.seal.after_take",
    "audit.seal.before_commit",
    "audit.seal.after_commit",
    "audit.anchor.before_commit",
    "audit.anchor.after_commit",
)


class Died(Exception):
    """A process died here."""


class Looks(SystemClock):
    """Lets a sealer look so many times, and none more."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    async def sleep(self, seconds: float) -> None:
        self._left -= 1
        if not self._left:
            raise Died


@pytest.fixture
async def logs(dsns: ServiceDsns) -> AsyncIterator[Logs]:
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "audit"), "audit")
    yield Logs(db)
    await db.close()


async def test_what_was_recorded_is_sealed_in_the_order_of_arrival_and_verifies(
    logs: Logs, dsns: ServiceDsns, postgres_url: str
) -> None:
    first, second, third = entries(7), entries(300), entries(5)
    await logs.record(MINE, first)
    await logs.record(THEIRS, third)
    assert await logs.sealer.drain() == 12
    pin = await logs.pin(MINE)
    await logs.record(MINE, second)
    assert await logs.sealer.drain() == 300
    assert await logs.sealer.drain() == 0
    report = await logs.check(MINE, pin)
    assert report.findings == []
    assert report.anchored == 307
    found = await positions(postgres_url, dsns.owner)
    assert [found[MINE, place] for place in range(307)] == [one.id for one in (*first, *second)]
    assert [found[THEIRS, place] for place in range(5)] == [one.id for one in third]


async def test_what_is_recorded_twice_has_one_place(logs: Logs) -> None:
    given = entries(10)
    await logs.record(MINE, given[:6])
    await logs.record(MINE, given)
    assert await logs.sealer.drain() == 10
    await logs.record(MINE, given[::-1])
    assert await logs.sealer.drain() == 0
    assert (await logs.check(MINE)).findings == []


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_crash_costs_no_entry_its_place_and_gives_none_two(
    logs: Logs, dsns: ServiceDsns, postgres_url: str, point: str, seed: int
) -> None:
    rng = random.Random(seed)
    told = 0
    dies = [rng.random() < 0.5 for _ in range(20)]

    def trap(reached: str) -> None:
        if reached == point and dies and dies.pop():
            raise Died

    faultpoints.arm(trap)
    try:
        for _ in range(12):
            batch = entries(rng.randrange(1, 40))
            await logs.record(rng.choice((MINE, THEIRS)), batch)
            told += len(batch)
            with contextlib.suppress(Died):
                await logs.sealer.drain()
    finally:
        faultpoints.arm(None)
    await logs.sealer.drain()
    found = await positions(postgres_url, dsns.owner)
    assert len(found) == len(set(found.values())) == told
    for workspace_id in (MINE, THEIRS):
        assert (await logs.check(workspace_id)).findings == []


async def test_several_sealers_at_once_make_no_fork(logs: Logs, dsns: ServiceDsns, postgres_url: str) -> None:
    async def write(number: int) -> None:
        for step in range(8):
            await logs.record((MINE, THEIRS)[(number + step) % 2], entries(5))

    async def seal(sealer: Sealer) -> None:
        for _ in range(10):
            with contextlib.suppress(Transient):
                await sealer.drain()

    await asyncio.gather(*(write(number) for number in range(6)), *(seal(logs.sealer) for _ in range(3)))
    await logs.sealer.drain()
    found = await positions(postgres_url, dsns.owner)
    assert len(found) == len(set(found.values())) == 240
    for workspace_id in (MINE, THEIRS):
        assert (await logs.check(workspace_id)).findings == []


async def test_an_entry_that_is_committed_late_is_sealed_late(logs: Logs) -> None:
    early, late = entries(3), entries(3)
    async with logs.db.workspace(MINE) as tx:
        await handlers.record(tx, late, Salts())
        await logs.record(MINE, early)
        assert await logs.sealer.drain() == 3
    assert await logs.sealer.drain() == 3
    assert (await logs.check(MINE)).findings == []


async def test_what_arrives_during_a_pass_waits_for_the_next_look(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that went on until nothing is waiting would not end while entries arrive, and pay a pass for each few of them."""
    written, passes = sweeps.write, 0

    async def while_one_more_arrives(tx: Tx, grown: Sequence[Grown]) -> int:
        nonlocal passes
        passes += 1
        if passes <= 3:
            await logs.record(MINE, entries(1))
        return await written(tx, grown)

    await logs.record(MINE, entries(9))
    monkeypatch.setattr(sweeps, "write", while_one_more_arrives)
    with pytest.raises(Died):
        await asyncio.wait_for(Sealer(logs.db, KEYRING, SealerSettings(ORIGIN), Looks(3)).run(), 60)
    monkeypatch.undo()
    assert passes == 3
    assert await logs.sealer.drain() == 1
    assert (await logs.check(MINE)).findings == []


async def test_one_look_seals_all_that_waits_however_much(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MOST_ARRIVALS", 2)
    for _ in range(5):
        await logs.record(MINE, entries(3))
    with pytest.raises(Died):
        await asyncio.wait_for(Sealer(logs.db, KEYRING, SealerSettings(ORIGIN), Looks(1)).run(), 60)
    assert await logs.sealer.drain() == 0
    assert len(await logs.export(MINE)) > 15
    assert (await logs.check(MINE)).findings == []


async def test_a_persons_erasure_leaves_every_proof_valid_and_nothing_of_the_person(
    logs: Logs, dsns: ServiceDsns, postgres_url: str
) -> None:
    await logs.record(MINE, entries(60))
    await logs.sealer.drain()
    pin = await logs.pin(MINE)
    done = await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
    again = await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
    assert again == done
    await logs.record(MINE, entries(9))
    await logs.sealer.drain()
    report = await logs.check(MINE, pin)
    assert report.findings == []
    assert [one.partition(",")[0] for one in report.erased] == ["request ticket 7: person"]
    before = [line for line in await logs.export(MINE) if '"commitments"' in line]
    assert before
    assert not any("user_1" in line or "user1@" in line for line in before if '"target":{"kind":"workspace"' in line)
    kept = await as_administrator(
        postgres_url,
        dsns.owner,
        "SELECT e.id FROM entries e JOIN log_redactions r ON r.entry_id = e.id WHERE r.part = 'actor' AND e.actor_id <> ''",
    )
    assert kept == []


async def test_a_workspaces_erasure_leaves_hashes_and_the_request(
    logs: Logs, dsns: ServiceDsns, postgres_url: str
) -> None:
    await logs.record(MINE, entries(30))
    await logs.record(THEIRS, entries(30))
    await logs.sealer.drain()
    pin = await logs.pin(MINE)
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 8")
    report = await logs.check(MINE, pin)
    assert report.findings == []
    assert [one.partition(",")[0] for one in report.erased] == ["request ticket 8: workspace"]
    left = await as_administrator(
        postgres_url, dsns.owner, "SELECT workspace_id FROM entries UNION ALL SELECT workspace_id FROM log_keys"
    )
    assert {row["workspace_id"] for row in left} == {THEIRS}
    assert (await logs.check(THEIRS)).findings == []


async def test_what_is_on_its_way_while_a_person_is_erased_arrives_after_it(logs: Logs) -> None:
    """Its leaf was made with a key that is gone: it is made anew, and the entry is one of after the erasure."""
    await logs.record(MINE, entries(9))
    await logs.sealer.drain()
    stuck = logs.db.workspace(MINE)
    tx = await stuck.__aenter__()
    await handlers.record(tx, entries(9, person=1), logs.salts)
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
    await stuck.__aexit__(None, None, None)
    assert await logs.sealer.drain() == 9
    assert (await logs.check(MINE)).findings == []


@pytest.mark.parametrize("point", ["audit.erase.before_commit", "audit.erase.after_commit"])
async def test_an_erasure_that_dies_is_done_once_when_asked_again(logs: Logs, point: str) -> None:
    await logs.record(MINE, entries(9))

    def trap(reached: str) -> None:
        if reached == point:
            raise Died

    faultpoints.arm(trap)
    with pytest.raises(Died):
        await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
    faultpoints.arm(None)
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
    report = await logs.check(MINE)
    assert report.findings == []
    assert len(report.erased) == 1


async def test_an_erasure_names_its_request(logs: Logs) -> None:
    for request in ("", "  ", "x" * 201):
        with pytest.raises(InvalidInput, match="names the request"):
            await erasure.erase(logs.db, logs.sealer.drain, MINE, request)


async def test_an_entry_put_into_the_table_by_hand_is_told_of(logs: Logs, dsns: ServiceDsns, postgres_url: str) -> None:
    await logs.record(MINE, entries(3))
    await logs.sealer.drain()
    await as_administrator(
        postgres_url,
        dsns.owner,
        "INSERT INTO entries SELECT workspace_id, gen_random_uuid(), type, actor_kind, actor_id, actor_email, source, target_kind, "
        "target_id, diff, occurred_at, recorded_at FROM entries LIMIT 1",
        "SELECT 1",
    )
    assert any("never given a place" in one for one in (await logs.check(MINE)).findings)


async def test_a_field_that_is_told_twice_verifies_as_it_is_kept(logs: Logs) -> None:
    (one,) = entries(1)
    twice = one._replace(diff=(Change("b", "1", "2"), Change("a", None, None), Change("b", "3", None)))
    # The second time there are keys: the leaf is made before the entry has been in the table.
    for number in range(2):
        await logs.record(MINE, [twice._replace(id=uuid7())])
        assert await logs.sealer.drain() == 1, number
    assert (await logs.check(MINE)).findings == []


async def test_an_empty_log_cannot_be_exported_and_says_so(logs: Logs) -> None:
    with pytest.raises(NotFound, match="nothing of this workspace has been sealed"):
        await logs.export(MINE)


async def test_the_keys_remembered_are_those_of_the_database(logs: Logs) -> None:
    async with logs.db.workspace(MINE) as tx:
        assert await logs.salts.known(tx, {"a", "b"}) is None
    async with logs.db.workspace(MINE) as tx:
        stored = await made(tx, {"a", "b"})
    for subjects in ({"a"}, {"a", "b"}, {"b"}):
        async with logs.db.workspace(MINE) as tx:
            known = await logs.salts.known(tx, subjects)
        assert known is not None
        assert {one: known.of[one] for one in subjects} == {one: stored.of[one] for one in subjects}
    async with logs.db.workspace(THEIRS) as tx:
        assert await logs.salts.known(tx, {"a"}) is None


async def test_keys_are_asked_for_again_after_an_erasure(logs: Logs) -> None:
    for _ in range(2):
        await logs.record(MINE, entries(9))
        await logs.sealer.drain()
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
    for _ in range(3):
        await logs.record(MINE, entries(9))
        await logs.sealer.drain()
    assert (await logs.check(MINE)).findings == []
