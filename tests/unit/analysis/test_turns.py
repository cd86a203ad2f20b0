"""What is computed ahead lets everything else have its turn in between."""

from __future__ import annotations

import asyncio

import pytest

from analysis.workers.turns import Turns

STEPS, PIECES = 6, 50


async def test_what_is_on_its_way_waits_for_one_piece_a_step_at_most() -> None:
    turns, done, seen = Turns(), 0, list[int]()

    async def piece() -> None:
        nonlocal done
        async with turns.one():
            done += 1

    async def question() -> None:
        for _ in range(STEPS):
            await asyncio.sleep(0)
        seen.append(done)

    async with asyncio.TaskGroup() as group:
        for _ in range(PIECES):
            group.create_task(piece())
        group.create_task(question())
    assert done == PIECES
    assert seen[0] <= STEPS, "one between two of its steps"


async def test_turns_come_in_the_order_in_which_they_were_asked_for_also_when_one_fails() -> None:
    turns, order = Turns(), list[int]()

    async def piece(number: int) -> None:
        async with turns.one():
            order.append(number)
            if number == 2:
                raise ValueError

    results = await asyncio.gather(*(piece(number) for number in range(5)), return_exceptions=True)
    assert order == [0, 1, 2, 3, 4]
    assert isinstance(results[2], ValueError)


async def test_one_who_is_cancelled_in_the_line_holds_up_nobody() -> None:
    turns, order = Turns(), list[int]()

    async def piece(number: int) -> None:
        async with turns.one():
            order.append(number)

    tasks = [asyncio.create_task(piece(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    await tasks[2]
    assert order == [2]
