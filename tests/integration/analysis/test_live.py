"""Runs followed as they go on, over a real database: nothing missed, nothing twice, whoever reads how."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest

import analysis.store.live
from analysis.domain.live import Progress
from analysis.domain.request import RunId
from analysis.handlers.live import LiveLimits, LiveRuns, Told, TooManyStreams, Watch
from core.errors import Conflict, NotFound, Transient
from core.ids import UserId, uuid7
from database import Tx
from integration.analysis.test_claims import queue
from integration.analysis.watched import arrive, started
from integration.analysis.world import ACME, MAYA, RIVAL, World
from testkit.streams import until

MAYA_ID = UserId(MAYA.id)


def fetched(told: Told | None) -> int:
    assert told is not None
    return told.snapshot.progress.run.calls_fetched


async def test_a_run_is_followed_from_its_start_to_its_report(world: World, live: LiveRuns) -> None:
    run_id = await started(world)
    phases: list[str] = []
    last: Told | None = None
    async with live.watch(ACME, MAYA_ID, run_id) as watch, asyncio.TaskGroup() as group:

        async def follow() -> None:
            nonlocal last
            while (told := await watch.next()) is not None:
                last = told
                phases.append(told.snapshot.progress.phase)

        group.create_task(follow())
        await until(lambda: phases)
        await world.deliver(await world.fetched(run_id, "c1"), world.completed(run_id, 1))
        await until(lambda: phases[-1] != "fetch")
        await world.work()
    assert phases[0] == "fetch"
    assert phases[-2:] == ["completed", "completed"]
    assert last is not None
    assert last.last
    assert last.snapshot.document["report_id"] == str((await world.desk.run(ACME, run_id)).report_id)


class Follower:
    """A client that reads fast, slowly or not at all, and comes back to one process or the other."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.ids: list[str] = []
        self.counts: list[int] = []

    async def follow(self, processes: list[LiveRuns], run_id: RunId) -> None:
        """Until the run's end is told."""
        while True:
            after = self.ids[-1] if self.ids else ""
            async with self.rng.choice(processes).watch(ACME, MAYA_ID, run_id, after) as watch:
                if await self._over(watch):
                    return
            await asyncio.sleep(self.rng.choice([0, 0.001, 0.01]))

    async def _over(self, watch: Watch) -> bool:
        """Read some events; whether the last one was among them."""
        for _ in range(self.rng.choice([1, 2, 5, 1000])):
            try:
                async with asyncio.timeout(self.rng.choice([0.001, 0.01, 10])):
                    told = await watch.next()
            except TimeoutError:
                continue  # cancelled while it waited: loses nothing
            assert told is not None
            self.ids.append(told.id)
            self.counts.append(fetched(told))
            if told.last:
                return True
        return False


@pytest.mark.parametrize("seed", range(8))
async def test_no_interleaving_of_changes_and_reconnects_loses_or_repeats_anything(world: World, seed: int) -> None:
    rng = Random(seed)
    run_id, follower = await started(world), Follower(rng)
    processes = [LiveRuns(world.db, LiveLimits(every=rng.choice([0.001, 0.005, 0.02]))) for _ in range(2)]
    true = 0
    async with asyncio.TaskGroup() as group:
        works = [group.create_task(one.run()) for one in processes]
        following = group.create_task(follower.follow(processes, run_id))
        for _ in range(40):
            more = rng.choice([1, 1, 1, 5])
            await arrive(world, run_id, more)
            true += more
            await asyncio.sleep(rng.choice([0, 0, 0.002, 0.01]))
        await world.desk.cancel(ACME, run_id, MAYA)
        await following
        for work in works:
            work.cancel()
    assert follower.counts == sorted(follower.counts), "never back to an older state"
    assert len(follower.ids) == len(set(follower.ids)), "nothing twice"
    assert follower.ids[-1] == f"{follower.ids[-2]}.end"
    assert follower.counts[-1] == true, "nothing missed"
    assert [one.streams for one in processes] == [0, 0]


async def test_who_comes_back_with_the_present_version_hears_of_the_next_change_only(
    world: World, live: LiveRuns
) -> None:
    run_id = await started(world)
    present = await live.present(ACME, run_id)
    async with live.watch(ACME, MAYA_ID, run_id, present.version) as watch:
        waiting = asyncio.create_task(watch.next())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await arrive(world, run_id)
        assert fetched(await waiting) == 1


