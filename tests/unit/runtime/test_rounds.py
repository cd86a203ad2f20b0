"""The loop of the background work: it goes on whatever happens, and rests when there is nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.errors import Transient
from runtime.rounds import Rounds
from testkit.clock import SimulatedClock


class Scripted:
    """Work that answers as told, then has nothing to do; remembers when it was asked."""

    def __init__(self, clock: SimulatedClock, *answers: bool | Exception) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.asked: list[float] = []

    async def once(self) -> bool:
        self.asked.append(self.clock.monotonic())
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def running(rounds: Rounds) -> AsyncIterator[None]:
    task = asyncio.create_task(rounds.run())
    for _ in range(10):
        await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_work_that_was_done_is_followed_by_more_at_once() -> None:
    clock = SimulatedClock()
    work = Scripted(clock, True, True)
    async with running(Rounds([work], clock, poll_seconds=5)):
        assert work.asked == [0, 0, 0]
        await clock.advance(5)
        assert work.asked == [0, 0, 0, 5]


@pytest.mark.parametrize(
    "failure", [Transient("away"), ExceptionGroup("some at once", [Transient("away"), Transient("away")])]
)
async def test_an_interruption_is_waited_out(failure: Exception) -> None:
    clock = SimulatedClock()
    work = Scripted(clock, failure, True)
    async with running(Rounds([work], clock, poll_seconds=5)):
        assert work.asked == [0]
        await clock.advance(5)
        assert work.asked == [0, 5, 5]


async def test_a_hint_ends_the_pause() -> None:
    clock = SimulatedClock()
    work, other = Scripted(clock), Scripted(clock)
    rounds = Rounds([work, other], clock, poll_seconds=600)
    async with running(rounds):
        await clock.advance(7)
        rounds.wake()
        for _ in range(5):
            await asyncio.sleep(0)
        assert work.asked == other.asked == [0, 7]
        await clock.advance(600)
        assert work.asked == other.asked == [0, 7, 607]


async def test_a_hint_during_the_work_is_not_lost() -> None:
    clock = SimulatedClock()

    class Hinted(Scripted):
        async def once(self) -> bool:
            if len(self.asked) == 1:
                rounds.wake()
            return await super().once()

    work = Hinted(clock)
    rounds = Rounds([work], clock, poll_seconds=600)
    async with running(rounds):
        await clock.advance(600)
        assert work.asked == [0, 600, 600]


async def test_one_kind_of_work_does_not_wait_for_another() -> None:
    clock = SimulatedClock()
    broken, sound = Scripted(clock, *[Transient("away")] * 9), Scripted(clock)
    async with running(Rounds([broken, sound], clock, poll_seconds=5)):
        await clock.advance(11)
        assert broken.asked == sound.asked == [0, 5, 10]
