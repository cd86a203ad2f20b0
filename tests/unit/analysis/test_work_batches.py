"""What comes close together is done together, and nobody waits for one who is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from analysis.workers.batches import Batches
from core.errors import Transient


class Crash(BaseException):
    """What kill -9 is to a process."""


class Work:
    """Doubles numbers when it is let; refuses what is negative, crashes at 99."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may = asyncio.Event()
        self.away = False

    async def __call__(self, key: str, items: Sequence[int]) -> list[int]:
        del key
        self.batches.append(list(items))
        await self.may.wait()
        if self.away:
            raise Transient("away")
        if 99 in items:
            raise Crash
        if min(items) < 0:
            raise ValueError("negative")
        return [2 * item for item in items]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def come(batches: Batches[str, int, int], *items: int, key: str = "a") -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(batches.do(key, item)) for item in items]
    await settle()
    return tasks


async def outcomes(tasks: Sequence[asyncio.Task[int]]) -> list[object]:
    async with asyncio.timeout(5):
        return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_those_that_come_meanwhile_are_the_next_batch() -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, 2, 3)
    other = await come(batches, 7, key="b")
    work.may.set()
    assert await outcomes(tasks + other) == [2, 4, 6, 14]
    assert work.batches == [[1], [7], [2, 3]]
    assert not batches._lines


async def test_a_batch_is_no_larger_than_it_may_be() -> None:
    work = Work()
    batches = Batches[str, int, int](work, most=2)
    tasks = await come(batches, 1, 2, 3, 4, 5, 6)
    work.may.set()
    assert await outcomes(tasks) == [2, 4, 6, 8, 10, 12]
    assert work.batches == [[1], [2, 3], [4, 5], [6]]


async def test_who_lingers_takes_those_along_that_come_meanwhile() -> None:
    work = Work()
    work.may.set()
    batches = Batches[str, int, int](work, linger=lambda: 0.001)
    assert await outcomes(await come(batches, 1, 2, 3)) == [2, 4, 6]
    assert work.batches == [[1, 2, 3]]


async def test_one_that_cannot_be_done_holds_nobody_back() -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, 2, -3, 4)
    work.may.set()
    first, second, bad, last = await outcomes(tasks)
    assert (first, second, last) == (2, 4, 8)
    assert isinstance(bad, ValueError)


async def test_one_that_cannot_be_done_and_leads_holds_nobody_back() -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, -2, 3)
    work.may.set()
    first, bad, last = await outcomes(tasks)
    assert (first, last) == (2, 6)
    assert isinstance(bad, ValueError)


async def test_what_is_away_is_away_for_all() -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, 2, 3)
    work.away = True
    work.may.set()
    assert [type(outcome) for outcome in await outcomes(tasks)] == [Transient] * 3
    assert work.batches == [[1], [2, 3]]


async def test_a_crash_reaches_all_that_were_in_the_batch() -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, 2, 99)
    work.may.set()
    first, *crashed = await outcomes(tasks)
    assert first == 2
    assert [type(outcome) for outcome in crashed] == [Crash, Crash]


@pytest.mark.parametrize("gone", [0, 1, 2])
async def test_who_is_cancelled_takes_nobody_along(gone: int) -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, 2, 3)
    tasks[gone].cancel()
    await settle()
    work.may.set()
    results = await outcomes(tasks)
    assert isinstance(results.pop(gone), asyncio.CancelledError)
    assert results == [2 * item for item in (1, 2, 3) if item != gone + 1]
    assert not batches._lines


async def test_a_leader_that_is_cancelled_is_followed_by_those_of_its_batch() -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, 2, 3)
    tasks[0].cancel()
    await settle()
    assert work.batches == [[1], [2, 3]]
    tasks[1].cancel()
    work.may.set()
    assert (await outcomes(tasks))[2] == 6
    assert not batches._lines


async def test_a_batch_ends_with_the_last_one_that_waits() -> None:
    work = Work()
    batches = Batches[str, int, int](work)
    tasks = await come(batches, 1, 2, 3)
    for task in tasks:
        task.cancel()
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in await outcomes(tasks))
    assert not batches._lines
    work.may.set()
    assert await outcomes(await come(batches, 5)) == [10]