async def test_who_reads_slowly_hears_the_present_state_and_costs_no_more(world: World, live: LiveRuns) -> None:
    run_id = await started(world)
    async with live.watch(ACME, MAYA_ID, run_id) as slow, live.watch(ACME, UserId("user_fast1"), run_id) as fast:
        assert (fetched(await slow.next()), fetched(await fast.next())) == (0, 0)
        for number in range(1, 21):
            await arrive(world, run_id)
            assert fetched(await fast.next()) == number
        assert fetched(await slow.next()) == 20


async def test_a_run_of_another_workspace_is_one_that_nobody_has(world: World, live: LiveRuns) -> None:
    run_id = await started(world)
    for workspace, asked in ((RIVAL, run_id), (ACME, RunId(uuid7()))):
        with pytest.raises(NotFound, match="there is no such run in this workspace"):
            async with live.watch(workspace, MAYA_ID, asked):
                pass
        with pytest.raises(NotFound, match="there is no such run in this workspace"):
            await live.present(workspace, asked)
    assert live.streams == 0


async def test_the_state_of_a_run_is_told_in_its_own_workspace_only(world: World, live: LiveRuns) -> None:
    mine, theirs = await started(world), await started(world, RIVAL)
    async with live.watch(ACME, MAYA_ID, mine) as one, live.watch(RIVAL, MAYA_ID, theirs) as other:
        await one.next(), await other.next()
        await arrive(world, theirs)
        assert fetched(await other.next()) == 1
        told = asyncio.create_task(one.next())
        await asyncio.sleep(0.05)
        assert not told.done()
        told.cancel()


async def test_a_run_that_the_plan_hides_is_told_of_no_more(world: World, live: LiveRuns) -> None:
    run_id = await started(world)
    async with live.watch(ACME, MAYA_ID, run_id) as watch:
        await watch.next()
        await world.owner(
            f"UPDATE runs SET state = 'failed', finished_at = now() - interval '400 days' WHERE id = '{run_id}'"
        )
        assert await watch.next() is None


async def test_everybody_who_watches_is_read_for_together(
    world: World, live: LiveRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {ACME: [await started(world) for _ in range(3)], RIVAL: [await started(world, RIVAL)]}
    reads: list[tuple[str, int]] = []
    read = analysis.store.live.progress

    async def counted(tx: Tx, run_ids: list[RunId], at: object) -> dict[RunId, Progress]:
        reads.append((tx.workspace_id, len(run_ids)))
        return await read(tx, run_ids, at)  # type: ignore[arg-type]

    async with AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(live.watch(workspace, UserId(f"user_{number}a"), run_id))
            for workspace, found in runs.items()
            for run_id in found
            for number in range(5)
        ]
        await asyncio.gather(*(watch.next() for watch in watches))
        monkeypatch.setattr(analysis.store.live, "progress", counted)
        await until(lambda: len(reads) >= 10)
    # Twenty streams of four runs: two statements a round, one for each workspace.
    assert set(reads) == {(ACME, 3), (RIVAL, 1)}
    # Each round reads each workspace once.
    assert [workspace for workspace, _ in reads[:10]] in ([ACME, RIVAL] * 5, [RIVAL, ACME] * 5)


