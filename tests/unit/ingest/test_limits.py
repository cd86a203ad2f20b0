"""The limit on requests to one company."""

from __future__ import annotations

import asyncio

from ingest.gong.limits import RateLimiter
from testkit.clock import SimulatedClock


async def _sent(clock: SimulatedClock, limiter: RateLimiter, company: str, times: list[float], count: int) -> None:
    for _ in range(count):
        await limiter.turn(company)
        times.append(clock.monotonic())


async def test_no_second_holds_more_requests_than_allowed_however_many_ask() -> None:
    clock, times = SimulatedClock(), list[float]()
    limiter = RateLimiter(3.0, clock)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(_sent(clock, limiter, "a", times, 5))
        for _ in range(80):
            await asyncio.sleep(0)
            await clock.advance(0.1)
    assert len(times) == 20
    assert all(sum(start <= at < start + 0.999 for at in times) <= 3 for start in times)
    assert max(times) <= 19 / 3 + 0.2


async def test_one_company_does_not_wait_for_another() -> None:
    clock, times = SimulatedClock(), list[float]()
    limiter = RateLimiter(3.0, clock)
    for company in ("a", "b", "c", "d"):
        await _sent(clock, limiter, company, times, 1)
    assert times == [0.0] * 4


async def test_it_can_be_lifted() -> None:
    clock, times = SimulatedClock(), list[float]()
    await _sent(clock, RateLimiter(None, clock), "a", times, 50)
    assert times == [0.0] * 50
