"""Workers that are killed, overtaken, or meet faults as a seed has them: never two messages, and never none that is called posted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from core import faultpoints
from integration.analysis.delivery_bench import (
    HISTORY,
    POST,
    DeliveryBench,
    delivery_bench,
)
from integration.analysis.world import ACME, MAYA, World, question
from testkit.outside import Outside

POSTED = ("posted", "")
UNREADABLE = ("unclear", "history_not_readable")


class Crash(BaseException):
    """What kill -9 is to a process."""


@pytest.fixture
async def bench(world: World, outside: Outside) -> AsyncIterator[DeliveryBench]:
    async with delivery_bench(world, outside) as bench:
        yield bench


async def crash_at(bench: DeliveryBench, point: str) -> None:
    """Let the workers work until one is killed there."""

    def trap(reached: str) -> None:
        if reached == point:
            raise Crash

    await bench.skip_waits()
    faultpoints.arm(trap)
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in the groups of the tasks it went through
            while await bench.pool().drain():
                await bench.skip_waits()
    finally:
        faultpoints.arm(None)
    assert died.type is Crash or died.group_contains(Crash)


POINTS = [
    ("analysis.delivery.claimed", POSTED, 1),
    ("analysis.delivery.before_asking", POSTED, 1),
    ("analysis.delivery.asking", UNREADABLE, 0),
    ("analysis.delivery.posted", UNREADABLE, 1),
    ("analysis.delivery.before_commit", UNREADABLE, 1),
]


@pytest.mark.parametrize(("point", "end", "posted"), POINTS)
async def test_killed_anywhere_it_is_posted_at_most_once(
    bench: DeliveryBench, point: str, end: tuple[str, str], posted: int
) -> None:
    await bench.ready()
    await crash_at(bench, point)
    await bench.work()
    assert (await bench.ends(), len(bench.posted())) == ([end], posted)
    assert [row["state"] for row in await bench.world.rows("SELECT state FROM slack_grants")] == ["over"]


@pytest.mark.parametrize("point", [point for point, _, _ in POINTS])
async def test_killed_anywhere_it_is_posted_exactly_once_where_channels_can_be_read(
    bench: DeliveryBench, point: str
) -> None:
    await bench.allow_history()
    await bench.ready()
    await crash_at(bench, point)
    await bench.work()
    assert (await bench.ends(), len(bench.posted())) == ([POSTED], 1)


async def test_killed_while_the_run_ends_it_is_planned_once(bench: DeliveryBench) -> None:
    await bench.choose()
    run_id = await bench.world.desk.start(ACME, question(), MAYA)
    await bench.world.deliver(await bench.world.fetched(run_id, "call0"), bench.world.completed(run_id, 1))

    def trap(reached: str) -> None:
        if reached == "analysis.delivery.planned":
            raise Crash

    faultpoints.arm(trap)
    try:
        with pytest.raises(BaseException):  # noqa: B017, PT011 - wrapped in groups
            await bench.world.work()
    finally:
        faultpoints.arm(None)
    assert (await bench.rows(), await bench.asked(), await bench.told()) == ([], [], [])
    await bench.world.work()
    assert (len(await bench.rows()), len(await bench.asked())) == (1, 1)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_breaks_however_often_there_are_never_two(bench: DeliveryBench, seed: int) -> None:
    """Crashes, faults and overtaken claims as a seed has them; with and without the right to read the channel."""
    rng = Random(seed)
    readable = seed % 2 == 0
    if readable:
        await bench.allow_history()
    await bench.ready()
    points = [point for point, _, _ in POINTS]
    faults: list[dict[str, object]] = [
        {"status": 500},
        {"status": 503, "after": True},
        {"html": True, "after": True},
        {"status": 429, "retry_after": 1},
        {"body": '{"ok": false, "error": "internal_error"}', "after": True},
    ]
    for _ in range(8):
        if rng.random() < 0.5:
            bench.arm(rng.choice(faults), 1, rng.choice([POST, HISTORY]))
        dies_at, after = rng.choice(points), rng.randrange(3)
        left = [after]

        def trap(reached: str, dies_at: str = dies_at, left: list[int] = left) -> None:
            if reached == dies_at:
                left[0] -= 1
                if left[0] < 0:
                    raise Crash

        await bench.skip_waits()
        faultpoints.arm(trap)
        ends = await asyncio.gather(bench.pool().drain(), bench.pool().drain(), return_exceptions=True)
        faultpoints.arm(None)
        # A crash, wrapped in the groups of the tasks it went through.
        assert all(isinstance(end, int | Crash | BaseExceptionGroup) for end in ends), ends
        assert len(bench.posted()) <= 1
    bench.slack.outside.running.sandbox.switchboard.disarm()
    await bench.work()
    [(state, reason)] = await bench.ends()
    posted = len(bench.posted())
    assert posted <= 1
    assert (state, posted) == ("posted", 1) or ((state, reason) == UNREADABLE and not readable)


async def test_who_is_overtaken_while_slack_thinks_changes_nothing(bench: DeliveryBench) -> None:
    begun = asyncio.Event()
    faultpoints.arm(lambda reached: begun.set() if reached == "analysis.delivery.asking" else None)
    bench.arm({"delay": 2.0})
    await bench.ready()
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.pool().drain())
        await begun.wait()
        faultpoints.arm(None)
        await bench.work()
        assert (await bench.ends(), bench.posted()) == ([UNREADABLE], [])
    assert (await bench.ends(), len(bench.posted())) == ([UNREADABLE], 1)


async def test_two_workers_at_once_post_one(bench: DeliveryBench) -> None:
    await bench.ready()
    await bench.skip_waits()
    await asyncio.gather(*(bench.pool().drain() for _ in range(4)))
    assert (len(bench.posted()), await bench.ends()) == (1, [POSTED])
