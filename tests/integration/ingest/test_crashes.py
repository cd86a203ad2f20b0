"""A worker dies, or is slow and replaced: no call is lost, none is announced twice, one FetchCompleted."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from core import faultpoints
from integration.ingest.harness import MemoryObjects
from integration.ingest.workshop import Killed, Trap, Workshop

# Harborline has four calls that are not private: with batches of two, each point inside a batch is reached twice.
POINTS = [
    ("fetch.after_claim", 1),
    ("fetch.before_plan", 1),
    ("fetch.before_batches", 1),
    ("fetch.after_object", 1),
    ("fetch.after_object", 2),
    ("fetch.before_commit", 1),
    ("fetch.before_commit", 2),
    ("outbox.before_commit", 1),
    ("outbox.before_commit", 2),
    ("outbox.before_commit", 3),
    ("fetch.after_commit", 1),
    ("fetch.after_commit", 2),
]


async def _die(workshop: Workshop, trap: Trap) -> None:
    """One worker works until the trap kills it."""
    faultpoints.arm(trap)
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in a group where a lease was being kept
            await workshop.worker().work_once()
    finally:
        faultpoints.arm(None)
    assert died.type is Killed or died.group_contains(Killed)
    assert trap.seen == trap.time


async def _assert_whole(workshop: Workshop, run: uuid.UUID) -> None:
    announced = await workshop.announced(run)
    assert [sequence for sequence, _ in announced] == [1, 2, 3, 4, 5]
    assert len({name for _, name in announced}) == 5
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_matching, done.calls_private) == (4, 4, 1)
    named = {row["object_name"] for row in await workshop.ingest.sql("SELECT object_name FROM run_calls")}
    assert named == set(workshop.objects.held)


@pytest.mark.parametrize(("point", "time"), POINTS)
async def test_killed_anywhere_the_run_is_whole_in_the_end(workshop: Workshop, point: str, time: int) -> None:
    run = await workshop.start()
    await _die(workshop, Trap(point, time))
    await workshop.finish()
    await _assert_whole(workshop, run)


async def test_killed_again_and_again_the_run_is_whole_in_the_end(workshop: Workshop) -> None:
    run = await workshop.start()
    for point in (
        "fetch.before_plan",
        "fetch.before_batches",
        "fetch.after_object",
        "fetch.before_commit",
        "fetch.after_commit",
        "fetch.after_claim",
    ):
        await workshop.skip_waits()
        await _die(workshop, Trap(point))
    await workshop.finish()
    await _assert_whole(workshop, run)


async def test_a_slow_worker_that_was_replaced_writes_nothing(workshop: Workshop) -> None:
    run = await workshop.start()
    slow_objects = MemoryObjects(held=workshop.objects.held, gate=asyncio.Event())
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(workshop.worker(slow_objects).work_once())
        await slow_objects.reached.wait()
        await workshop.finish()
        told = len(await workshop.ingest.told())
        assert slow_objects.gate is not None
        slow_objects.gate.set()
        assert await slow
    await _assert_whole(workshop, run)
    assert len(await workshop.ingest.told()) == told


async def test_two_workers_at_once_do_not_share_a_job(workshop: Workshop) -> None:
    runs = [await workshop.start() for _ in range(3)]
    workers = [workshop.worker() for _ in range(3)]
    while any(await asyncio.gather(*(worker.work_once() for worker in workers))):
        pass
    for run in runs:
        assert [sequence for sequence, _ in await workshop.announced(run)] == [1, 2, 3, 4, 5]


async def test_a_lease_that_is_lost_stops_the_worker_at_once(workshop: Workshop) -> None:
    await workshop.start()
    blocked = MemoryObjects(gate=asyncio.Event())
    workshop.settings = type(workshop.settings)(lease_seconds=0.03)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(workshop.worker(blocked).work_once())
        await blocked.reached.wait()
        await workshop.ingest.sql("UPDATE jobs SET fence = fence + 1")
        async with asyncio.timeout(10):
            assert await slow
    assert blocked.held == {}


async def test_a_slow_worker_whose_successor_has_only_begun_writes_nothing(workshop: Workshop) -> None:
    run = await workshop.start()
    slow_objects = MemoryObjects(gate=asyncio.Event())
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(workshop.worker(slow_objects).work_once())
        await slow_objects.reached.wait()
        await workshop.ingest.sql("UPDATE jobs SET fence = fence + 1")
        assert slow_objects.gate is not None
        slow_objects.gate.set()
        assert await slow
    assert await workshop.announced(run) == []
    assert {row["state"] for row in await workshop.ingest.sql("SELECT state FROM run_calls")} == {"chosen"}