async def test_nothing_is_read_while_nobody_watches(
    world: World, live: LiveRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await started(world)
    async with live.watch(ACME, MAYA_ID, run_id):
        pass

    async def never(*_: object) -> dict[RunId, Progress]:
        raise AssertionError("nobody watches")

    await asyncio.sleep(0.05)
    monkeypatch.setattr(analysis.store.live, "progress", never)
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("error", [Transient("away"), ValueError("unforeseen")], ids=["away", "unforeseen"])
async def test_streams_outlive_a_database_that_is_away(
    world: World, live: LiveRuns, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run_id = await started(world)
    failed = 0
    read = analysis.store.live.progress

    async def away(tx: Tx, run_ids: list[RunId], at: object) -> dict[RunId, Progress]:
        nonlocal failed
        failed += 1
        if failed < 4:
            raise error
        return await read(tx, run_ids, at)  # type: ignore[arg-type]

    async with live.watch(ACME, MAYA_ID, run_id) as watch:
        await watch.next()
        monkeypatch.setattr(analysis.store.live, "progress", away)
        await arrive(world, run_id)
        assert fetched(await watch.next()) == 1
    assert failed >= 4


@pytest.mark.parametrize(
    ("limits", "error", "status"),
    [
        pytest.param(LiveLimits(of_person=2), TooManyStreams, 429, id="person"),
        pytest.param(LiveLimits(of_workspace=2), TooManyStreams, 429, id="workspace"),
        pytest.param(LiveLimits(of_process=2), Transient, 503, id="process"),
    ],
)
async def test_streams_are_bounded(world: World, limits: LiveLimits, error: type[Transient], status: int) -> None:
    run_id, live = await started(world), LiveRuns(world.db, limits)
    async with live.watch(ACME, MAYA_ID, run_id):
        async with live.watch(ACME, MAYA_ID, run_id):
            with pytest.raises(error) as refused:
                async with live.watch(ACME, MAYA_ID, run_id):
                    pass
            assert (refused.value.status, refused.value.retry_after) == (status, 15)
            assert type(refused.value) is error
        async with live.watch(ACME, MAYA_ID, run_id):
            assert live.streams == 2


async def test_a_place_is_given_back_whatever_happens(world: World) -> None:
    run_id, live = await started(world), LiveRuns(world.db, LiveLimits(of_person=1))
    for _ in range(3):
        with pytest.raises(Conflict):
            async with live.watch(ACME, MAYA_ID, run_id):
                raise Conflict("something went wrong")
        with pytest.raises(NotFound):
            async with live.watch(ACME, MAYA_ID, RunId(uuid7())):
                pass
    assert (live.streams, live._topics, live._watched.is_set()) == (0, {}, False)


def scanned(plan: dict[str, Any]) -> int:
    """How many rows a plan reads of tables, those that it throws away included."""
    below = sum(scanned(child) for child in plan.get("Plans", []))
    if "Scan" not in plan["Node Type"] or "Relation Name" not in plan:
        return below
    return below + int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])


@pytest.mark.parametrize("calls", [500, 20_000])
async def test_a_look_at_a_long_run_reads_as_much_as_at_a_short_one(world: World, calls: int) -> None:
    """Half of the calls wait and half are analysed; eight are under way."""
    # With the runs of some weeks: where there are two, on one page, looking at both is as good as an index.
    weeks = {(ACME, f"run {number}"): 1 for number in range(200)}
    runs = await queue(world, {(ACME, "watched"): calls, (RIVAL, "other"): calls, **weeks})
    await world.owner(
        "SET session_replication_role = replica; "  # metered calls without their analyses: those are not read
        "INSERT INTO usage (workspace_id, run_id, call_id, metered_at) "
        "SELECT workspace_id, run_id, call_id, now() - ordinal * interval '10 ms' FROM run_calls WHERE ordinal % 2 = 0",
        "UPDATE run_calls SET state = 'analysed', done_at = now() WHERE ordinal % 2 = 0",
        "UPDATE run_calls SET state = 'analysing', lease_until = now() + interval '20 s' WHERE ordinal <= 16 AND ordinal % 2 = 1",
        "ANALYZE run_calls, usage, runs",
    )
    # An EXPLAIN is no statement of a service, so it goes past its Database.
    look = world.db.queries["watched_runs"]
    values: dict[str, object] = {"workspace_id": ACME, "ids": [runs["watched"]]}
    async with world.looking() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE analysis_app")
        await connection.execute(f"SET LOCAL app.workspace_id = '{ACME}'")
        await connection.execute("SET LOCAL app.report_floor = '2000-01-01'")
        arguments = [values[name] for name in look.parameters]
        found = await connection.fetchrow(look.sql, *arguments)
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT json) {look.sql}", *arguments)
    assert found is not None
    assert (found["analysing"], found["put_back"], found["recent"]) == (8, 0, 50)
    # The run, its calls under way, the last ones metered.
    assert scanned(json.loads(told)[0]["Plan"]) <= 1 + 8 + 50
